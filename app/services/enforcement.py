"""Enforcement events: what customer apps did with a config, kept as evidence for it (spec 1 and 6)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.ids import new_id
from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent

INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"


def accept(session: Any, events: Sequence[Mapping[str, Any]], *, now: datetime) -> list[dict[str, Any]]:
    """Keep the events that fit; one result per event, in their order: accepted, duplicate or rejected with errors.

    An enforcement_event_id counts once, in this batch and over all time; events without one get one. The config must
    belong to the event's workspace.
    """
    workspaces = _workspaces(session, {event["config_version_id"] for event in events})
    results: list[dict[str, Any]] = []
    fresh: dict[str, dict[str, Any]] = {}
    for event in events:
        identifier = event.get("enforcement_event_id") or new_id("enf_")
        if workspaces.get(event["config_version_id"]) != event["workspace_id"]:
            results.append(_rejected(identifier, event))
        elif identifier in fresh:
            results.append({"enforcement_event_id": identifier, "status": DUPLICATE})
        else:
            row = {"context": {}} | dict(event) | {"enforcement_event_id": identifier, "received_at": now}
            fresh[identifier] = row
            results.append({"enforcement_event_id": identifier, "status": ACCEPTED})
    inserted = _insert(session, fresh)
    for result in results:
        if result["status"] == ACCEPTED and result["enforcement_event_id"] not in inserted:
            result["status"] = DUPLICATE
    return results


def _workspaces(session: Any, config_ids: set[str]) -> dict[str, str]:
    columns = sa.select(ConfigVersion.config_version_id, ConfigVersion.workspace_id)
    return dict(session.execute(columns.where(ConfigVersion.config_version_id.in_(sorted(config_ids)))).all())


def _rejected(identifier: str, event: Mapping[str, Any]) -> dict[str, Any]:
    detail = f"Workspace {event['workspace_id']} has no config version {event['config_version_id']!r}."
    error = {"pointer": "/config_version_id", "detail": detail, "code": "not_found"}
    return {"enforcement_event_id": identifier, "status": REJECTED, "errors": [error]}


def _insert(session: Any, fresh: Mapping[str, dict[str, Any]]) -> set[str]:
    """Insert what is new in one statement, in key order: PostgreSQL deadlocks when batches lock keys in another."""
    if not fresh:
        return set()
    insert = INSERTS[session.get_bind().dialect.name](EnforcementEvent)
    statement = insert.on_conflict_do_nothing().returning(EnforcementEvent.enforcement_event_id)
    return set(session.scalars(statement, [fresh[identifier] for identifier in sorted(fresh)]))

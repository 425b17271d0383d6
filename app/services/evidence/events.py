"""Enforcement events: what customer apps did with a config, kept as evidence (spec 1 and 6).

Apps deliver at least once, so the same id twice is no error; one bad event does not hold up the others of its batch.
A number (client_id, sequence) never decides whether an event is stored: two queues that share a client_id, because a
folder was copied, would lose what they report. `sequence_gaps` tells such reused numbers apart from missing ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TypedDict

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from app.actor import Actor
from app.errors import FieldError
from app.ids import new_id
from app.models.base import AnySession, Model
from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent, EnforcementRepeat
from app.services.product_events import log_event
from simulation.canonical import Json, JsonObject

INSERTS: Mapping[str, Callable[[sa.Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"
REPEAT_KEY = ("workspace_id", "client_id", "sequence", "enforcement_event_id")
FILTERS = ("workspace_id", "config_version_id", "customer_id", "event_type", "client_id")

Event = Mapping[str, Json]
"""The fields of an event as an app sent it, checked one by one; ids and numbers may be missing."""


class EventRow(TypedDict):
    """An event to store, without its time of receipt."""

    enforcement_event_id: str
    workspace_id: str
    customer_id: str
    config_version_id: str
    occurred_at: datetime
    event_type: str
    context: JsonObject
    client_id: str | None
    sequence: int | None


@dataclass(frozen=True)
class Result:
    """The outcome for one event; `errors` only of a rejected one, their pointers within the event."""

    status: str
    enforcement_event_id: str | None = None
    errors: Sequence[FieldError] = ()

    def as_dict(self) -> JsonObject:
        """`{status, enforcement_event_id, errors[]}`."""
        return {
            "status": self.status,
            "enforcement_event_id": self.enforcement_event_id,
            "errors": [error.as_dict() for error in self.errors],
        }


def accept(session: AnySession, events: Sequence[Event | Result], *, actor: Actor, now: datetime) -> list[Result]:
    """Store the events that fit, in one statement; one result per event, in their order.

    An event whose fields do not fit is passed as its rejecting Result, which is returned as it is.
    """
    workspaces = _workspaces(session, events)
    judged = [_judge(event, workspaces) for event in events]
    rows = {item["enforcement_event_id"]: item for item in reversed(judged) if not isinstance(item, Result)}
    stored = _insert(session, [rows[key] | {"received_at": now} for key in sorted(rows)])
    results = list(_results(judged, stored))
    _note_repeats(session, judged, results, now)
    _log(session, [rows[key] for key in sorted(stored)], actor, now)
    return results


def recorded(filters: Mapping[str, object]) -> sa.Select[tuple[EnforcementEvent]]:
    """The events that agree with `FILTERS` and happened in `[since, until)`."""
    chosen = sa.select(EnforcementEvent).filter_by(**{name: filters[name] for name in FILTERS if name in filters})
    if "since" in filters:
        chosen = chosen.where(EnforcementEvent.occurred_at >= filters["since"])
    if "until" in filters:
        chosen = chosen.where(EnforcementEvent.occurred_at < filters["until"])
    return chosen


def _workspaces(session: AnySession, events: Iterable[Event | Result]) -> dict[str, str]:
    """The workspace of every config version that is named."""
    config_ids = {event["config_version_id"] for event in events if not isinstance(event, Result)}
    configs = sa.select(ConfigVersion.config_version_id, ConfigVersion.workspace_id)
    return dict(session.execute(configs.where(ConfigVersion.config_version_id.in_(sorted(config_ids)))).tuples().all())


def _judge(event: Event | Result, workspaces: Mapping[str, str]) -> EventRow | Result:
    """The event as a row, or why it is rejected."""
    if isinstance(event, Result):
        return event
    config_version_id, workspace_id = event["config_version_id"], event["workspace_id"]
    if workspaces.get(config_version_id) != workspace_id:
        problem = f"Workspace {workspace_id} has no config version {config_version_id!r}."
        error = FieldError("/config_version_id", problem, "not_found")
        return Result(REJECTED, event.get("enforcement_event_id"), (error,))
    return EventRow(
        enforcement_event_id=event.get("enforcement_event_id") or new_id("enf_"),
        workspace_id=workspace_id,
        customer_id=event["customer_id"],
        config_version_id=config_version_id,
        occurred_at=event["occurred_at"],
        event_type=event["event_type"],
        context=event.get("context", {}),
        client_id=event.get("client_id"),
        sequence=event.get("sequence"),
    )


def _insert(session: AnySession, rows: Sequence[Mapping[str, object]]) -> set[str]:
    """Insert those rows, ordered by key, whose ids are new; return these ids.

    Unordered, concurrent batches with the same ids would wait for each other in a circle on PostgreSQL.
    """
    if not rows:
        return set()
    insert = _insert_new(session, EnforcementEvent)
    return set(session.scalars(insert.returning(EnforcementEvent.enforcement_event_id), rows))


def _insert_new(session: AnySession, model: type[Model]) -> sa.Insert:
    """INSERT that skips rows whose key is taken."""
    return INSERTS[session.get_bind().dialect.name](model.__table__).on_conflict_do_nothing()


def _note_repeats(
    session: AnySession, judged: Sequence[EventRow | Result], results: Sequence[Result], now: datetime
) -> None:
    """Store the numbers of duplicates that came under another number than the stored event."""
    repeated = [
        item
        for item, result in zip(judged, results, strict=True)
        if not isinstance(item, Result) and result.status == DUPLICATE and item["sequence"] is not None
    ]
    if not repeated:
        return
    event = EnforcementEvent
    ids = sorted({item["enforcement_event_id"] for item in repeated})
    numbered = sa.select(event.enforcement_event_id, event.client_id, event.sequence)
    stored = {row[0]: tuple(row[1:]) for row in session.execute(numbered.where(event.enforcement_event_id.in_(ids)))}
    numbers = {
        (item["workspace_id"], item["client_id"], item["sequence"], item["enforcement_event_id"])
        for item in repeated
        if stored[item["enforcement_event_id"]] != (item["client_id"], item["sequence"])
    }
    if numbers:
        rows = [dict(zip(REPEAT_KEY, number, strict=True)) | {"received_at": now} for number in sorted(numbers)]
        session.execute(_insert_new(session, EnforcementRepeat), rows)


def _results(judged: Iterable[EventRow | Result], stored: set[str]) -> Iterator[Result]:
    """One result per event: of several with one id in a batch the first is accepted, if the id was new."""
    new_ids = set(stored)
    for item in judged:
        if isinstance(item, Result):
            yield item
        else:
            identifier = item["enforcement_event_id"]
            yield Result(ACCEPTED if identifier in new_ids else DUPLICATE, identifier)
            new_ids.discard(identifier)


def _log(session: AnySession, rows: Iterable[EventRow], actor: Actor, now: datetime) -> None:
    """Append one product event per config version and batch."""

    def config_of(row: EventRow) -> tuple[str, str]:
        return row["workspace_id"], row["config_version_id"]

    for (workspace_id, config_version_id), accepted in groupby(sorted(rows, key=config_of), config_of):
        log_event(
            session,
            "enforcement_events_recorded",
            actor=actor,
            now=now,
            workspace_id=workspace_id,
            entity_id=config_version_id,
            accepted=len(list(accepted)),
        )

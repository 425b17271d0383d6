"""Insert, change and remove rows that operators author; what all of it shares."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.actor import Actor
from app.errors import Conflict, FieldError, invalid, invalid_field
from app.models.workspace import Workspace
from app.services.product_events import log_event

Changes = Mapping[str, Any]


def assign(row: Any, changes: Changes) -> None:
    for name, value in changes.items():
        setattr(row, name, value)


def insert(session: Any, row: Any, key: str) -> Any:
    """Add a row whose identifier may have been given; a taken one is a conflict that names it."""
    identifier = getattr(row, key)
    if identifier is not None and session.get(type(row), identifier) is not None:
        raise Conflict(f"{key} {identifier!r} is taken already.", code="already_exists")
    session.add(row)
    session.flush()
    return row


def remove(session: Any, row: Any, kind: str, identifier: str) -> None:
    """Delete a row that nothing refers to."""
    session.delete(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(f"The {kind} {identifier} is still referred to by other records.", code="in_use") from error


def unknown_ids(session: Any, column: Any, given: Iterable[str], pointer: str, catalog: str) -> list[FieldError]:
    """One error for each id that the catalog lacks, naming the ones it has."""
    known = list(session.scalars(sa.select(column).order_by(column)))
    return [
        FieldError(
            f"{pointer}/{i}", f"{item!r} is not in the {catalog} catalog; it has: {', '.join(known) or 'nothing'}"
        )
        for i, item in enumerate(given)
        if item not in known
    ]


def raise_all(errors: Iterable[FieldError]) -> None:
    if found := list(errors):
        raise invalid(*found)


def require_workspace(session: Any, workspace_id: str) -> None:
    if session.get(Workspace, workspace_id) is None:
        raise invalid_field("/workspace_id", f"There is no workspace {workspace_id!r}.")


def log_change(
    session: Any, name: str, workspace_id: str | None, entity_id: str, actor: Actor, now: datetime, **detail: Any
) -> None:
    log_event(session, name, actor=actor, now=now, workspace_id=workspace_id, entity_id=entity_id, **detail)

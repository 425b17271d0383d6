"""What came in and can be taken out again: the list of imports and batches, undoing one, withdrawing events (spec 4.1).

The event store changes first, in one transaction of its index, then the product event log says so. A crash between the
two leaves a change that the list of imports shows and the log does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.actor import Actor
from app.errors import not_found
from app.models.base import AnySession
from app.models.transactions import write
from app.models.usage import UsageImport
from app.models.workspace import Workspace
from app.services.lookup import get
from app.services.product_events import log_event
from app.services.usage.origins import Origin
from app.services.usage.store import EventStore
from simulation.canonical import JsonObject

COUNTED = "counted"
PARTLY_WITHDRAWN = "partly_withdrawn"
WITHDRAWN = "withdrawn"
UNDONE = "undone"
NOTHING_STORED = "nothing_stored"
WITHOUT_ORIGIN = "without_origin"
"""Imported before events knew where they came from: they can be withdrawn by their ids only."""
STATES = (COUNTED, PARTLY_WITHDRAWN, WITHDRAWN, UNDONE, NOTHING_STORED, WITHOUT_ORIGIN)
Place = tuple[datetime, str]
"""Where a row stands in the list: when it came in (aware), and its id."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An import of a file or a batch over HTTP, in one workspace.

    `rows_stored`: how many of the accepted rows still count; None where that is not known. `rows_rejected` is None for
    a batch, whose sender was told. `report` is what the record of an import says besides.
    """

    usage_import_id: str
    workspace_id: str
    source: str
    received_at: datetime
    rows_accepted: int
    rows_duplicate: int
    rows_conflicting: int
    rows_rejected: int | None
    rows_stored: int | None
    state: str
    undone_at: datetime | None
    report: JsonObject

    @property
    def can_be_undone(self) -> bool:
        """Whether undoing it would take something out."""
        return self.state in (COUNTED, PARTLY_WITHDRAWN)

    @property
    def place(self) -> Place:
        """Its place in the list."""
        return self.received_at, self.usage_import_id


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The ids that were withdrawn, and those that no stored event has; each in order."""

    event_ids: Sequence[str]
    not_stored: Sequence[str]


def incoming(
    session: AnySession, store: EventStore, workspace_id: str, limit: int, before: Place | None = None
) -> list[Incoming]:
    """The newest imports and batches of a workspace, newest first; `before`: only those after this place of the list.

    The index of the store has those that stored something, the database those that are files. Both are in one order, so
    the newest of both are among the newest of each.
    """
    origins = {origin.usage_import_id: origin for origin in store.newest_origins(workspace_id, limit, before)}
    records = {row.usage_import_id: row for row in _records(session, workspace_id, limit, before)}
    rows = [_incoming(origin, records.get(name)) for name, origin in origins.items()]
    rows += [_only_recorded(record) for name, record in records.items() if name not in origins]
    return sorted(rows, key=lambda row: row.place, reverse=True)[:limit]


def incoming_of(session: AnySession, store: EventStore, usage_import_id: str) -> list[Incoming]:
    """One import or batch: a row for each workspace that it went to, in order. NotFound when there is none."""
    record, origins = session.get(UsageImport, usage_import_id), store.origins_of(usage_import_id)
    if record is None and not origins:
        raise not_found("usage import", usage_import_id)
    return [_incoming(origin, record) for origin in origins] or ([] if record is None else [_only_recorded(record)])


def undo(
    session: AnySession, store: EventStore, usage_import_id: str, *, actor: Actor, now: datetime
) -> list[Incoming]:
    """Take out all that an import or batch stored and that still counts; its ids may come again.

    Harmless when repeated. NotFound when there is none. Opens and commits a write transaction of its own, after the
    events are gone.
    """
    before = incoming_of(session, store, usage_import_id)
    session.rollback()
    undone = store.undo(usage_import_id, now)
    with write(session):
        for origin in undone:
            log_event(
                session,
                "usage_import_undone",
                actor=actor,
                now=now,
                workspace_id=origin.workspace_id,
                entity_id=usage_import_id,
                withdrawn=origin.stored,
            )
    return incoming_of(session, store, usage_import_id) if undone else before


def withdraw(
    session: AnySession,
    store: EventStore,
    workspace_id: str,
    event_ids: Sequence[str],
    *,
    actor: Actor,
    now: datetime,
) -> Withdrawn:
    """Take events out by their ids, which may come again. NotFound without such a workspace.

    Opens and commits a write transaction of its own, after the events are gone.
    """
    get(session, Workspace, workspace_id, "workspace")
    session.rollback()
    gone = store.withdraw(workspace_id, event_ids)
    if gone:
        with write(session):
            log_event(
                session,
                "usage_withdrawn",
                actor=actor,
                now=now,
                workspace_id=workspace_id,
                entity_id=workspace_id,
                withdrawn=len(gone),
            )
    return Withdrawn(gone, sorted(set(event_ids).difference(gone)))


def events_without_origin(store: EventStore, workspace_id: str) -> int:
    """How many stored events came in with no import or batch that is known: they can be withdrawn by their ids only."""
    return store.snapshot(workspace_id).row_count - store.rows_with_origin(workspace_id)


def _records(session: AnySession, workspace_id: str, limit: int, before: Place | None) -> Sequence[UsageImport]:
    order = (UsageImport.created_at, UsageImport.usage_import_id)
    rows = sa.select(UsageImport).filter_by(workspace_id=workspace_id)
    if before is not None:
        place = sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(before, order, strict=True)))
        rows = rows.where(sa.tuple_(*order) < place)
    return session.scalars(rows.order_by(*(column.desc() for column in order)).limit(limit)).all()


def _incoming(origin: Origin, record: UsageImport | None) -> Incoming:
    """What stored something; only a file has a record in the database."""
    return Incoming(
        usage_import_id=origin.usage_import_id,
        workspace_id=origin.workspace_id,
        source=origin.source,
        received_at=origin.received_at,
        rows_accepted=origin.accepted,
        rows_duplicate=origin.duplicates,
        rows_conflicting=origin.conflicts,
        rows_rejected=None if record is None else record.rows_rejected,
        rows_stored=origin.stored,
        state=_state(origin),
        undone_at=origin.undone_at,
        report={} if record is None else record.report,
    )


def _only_recorded(record: UsageImport) -> Incoming:
    """An import that stored nothing, or one from before events knew where they came from."""
    return Incoming(
        usage_import_id=record.usage_import_id,
        workspace_id=record.workspace_id,
        source=record.source,
        received_at=record.created_at,
        rows_accepted=record.rows_accepted,
        rows_duplicate=record.rows_duplicate,
        rows_conflicting=record.report.get("conflicts", 0),
        rows_rejected=record.rows_rejected,
        rows_stored=None if record.rows_accepted else 0,
        state=WITHOUT_ORIGIN if record.rows_accepted else NOTHING_STORED,
        undone_at=None,
        report=record.report,
    )


def _state(origin: Origin) -> str:
    if origin.undone_at is not None:
        return UNDONE
    if origin.stored == origin.accepted:
        return COUNTED
    return PARTLY_WITHDRAWN if origin.stored else WITHDRAWN

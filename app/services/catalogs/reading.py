"""What one workspace reads of the catalogs: its own entries and the shared ones (spec 1).

Its own entry stands before a shared one of the same key. The dimensions of an event type are those of both; where two
differ only in case, which the columnar engine reads as one, the workspace's own spelling stands.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.errors import not_found
from app.models.base import AnySession
from app.models.catalog import CatalogEntry, EventCatalog
from app.services.catalogs.kinds import EVENTS, Kind
from simulation.canonical import Json

Entry = TypeVar("Entry", bound=CatalogEntry)
WorkspaceId = str | None | sa.ColumnElement[str] | InstrumentedAttribute[str]
"""A workspace: its id, the column of a query that has it, or None for whoever reads the shared entries alone."""


class EventRow(NamedTuple):
    """A row of the event catalog; `workspace_id` is None for a shared one."""

    event_type: str
    dimensions: list[str]
    workspace_id: str | None


@dataclass(frozen=True)
class Labels:
    """key → label of the entries that a workspace reads: its own, and the shared ones that none of these replaces."""

    own: Mapping[str, str]
    shared: Mapping[str, str]

    @property
    def all(self) -> dict[str, str]:
        """Both, the workspace's own first."""
        return {**self.own, **self.shared}

    def missing(self, keys: Iterable[str]) -> list[str]:
        """Those of the keys that neither has."""
        return [key for key in keys if key not in self.own and key not in self.shared]


def readable(model: type[CatalogEntry], workspace_id: WorkspaceId) -> sa.ColumnElement[bool]:
    """The condition that an entry is shared or the workspace's own; both of one key may be."""
    column = model.__table__.c.workspace_id  # of the table: queries that the unit of work does not see use it, too
    return column.is_(None) if workspace_id is None else sa.or_(column.is_(None), column == workspace_id)


def standing(model: type[CatalogEntry], workspace_id: str | None) -> sa.ColumnElement[bool]:
    """The condition that an entry is what the workspace reads under its key: each key once."""
    if workspace_id is None:
        return readable(model, None)
    own, key = aliased(model), model.KEY
    replaced = sa.exists().where(own.workspace_id == workspace_id, getattr(own, key) == getattr(model, key))
    shared = sa.and_(model.workspace_id.is_(None), ~replaced)
    return sa.or_(model.workspace_id == workspace_id, shared)


def key_column(model: type[CatalogEntry]) -> InstrumentedAttribute[str]:
    """The column by which other records name an entry."""
    column: InstrumentedAttribute[str] = getattr(model, model.KEY)
    return column


def keys_of(session: AnySession, model: type[CatalogEntry], workspace_id: str | None) -> list[str]:
    """The keys that the workspace reads, in order, each once."""
    key = key_column(model)
    return list(session.scalars(sa.select(key).where(readable(model, workspace_id)).distinct().order_by(key)))


def labels_of(session: AnySession, kind: Kind, workspace_id: str | None) -> Labels:
    """The entries that the workspace reads, by label and then key; a catalog without labels has its keys for them."""
    key, label = key_column(kind.model), getattr(kind.model, kind.named_by or kind.key)
    statement = sa.select(key, label, kind.model.workspace_id).where(standing(kind.model, workspace_id))
    rows = session.execute(statement.order_by(label, key)).tuples().all()
    return Labels(
        own={key: label for key, label, owner in rows if owner is not None},
        shared={key: label for key, label, owner in rows if owner is None},
    )


def entry_of(session: AnySession, kind: Kind, workspace_id: str | None, key: str) -> CatalogEntry:
    """The entry that the workspace reads under a key: its own, else the shared one; NotFound without either."""
    column = key_column(kind.model)
    row = session.scalar(sa.select(kind.model).where(standing(kind.model, workspace_id), column == key))
    if row is None:
        raise not_found(kind.one, key)
    return row


def event_types_of(session: AnySession, workspace_id: str | None) -> dict[str, tuple[str, ...]]:
    """event_type → dimensions, of all that the workspace reads, by event type."""
    columns = (EventCatalog.event_type, EventCatalog.dimensions, EventCatalog.workspace_id)
    rows = session.execute(sa.select(*columns).where(readable(EventCatalog, workspace_id))).tuples()
    return joined(EventRow(*row) for row in rows)


def joined(rows: Iterable[EventRow]) -> dict[str, tuple[str, ...]]:
    """event_type → dimensions of a workspace's own rows and then of the shared ones, by event type."""
    ordered = sorted(rows, key=lambda row: (row.event_type, row.workspace_id is None))
    own = {name.casefold(): name for row in ordered if row.workspace_id is not None for name in row.dimensions}
    dimensions: dict[str, dict[str, None]] = {}
    for row in ordered:
        names = row.dimensions if row.workspace_id is not None else _in_own_spelling(row.dimensions, own)
        dimensions.setdefault(row.event_type, {}).update(dict.fromkeys(names))
    return {event_type: tuple(names) for event_type, names in dimensions.items()}


def _in_own_spelling(names: Iterable[str], own: Mapping[str, str]) -> list[str]:
    """Shared dimensions without those that the workspace spells otherwise."""
    return [name for name in names if own.get(name.casefold(), name) == name]


def reader(session: AnySession, kind: Kind, workspace_id: str | None) -> Callable[[CatalogEntry], dict[str, Json]]:
    """A function that gives a standing entry as the workspace reads it: its fields and `workspace_id`.

    An event type has the dimensions of its own entry and of the shared one, and the shared description where its own
    says nothing.
    """

    def plain(row: CatalogEntry) -> dict[str, Json]:
        return {name: getattr(row, name) for name in ("workspace_id", *kind.fields)}

    if kind is not EVENTS:
        return plain
    dimensions = event_types_of(session, workspace_id)
    described = sa.select(EventCatalog.event_type, EventCatalog.description).where(EventCatalog.workspace_id.is_(None))
    descriptions = dict(session.execute(described).tuples().all())

    def joined_with_shared(row: CatalogEntry) -> dict[str, Json]:
        own = plain(row)
        return own | {
            "dimensions": list(dimensions.get(row.key, ())),
            "description": own["description"] or descriptions.get(row.key, ""),
        }

    return joined_with_shared


def dimensions_of(session: AnySession, workspace_id: str | None) -> list[str]:
    """The dimensions of all event types that the workspace reads, sorted, each once."""
    return sorted({name for names in event_types_of(session, workspace_id).values() for name in names})

"""Keep and remove a workspace's own entries; shared ones come with the seed files alone (spec 1).

Keeping is idempotent: an entry that is there is changed where it differs, and nothing is lost. Every change counts up
the workspace's `catalog_revision` in the same transaction, which also makes two writers of one catalog take turns.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict, not_found
from app.models.base import AnySession
from app.models.catalog import CatalogEntry, Customer
from app.models.workspace import Workspace
from app.services.catalogs.entries import Values
from app.services.catalogs.kinds import EVENTS, SEGMENTS, Kind
from app.services.catalogs.reading import key_column
from app.services.catalogs.references import references
from app.services.product_events import log_event

_AT_ONCE = 500  # keys in one statement


class Kept(NamedTuple):
    """The keys of the entries that are new, and of those that changed, each in the order given."""

    added: list[str]
    changed: list[str]


def count_up(session: AnySession, workspace_id: str) -> None:
    """Count a change of the workspace's own entries; NotFound without such a workspace."""
    counting = sa.update(Workspace).where(Workspace.workspace_id == workspace_id)
    result = session.connection().execute(counting.values(catalog_revision=Workspace.catalog_revision + 1))
    if result.rowcount == 0:
        raise not_found("workspace", workspace_id)


def keep(session: AnySession, kind: Kind, workspace_id: str, entries: Mapping[str, Values]) -> Kept:
    """Add the entries (`entries.judge`) to the workspace's own, and change those that are there already.

    What an entry leaves out stays as it is stored, and dimensions are only ever added.
    """
    session.flush()
    count_up(session, workspace_id)
    kept = Kept([], [])
    for rows, part in _with_stored(session, kind, workspace_id, entries):
        fresh = {key: values for key, values in part.items() if key not in rows}
        if fresh:
            session.execute(
                sa.insert(kind.model),
                [_defaults(kind, key) | values | {"workspace_id": workspace_id} for key, values in fresh.items()],
            )
        kept.added.extend(fresh)
        kept.changed.extend(key for key, row in rows.items() if _change(row, part[key]))
    session.flush()
    return kept


def _with_stored(
    session: AnySession, kind: Kind, workspace_id: str, entries: Mapping[str, Values]
) -> Iterator[tuple[dict[str, CatalogEntry], dict[str, Values]]]:
    """Parts of the entries, and the workspace's own rows of each part, by key."""
    every_key = list(entries)
    for start in range(0, len(every_key), _AT_ONCE):
        keys = every_key[start : start + _AT_ONCE]
        own = sa.select(kind.model).where(kind.model.workspace_id == workspace_id, key_column(kind.model).in_(keys))
        rows = {row.key: row for row in session.scalars(own.execution_options(populate_existing=True))}
        yield rows, {key: entries[key] for key in keys}


def _defaults(kind: Kind, key: str) -> Values:
    """What a new entry has where nothing is given."""
    values: Values = {kind.key: key}
    if kind.named_by:
        values[kind.named_by] = key
    if kind is EVENTS:
        values |= {"description": "", "dimensions": []}
    if kind is SEGMENTS:
        values["description"] = None
    return values


def _change(row: CatalogEntry, values: Values) -> bool:
    """Take over what differs; whether anything did."""
    before = {name: getattr(row, name) for name in values}
    after = dict(values)
    if "dimensions" in values:
        after["dimensions"] = list(dict.fromkeys((*before["dimensions"], *values["dimensions"])))
    for name, value in after.items():
        if before[name] != value:
            setattr(row, name, value)
    return before != after


def log_kept(
    session: AnySession, kind: Kind, workspace_id: str, accepted: int, *, entity_id: str, actor: Actor, now: datetime
) -> None:
    """Log an import of entries: `event_catalog_imported` and the like, about what `entity_id` names."""
    log_event(
        session,
        f"{kind.table}_imported",
        actor=actor,
        now=now,
        workspace_id=workspace_id,
        entity_id=entity_id,
        accepted=accepted,
    )


def remove(
    session: AnySession, kind: Kind, workspace_id: str, key: str, *, events: int, actor: Actor, now: datetime
) -> None:
    """Delete a workspace's own entry. Conflict while anything names it; `events` is how many stored usage events do.

    NotFound when the workspace has no such entry, Conflict when it is a shared one, which is not its to delete.
    """
    count_up(session, workspace_id)
    row = _own(session, kind, workspace_id, key)
    uses = [f"{use.entity_type} {use.entity_id} ({use.field})" for use in references(session, kind, key, workspace_id)]
    uses += [f"{events:,} stored usage event{'' if events == 1 else 's'}"] if events else []
    uses += _customers(session, workspace_id, key) if kind is SEGMENTS else []
    if uses:
        more = f" and {len(uses) - 3} more" if len(uses) > 3 else ""
        raise Conflict(
            f"The {kind.one} {key} stays, because it is named by {', '.join(uses[:3])}{more}.", code="in_use"
        )
    session.delete(row)
    session.flush()
    log_event(session, f"{kind.table}_entry_deleted", actor=actor, now=now, workspace_id=workspace_id, entity_id=key)


def _own(session: AnySession, kind: Kind, workspace_id: str, key: str) -> CatalogEntry:
    of_key = sa.select(kind.model).where(key_column(kind.model) == key)
    row = session.scalar(of_key.where(kind.model.workspace_id == workspace_id))
    if row is not None:
        return row
    if session.scalar(of_key.where(kind.model.workspace_id.is_(None))) is not None:
        raise Conflict(
            f"The {kind.one} {key} is shared by all workspaces, so no workspace can delete it.", code="shared_entry"
        )
    raise not_found(kind.one, key)


def _customers(session: AnySession, workspace_id: str, segment: str) -> Iterable[str]:
    """The first of the workspace's own customers in a segment."""
    own = sa.select(Customer.customer_id).where(Customer.workspace_id == workspace_id, Customer.segment == segment)
    return [f"customer {key}" for key in session.scalars(own.order_by(Customer.customer_id).limit(4))]

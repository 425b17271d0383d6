"""The dimensions whose spelling binds a workspace: no other name of it may differ from one of these only in case.

These are its own, and of the shared ones those that its events or its units use. A shared dimension that it uses
nowhere may come from another workspace's file and bars nothing: the workspace's own spelling then stands (ADR 26).
"""

from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.catalog import EventCatalog
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.catalogs.reading import dimensions_of
from simulation.canonical import Json


def binding_dimensions(session: AnySession, workspace_id: str, stored: Iterable[str]) -> set[str]:
    """The names; `stored` are the dimensions that the workspace's stored events have."""
    own = session.scalars(sa.select(EventCatalog.dimensions).where(EventCatalog.workspace_id == workspace_id))
    used = {*stored, *_named_by_units(session, workspace_id)}
    return {name for names in own for name in names}.union(used.intersection(dimensions_of(session, workspace_id)))


def _named_by_units(session: AnySession, workspace_id: str) -> Iterator[str]:
    """The dimensions that mappings of the workspace's units name, defined or frozen."""
    defined = sa.select(ValueUnitDefinition.event_mapping).join(Cycle, Cycle.cycle_id == ValueUnitDefinition.cycle_id)
    for mapping in session.scalars(defined.where(Cycle.workspace_id == workspace_id)):
        yield from _named_by(mapping)
    frozen = sa.select(ValueUnitSnapshot.value_units).where(ValueUnitSnapshot.workspace_id == workspace_id)
    for units in session.scalars(frozen):
        for unit in units:
            yield from _named_by(unit.get("event_mapping"))


def _named_by(mapping: Mapping[str, Json] | None) -> Iterator[str]:
    if mapping is None:
        return
    yield from mapping.get("filters") or ()
    aggregation = mapping.get("aggregation") or {}
    yield from (aggregation[name] for name in ("field", "minus") if aggregation.get(name))

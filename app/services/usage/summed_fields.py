"""The fields that a workspace's value units sum: where an event's value should be a number (spec 4.2, 1)."""

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition
from app.services.usage.fields import Summed
from simulation.canonical import JsonObject

_CYCLE, _UNIT = Cycle.__table__.c, ValueUnitDefinition.__table__.c
_UNITS: sa.Select[tuple[str, JsonObject]] = (  # put together once: every batch of events asks for them
    sa.select(_UNIT.name, _UNIT.event_mapping)
    .join(Cycle.__table__, _CYCLE.cycle_id == _UNIT.cycle_id)
    .where(_CYCLE.workspace_id == sa.bindparam("workspace_id"), _UNIT.event_mapping.is_not(None))
    .order_by(_UNIT.name)
)


def summed_fields(session: AnySession, workspace_id: str) -> Summed:
    """The names of the units that sum a field, in order, by event type and field; units that are edited count too."""
    names: dict[tuple[str, str], dict[str, None]] = {}
    for name, mapping in session.execute(_UNITS, {"workspace_id": workspace_id}).tuples():
        for key in _summed(mapping):
            names.setdefault(key, {})[name] = None
    return {key: tuple(units) for key, units in names.items()}


def _summed(mapping: JsonObject | None) -> list[tuple[str, str]]:
    """The event type with each field that a sum adds or takes off; none of another aggregation or a mapping in work."""
    aggregation = (mapping or {}).get("aggregation") or {}
    event_type = (mapping or {}).get("event_type")
    fields = (aggregation.get("field"), aggregation.get("minus")) if aggregation.get("type") == "sum" else ()
    return [(event_type, field) for field in fields if event_type and field]

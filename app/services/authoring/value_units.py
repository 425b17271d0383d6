"""Create, change and delete value units (spec 1 and 6).

Values arrive parsed and typed (schemas and forms do that); here they are compared with other rows. Functions take the
session, return the row, raise `app.errors`, and never commit.
"""

from datetime import datetime

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict, invalid_field
from app.models.base import AnySession
from app.models.config_version import Pool
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring.inputs import ValueUnitInput
from app.services.authoring.rows import assign, insert, raise_all, remove, unknown_ids
from app.services.catalogs.kinds import METRICS, QUALITY_SIGNALS
from app.services.configs.reading import definition_value
from app.services.lookup import get
from app.services.product_events import log_event
from rules.value_units import value_unit_completeness
from simulation.canonical import Json


def lock_units(session: AnySession, cycle_id: str) -> Cycle:
    """The cycle, with its units and snapshots kept from other writers until the transaction ends.

    A caller that compares before it writes locks first: it then writes over, or freezes, exactly what it compared.
    Rows that refer to the cycle do not wait, and on SQLite `write` holds the only write lock already.
    """
    cycle = session.get(Cycle, cycle_id, with_for_update={"key_share": True})
    if cycle is None:
        raise invalid_field("/cycle_id", f"There is no cycle {cycle_id!r}.")
    return cycle


def locked_unit(session: AnySession, value_unit_id: str) -> ValueUnitDefinition:
    """The value unit, read once its cycle's units are locked, or NotFound; a unit never changes its cycle."""
    lock_units(session, get(session, ValueUnitDefinition, value_unit_id, "value unit").cycle_id)
    return get(session, ValueUnitDefinition, value_unit_id, "value unit", populate_existing=True)


def create_value_unit(session: AnySession, data: ValueUnitInput, *, actor: Actor, now: datetime) -> ValueUnitDefinition:
    """A new unit in its cycle; Invalid names the metrics and quality signals that the catalogs lack."""
    lock_units(session, data["cycle_id"])
    row = ValueUnitDefinition(created_at=now, updated_at=now)
    assign(row, data)
    _check_unit(session, row)
    insert(session, row, "value_unit_id")
    row.completeness_status = _completeness(row)
    _log_unit(session, "value_unit_created", row, actor, now)
    return row


def update_value_unit(
    session: AnySession, value_unit_id: str, data: ValueUnitInput, *, actor: Actor, now: datetime
) -> ValueUnitDefinition:
    """Change a unit, which stays in its cycle; Invalid names the metrics and signals that the catalogs lack."""
    row = locked_unit(session, value_unit_id)
    if data.get("cycle_id", row.cycle_id) != row.cycle_id:
        raise invalid_field("/cycle_id", f"Value unit {value_unit_id} stays in cycle {row.cycle_id}.")
    with session.no_autoflush:
        assign(row, data)
        _check_unit(session, row)
    row.completeness_status = _completeness(row)
    row.updated_at = now
    _log_unit(session, "value_unit_updated", row, actor, now, changed=sorted(data))
    return row


def delete_value_unit(session: AnySession, value_unit_id: str, *, actor: Actor, now: datetime) -> None:
    """Delete a definition that no pool of a config names; snapshots keep their frozen copy."""
    row = locked_unit(session, value_unit_id)
    pool = session.scalar(sa.select(Pool).filter_by(value_unit_id=value_unit_id).limit(1))
    if pool is not None:
        raise Conflict(
            f"Value unit {value_unit_id} is counted by pool {pool.pool_id} of config {pool.config_version_id}.",
            code="in_use",
        )
    _log_unit(session, "value_unit_deleted", row, actor, now)
    remove(session, row, "value unit", value_unit_id)


def _check_unit(session: AnySession, unit: ValueUnitDefinition) -> None:
    workspace_id = get(session, Cycle, unit.cycle_id, "cycle").workspace_id
    intents = [intent["metric_id"] for intent in unit.metrics_intent or ()]
    errors = unknown_ids(session, METRICS, workspace_id, intents, "/metrics_intent")
    signals = unit.quality_signal_source or ()
    errors += unknown_ids(session, QUALITY_SIGNALS, workspace_id, signals, "/quality_signal_source")
    raise_all(errors)


def _completeness(unit: ValueUnitDefinition) -> str:
    return value_unit_completeness(definition_value(unit)).status.value


def _log_unit(
    session: AnySession, name: str, unit: ValueUnitDefinition, actor: Actor, now: datetime, **detail: Json
) -> None:
    workspace_id = get(session, Cycle, unit.cycle_id, "cycle").workspace_id
    log_event(session, name, actor=actor, now=now, workspace_id=workspace_id, entity_id=unit.value_unit_id, **detail)

"""Freeze a cycle's value units as its next snapshot version (spec 1, flow 2B)."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict
from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle, LearningLogEntry
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.authoring.configs import update_config
from app.services.authoring.inputs import ConfigColumns
from app.services.authoring.rows import insert
from app.services.authoring.value_units import lock_units
from app.services.configs.diffs import Change
from app.services.configs.diffs import changes as document_changes
from app.services.configs.documents import frozen_unit
from app.services.configs.lookup import latest_snapshot
from app.services.product_events import log_event
from rules.lifecycle import EDITABLE
from simulation.canonical import JsonObject

SUBMITTED = "value_unit_snapshot_submitted"


def submit_snapshot(
    session: AnySession, cycle_id: str, *, actor: Actor, now: datetime, snapshot_id: str | None = None
) -> ValueUnitSnapshot:
    """Freeze every unit of the cycle as its next snapshot version, and log what changed since the one before.

    Versions count without gaps, and no edit comes between the reading of the units and the snapshot of them. A draft
    that was begun before there was any snapshot takes this one.
    """
    cycle = lock_units(session, cycle_id)
    previous = latest_snapshot(session, cycle_id)
    snapshot = _snapshot(cycle, _units(session, cycle_id), previous, snapshot_id, now)
    insert(session, snapshot, "value_unit_snapshot_id")
    session.add(_learned(previous, snapshot, now))
    _give_to_drafts_without(session, snapshot, actor, now)
    log_event(
        session,
        SUBMITTED,
        actor=actor,
        now=now,
        workspace_id=cycle.workspace_id,
        entity_id=snapshot.value_unit_snapshot_id,
        snapshot_version=snapshot.snapshot_version,
    )
    return snapshot


def _give_to_drafts_without(session: AnySession, snapshot: ValueUnitSnapshot, actor: Actor, now: datetime) -> None:
    """Give the snapshot to every draft of the cycle that stands on none; it could not be simulated otherwise."""
    session.flush()
    order = [getattr(ConfigVersion, name) for name in (*SUBJECT_FIELDS, "version")]  # as subjects are locked everywhere
    without = (
        sa.select(ConfigVersion.config_version_id)
        .where(ConfigVersion.cycle_id == snapshot.cycle_id, ConfigVersion.value_unit_snapshot_version.is_(None))
        .where(ConfigVersion.status.in_([status.value for status in EDITABLE]))
    )
    version: ConfigColumns = {"value_unit_snapshot_version": snapshot.snapshot_version}
    for config_version_id in session.scalars(without.order_by(*order)).all():
        update_config(session, config_version_id, version, actor=actor, now=now)


def _units(session: AnySession, cycle_id: str) -> Sequence[ValueUnitDefinition]:
    """The cycle's definitions by their ids; Conflict when there are none."""
    of_cycle = sa.select(ValueUnitDefinition).filter_by(cycle_id=cycle_id).order_by(ValueUnitDefinition.value_unit_id)
    units = session.scalars(of_cycle).all()
    if not units:
        raise Conflict(f"Cycle {cycle_id} has no value units to freeze: add one first.", code="no_value_units")
    return units


def _snapshot(
    cycle: Cycle,
    units: Sequence[ValueUnitDefinition],
    previous: ValueUnitSnapshot | None,
    snapshot_id: str | None,
    now: datetime,
) -> ValueUnitSnapshot:
    return ValueUnitSnapshot(
        value_unit_snapshot_id=snapshot_id,
        workspace_id=cycle.workspace_id,
        cycle_id=cycle.cycle_id,
        snapshot_version=previous.snapshot_version + 1 if previous else 1,
        value_unit_ids=[unit.value_unit_id for unit in units],
        value_units=[frozen_unit(unit) for unit in units],
        created_at=now,
    )


def _learned(previous: ValueUnitSnapshot | None, snapshot: ValueUnitSnapshot, now: datetime) -> LearningLogEntry:
    """The entry of the learning log that says what the snapshot changed."""
    changes = list(snapshot_changes(previous, snapshot.value_units))
    return LearningLogEntry(
        workspace_id=snapshot.workspace_id,
        cycle_id=snapshot.cycle_id,
        kind=SUBMITTED,
        detail={"snapshot_version": snapshot.snapshot_version, "changes": changes},
        created_at=now,
    )


def snapshot_changes(previous: ValueUnitSnapshot | None, units: list[JsonObject]) -> Iterator[Change]:
    """The changes from a snapshot to frozen units, as a decision's diff has them, in value_units and pricing."""
    return document_changes({"value_units": previous.value_units} if previous else {}, {"value_units": units})

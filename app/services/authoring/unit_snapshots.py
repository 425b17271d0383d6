"""Freeze a cycle's value units as its next snapshot version (spec 1, flow 2B)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict
from app.models.cycle import LearningLogEntry
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.authoring.rows import (
    insert,
    log_change,
)
from app.services.authoring.value_units import lock_units
from app.services.configs.diffs import changes as document_changes
from app.services.configs.documents import frozen_unit
from app.services.configs.lookup import latest_snapshot


def submit_snapshot(session: Any, cycle_id: str, *, actor: Actor, now: datetime, snapshot_id: str | None = None) -> Any:
    """Freeze every unit of the cycle as its next snapshot version, and log what changed since the one before.

    Versions count without gaps, and no edit comes between the reading of the units and the snapshot of them.
    """
    cycle = lock_units(session, cycle_id)
    units = list(
        session.scalars(
            sa.select(ValueUnitDefinition).filter_by(cycle_id=cycle_id).order_by(ValueUnitDefinition.value_unit_id)
        )
    )
    if not units:
        raise Conflict(f"Cycle {cycle_id} has no value units to freeze: add one first.", code="no_value_units")
    before = latest_snapshot(session, cycle_id)
    snapshot = ValueUnitSnapshot(
        value_unit_snapshot_id=snapshot_id,
        workspace_id=cycle.workspace_id,
        cycle_id=cycle_id,
        snapshot_version=before.snapshot_version + 1 if before else 1,
        value_unit_ids=[unit.value_unit_id for unit in units],
        value_units=[frozen_unit(unit) for unit in units],
        created_at=now,
    )
    insert(session, snapshot, "value_unit_snapshot_id")
    session.add(
        LearningLogEntry(
            workspace_id=cycle.workspace_id,
            cycle_id=cycle_id,
            kind="value_unit_snapshot_submitted",
            detail={
                "snapshot_version": snapshot.snapshot_version,
                "changes": list(snapshot_changes(before, snapshot.value_units)),
            },
            created_at=now,
        )
    )
    log_change(
        session,
        "value_unit_snapshot_submitted",
        cycle.workspace_id,
        snapshot.value_unit_snapshot_id,
        actor,
        now,
        snapshot_version=snapshot.snapshot_version,
    )
    return snapshot


def snapshot_changes(before: ValueUnitSnapshot | None, units: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """From a snapshot to frozen units: the same change rows as a decision's diff, sections value_units and pricing."""
    return document_changes({"value_units": before.value_units} if before else {}, {"value_units": units})

"""Writing drafts: workspaces, cycles, contexts and value units (spec 1 and 6, authoring).

Values arrive parsed and typed (schemas and forms do that); here stands what needs the other rows. Functions take the
session, return the row, raise `app.errors`, and never commit.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, FieldError, invalid, invalid_field
from app.identity import Actor
from app.models.catalog import MetricCatalog, QualitySignalCatalog, SegmentCatalog
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, Pool
from app.models.cycle import Cycle, CycleDraftContext, LearningLogEntry
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.models.workspace import Workspace
from app.services.authoring.configs import refresh
from app.services.configs.diffs import changes as document_changes
from app.services.configs.documents import frozen_unit
from app.services.configs.reading import definition_value, get, locked
from app.services.product_events import log_event
from rules.enums import CycleType
from rules.lifecycle import is_editable
from rules.value_units import value_unit_completeness

Changes = Mapping[str, Any]
PERIODS = {CycleType.PRODUCTION.value: (90,), CycleType.SANDBOX.value: (90, 120)}


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


# Workspaces


def create_workspace(session: Any, data: Changes, *, actor: Actor, now: datetime) -> Workspace:
    row: Workspace = insert(session, Workspace(**data, created_at=now), "workspace_id")
    _log(session, "workspace_created", row.workspace_id, row.workspace_id, actor, now)
    return row


def update_workspace(session: Any, workspace_id: str, data: Changes, *, actor: Actor, now: datetime) -> Workspace:
    row: Workspace = get(session, Workspace, workspace_id, "workspace")
    assign(row, data)
    name = "data_mode_selected" if "data_mode" in data else "workspace_updated"
    _log(session, name, row.workspace_id, row.workspace_id, actor, now, changed=sorted(data))
    return row


def delete_workspace(session: Any, workspace_id: str, *, actor: Actor, now: datetime) -> None:
    remove(session, get(session, Workspace, workspace_id, "workspace"), "workspace", workspace_id)
    _log(session, "workspace_deleted", workspace_id, workspace_id, actor, now)


# Cycles


def create_cycle(session: Any, data: Changes, *, actor: Actor, now: datetime) -> Cycle:
    """A cycle of 90 days in production, 90 or 120 in a sandbox; metrics and segments come from the catalogs."""
    _require_workspace(session, data["workspace_id"])
    row = Cycle(**data, created_at=now, updated_at=now)
    _check_cycle(session, row)
    insert(session, row, "cycle_id")
    _log(session, "cycle_created", row.workspace_id, row.cycle_id, actor, now)
    return row


def update_cycle(session: Any, cycle_id: str, data: Changes, *, actor: Actor, now: datetime) -> Cycle:
    """Edit a cycle; what its configs enforce freezes with the first one that was approved.

    Everybody who needs both takes the cycle first and then its configs' subjects, so nobody waits in a circle.
    """
    row: Cycle = get(session, Cycle, cycle_id, "cycle", with_for_update={"key_share": True})
    if "workspace_id" in data and data["workspace_id"] != row.workspace_id:
        raise invalid_field("/workspace_id", f"Cycle {cycle_id} stays in workspace {row.workspace_id}.")
    enforced = {"goal_type", "primary_metrics", "narrative", "cycle_type", "period_length_days"}
    changed = {name for name, value in data.items() if getattr(row, name) != value}
    configs = _configs_of(session, cycle_id)
    decided = [config.config_version_id for config in configs if not is_editable(config.status)]
    if decided and changed & enforced:
        raise Conflict(
            f"Cycle {cycle_id} carries the decided config {decided[0]}, so its {', '.join(sorted(changed & enforced))} "
            "cannot change: open the next cycle.",
            code="cycle_immutable",
        )
    with session.no_autoflush:
        assign(row, data)
        _check_cycle(session, row)
    row.updated_at = now
    for config in configs:
        if is_editable(config.status):
            refresh(session, config, now)
    _log(session, "cycle_updated", row.workspace_id, row.cycle_id, actor, now, changed=sorted(changed))
    return row


def _configs_of(session: Any, cycle_id: str) -> list[ConfigVersion]:
    """The cycle's config versions, locked subject by subject so that none is approved while its cycle changes."""
    order = [getattr(ConfigVersion, name) for name in (*SUBJECT_FIELDS, "version")]
    ids = session.scalars(sa.select(ConfigVersion.config_version_id).filter_by(cycle_id=cycle_id).order_by(*order))
    return [locked(session, config_version_id) for config_version_id in ids.all()]


def delete_cycle(session: Any, cycle_id: str, *, actor: Actor, now: datetime) -> None:
    row: Cycle = get(session, Cycle, cycle_id, "cycle")
    remove(session, row, "cycle", cycle_id)
    _log(session, "cycle_deleted", row.workspace_id, cycle_id, actor, now)


def _check_cycle(session: Any, cycle: Cycle) -> None:
    errors = unknown_ids(session, MetricCatalog.metric_id, cycle.primary_metrics or (), "/primary_metrics", "metric")
    errors += unknown_ids(session, SegmentCatalog.segment_id, cycle.segments or (), "/segments", "segment")
    allowed = PERIODS[cycle.cycle_type]
    if cycle.period_length_days not in allowed:
        errors.append(
            FieldError(
                "/period_length_days",
                f"A {cycle.cycle_type} cycle lasts {' or '.join(map(str, allowed))} days, "
                f"not {cycle.period_length_days}",
            )
        )
    if cycle.start_date and cycle.end_date and cycle.end_date <= cycle.start_date:
        errors.append(FieldError("/end_date", "The cycle must end after it starts"))
    raise_all(errors)


# Contexts


def create_context(session: Any, data: Changes, *, actor: Actor, now: datetime) -> CycleDraftContext:
    _require_workspace(session, data["workspace_id"])
    _check_context(session, data["workspace_id"], data)
    row: CycleDraftContext = insert(session, CycleDraftContext(**data, created_at=now), "cycle_draft_context_id")
    name = "context_skipped" if row.skipped else "context_uploaded"
    _log(session, name, row.workspace_id, row.cycle_draft_context_id, actor, now)
    return row


def update_context(session: Any, context_id: str, data: Changes, *, actor: Actor, now: datetime) -> CycleDraftContext:
    row: CycleDraftContext = get(session, CycleDraftContext, context_id, "cycle draft context")
    _check_context(session, row.workspace_id, data)
    assign(row, data)
    name = "context_skipped" if row.skipped else "context_uploaded"
    _log(session, name, row.workspace_id, context_id, actor, now, changed=sorted(data))
    return row


def delete_context(session: Any, context_id: str, *, actor: Actor, now: datetime) -> None:
    row: CycleDraftContext = get(session, CycleDraftContext, context_id, "cycle draft context")
    remove(session, row, "cycle draft context", context_id)
    _log(session, "context_deleted", row.workspace_id, context_id, actor, now)


def _check_context(session: Any, workspace_id: str, data: Changes) -> None:
    if data.get("workspace_id", workspace_id) != workspace_id:
        raise invalid_field("/workspace_id", f"The context stays in workspace {workspace_id}.")
    if data.get("cycle_id") is not None:
        cycle = session.get(Cycle, data["cycle_id"])
        if cycle is None or cycle.workspace_id != workspace_id:
            raise invalid_field("/cycle_id", f"Workspace {workspace_id} has no cycle {data['cycle_id']!r}.")


# Value units and their snapshots


def lock_units(session: Any, cycle_id: str) -> Cycle:
    """The cycle, with its units and snapshots kept from other writers until the transaction ends.

    Whoever compares before writing asks for this first: what it reads then is what it writes over or freezes. Rows that
    refer to the cycle do not wait, and on SQLite `write` holds the only write lock already.
    """
    cycle: Cycle | None = session.get(Cycle, cycle_id, with_for_update={"key_share": True})
    if cycle is None:
        raise invalid_field("/cycle_id", f"There is no cycle {cycle_id!r}.")
    return cycle


def locked_unit(session: Any, value_unit_id: str) -> ValueUnitDefinition:
    """The value unit as it is once nobody else can change it, or NotFound; its cycle never changes."""
    lock_units(session, get(session, ValueUnitDefinition, value_unit_id, "value unit").cycle_id)
    unit: ValueUnitDefinition = get(session, ValueUnitDefinition, value_unit_id, "value unit", populate_existing=True)
    return unit


def create_value_unit(session: Any, data: Changes, *, actor: Actor, now: datetime) -> ValueUnitDefinition:
    lock_units(session, data["cycle_id"])
    row = ValueUnitDefinition(created_at=now, updated_at=now)
    assign(row, data)
    _check_unit(session, row)
    insert(session, row, "value_unit_id")
    row.completeness_status = _completeness(row)
    _log_unit(session, "value_unit_created", row, actor, now)
    return row


def update_value_unit(
    session: Any, value_unit_id: str, data: Changes, *, actor: Actor, now: datetime
) -> ValueUnitDefinition:
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


def delete_value_unit(session: Any, value_unit_id: str, *, actor: Actor, now: datetime) -> None:
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


def _check_unit(session: Any, unit: ValueUnitDefinition) -> None:
    intents = [intent["metric_id"] for intent in unit.metrics_intent or ()]
    errors = unknown_ids(session, MetricCatalog.metric_id, intents, "/metrics_intent", "metric")
    errors += unknown_ids(
        session,
        QualitySignalCatalog.signal_id,
        unit.quality_signal_source or (),
        "/quality_signal_source",
        "quality signal",
    )
    raise_all(errors)


def _completeness(unit: ValueUnitDefinition) -> str:
    return value_unit_completeness(definition_value(unit)).status.value


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
    _log(
        session,
        "value_unit_snapshot_submitted",
        cycle.workspace_id,
        snapshot.value_unit_snapshot_id,
        actor,
        now,
        snapshot_version=snapshot.snapshot_version,
    )
    return snapshot


def latest_snapshot(session: Any, cycle_id: str) -> ValueUnitSnapshot | None:
    found: ValueUnitSnapshot | None = session.scalar(
        sa.select(ValueUnitSnapshot)
        .filter_by(cycle_id=cycle_id)
        .order_by(ValueUnitSnapshot.snapshot_version.desc())
        .limit(1)
    )
    return found


def snapshot_changes(before: ValueUnitSnapshot | None, units: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """From a snapshot to frozen units: the same change rows as a decision's diff, sections value_units and pricing."""
    return document_changes({"value_units": before.value_units} if before else {}, {"value_units": units})


# Logging


def _require_workspace(session: Any, workspace_id: str) -> None:
    if session.get(Workspace, workspace_id) is None:
        raise invalid_field("/workspace_id", f"There is no workspace {workspace_id!r}.")


def _log(
    session: Any, name: str, workspace_id: str | None, entity_id: str, actor: Actor, now: datetime, **detail: Any
) -> None:
    log_event(session, name, actor=actor, now=now, workspace_id=workspace_id, entity_id=entity_id, **detail)


def _log_unit(session: Any, name: str, unit: ValueUnitDefinition, actor: Actor, now: datetime, **detail: Any) -> None:
    cycle = session.get(Cycle, unit.cycle_id)
    _log(session, name, cycle.workspace_id, unit.value_unit_id, actor, now, **detail)

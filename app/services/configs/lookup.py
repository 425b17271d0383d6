"""Look up a config version and the rows around it: cycle, snapshot, run, decision."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.errors import Conflict
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.models.decision_record import DecisionRecord
from app.models.simulation_run import SimulationRun
from app.models.transactions import lock_subject_of
from app.models.value_unit import ValueUnitSnapshot
from app.services.configs.rows import (
    latest_completed,
)
from app.services.lookup import get
from rules.enums import ConfigStatus

IS_ACTIVE = ConfigVersion.status == sa.literal_column(f"'{ConfigStatus.ACTIVE}'")
"""Written out, not bound: only then do both engines see that the partial unique index serves it."""


_WITH_ITS_CYCLE = (joinedload(ConfigVersion.cycle), joinedload(ConfigVersion.snapshot))


def get_config(session: Any, config_version_id: str, **options: Any) -> ConfigVersion:
    """A config version with its cycle and snapshot, which nearly every use wants, in one query."""
    with_its_cycle = {"options": _WITH_ITS_CYCLE, **options}
    config: ConfigVersion = get(session, ConfigVersion, config_version_id, "config version", **with_its_cycle)
    return config


def locked(session: Any, config_version_id: str) -> ConfigVersion:
    """The config as it is once this transaction has its subject to itself: to edit it or roll back to it."""
    lock_subject_of(session, config_version_id)
    return get_config(session, config_version_id, populate_existing=True)


def cycle_of(session: Any, config: ConfigVersion) -> Cycle:
    cycle: Cycle = get(session, Cycle, config.cycle_id, "cycle")
    return cycle


def snapshot_of(session: Any, config: ConfigVersion) -> ValueUnitSnapshot | None:
    """The snapshot that the config names, if it was submitted."""
    if config.value_unit_snapshot_version is None:
        return None
    loaded = sa.inspect(config).dict.get("snapshot")
    if loaded is not None and loaded.snapshot_version == config.value_unit_snapshot_version:
        return loaded
    found: ValueUnitSnapshot | None = session.scalar(
        sa.select(ValueUnitSnapshot).filter_by(
            cycle_id=config.cycle_id, snapshot_version=config.value_unit_snapshot_version
        )
    )
    return found


def active_config(session: Any, subject: Mapping[str, str]) -> ConfigVersion | None:
    """The subject's active version; the partial unique index makes it one at most."""
    found: ConfigVersion | None = session.scalar(
        sa.select(ConfigVersion).where(IS_ACTIVE).filter_by(**{name: subject[name] for name in SUBJECT_FIELDS})
    )
    return found


_LATEST_RUN = sa.select(SimulationRun).where(
    SimulationRun.simulation_run_id == latest_completed(sa.bindparam("config_version_id", type_=sa.String))
)


def latest_completed_run(session: Any, config_version_id: str) -> SimulationRun | None:
    run: SimulationRun | None = session.scalar(_LATEST_RUN, {"config_version_id": config_version_id})
    return run


def latest_snapshot(session: Any, cycle_id: str) -> ValueUnitSnapshot | None:
    found: ValueUnitSnapshot | None = session.scalar(
        sa.select(ValueUnitSnapshot)
        .filter_by(cycle_id=cycle_id)
        .order_by(ValueUnitSnapshot.snapshot_version.desc())
        .limit(1)
    )
    return found


def newest_decision(session: Any, config_version_id: str) -> DecisionRecord:
    """The decision that a config version stands on."""
    newest = (
        sa.select(DecisionRecord)
        .filter_by(config_version_id=config_version_id)
        .order_by(DecisionRecord.created_at.desc(), DecisionRecord.decision_id.desc())
        .limit(1)
    )
    decision: DecisionRecord | None = session.scalar(newest)
    if decision is None:
        raise Conflict(f"Config {config_version_id} was never decided on.", code="decision_missing")
    return decision


def get_decision(session: Any, decision_id: str) -> DecisionRecord:
    decision: DecisionRecord = get(session, DecisionRecord, decision_id, "decision record")
    return decision

"""Look up config versions and the rows around them: cycle, snapshot, run, decision."""

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.errors import Conflict
from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.models.decision_record import DecisionRecord
from app.models.simulation_run import SimulationRun
from app.models.transactions import lock_subject_of
from app.models.value_unit import ValueUnitSnapshot
from app.services.configs.rows import latest_completed
from app.services.lookup import get
from rules.enums import ConfigStatus

IS_ACTIVE = ConfigVersion.status == sa.literal_column(f"'{ConfigStatus.ACTIVE}'")
"""The status is written out and not bound: only then do both engines see that the partial unique index serves it."""

_WITH_ITS_CYCLE = (joinedload(ConfigVersion.cycle), joinedload(ConfigVersion.snapshot))


def get_config(session: AnySession, config_version_id: str, *, populate_existing: bool = False) -> ConfigVersion:
    """The config version with its cycle and snapshot, which nearly every use needs, in one query; or NotFound."""
    return get(
        session,
        ConfigVersion,
        config_version_id,
        "config version",
        options=_WITH_ITS_CYCLE,
        populate_existing=populate_existing,
    )


def called(session: AnySession, config_version_id: str) -> str:
    """What people call the config version; its id once it is gone."""
    config = session.get(ConfigVersion, config_version_id)
    return config_version_id if config is None else config.display_name


def locked(session: AnySession, config_version_id: str) -> ConfigVersion:
    """Lock the config's subject until the transaction ends, as edits and rollbacks do, and read the config after that.

    Raises NotFound when there is no such config version.
    """
    lock_subject_of(session, config_version_id)
    return get_config(session, config_version_id, populate_existing=True)


def cycle_of(session: AnySession, config: ConfigVersion) -> Cycle:
    """The cycle that the config belongs to."""
    return get(session, Cycle, config.cycle_id, "cycle")


def snapshot_of(session: AnySession, config: ConfigVersion) -> ValueUnitSnapshot | None:
    """The snapshot that the config names, if it was submitted."""
    if config.value_unit_snapshot_version is None:
        return None
    loaded: ValueUnitSnapshot | None = sa.inspect(config).dict.get("snapshot")
    if loaded is not None and loaded.snapshot_version == config.value_unit_snapshot_version:
        return loaded
    return session.scalar(
        sa.select(ValueUnitSnapshot).filter_by(
            cycle_id=config.cycle_id, snapshot_version=config.value_unit_snapshot_version
        )
    )


def active_config(session: AnySession, subject: Mapping[str, str]) -> ConfigVersion | None:
    """The subject's active version; the partial unique index makes it one at most."""
    of_the_subject = {name: subject[name] for name in SUBJECT_FIELDS}
    return session.scalar(sa.select(ConfigVersion).where(IS_ACTIVE).filter_by(**of_the_subject))


_LATEST_RUN = sa.select(SimulationRun).where(
    SimulationRun.simulation_run_id == latest_completed(sa.bindparam("config_version_id", type_=sa.String))
)


def latest_completed_run(session: AnySession, config_version_id: str) -> SimulationRun | None:
    """The config's newest run that has outputs: the one that counts for the gates."""
    return session.scalar(_LATEST_RUN, {"config_version_id": config_version_id})


def latest_snapshot(session: AnySession, cycle_id: str) -> ValueUnitSnapshot | None:
    """The cycle's newest snapshot, if one was submitted."""
    return session.scalar(
        sa.select(ValueUnitSnapshot)
        .filter_by(cycle_id=cycle_id)
        .order_by(ValueUnitSnapshot.snapshot_version.desc())
        .limit(1)
    )


def find_newest_decision(session: AnySession, config_version_id: str) -> DecisionRecord | None:
    """The latest decision on a config version, None when there is none."""
    newest = (
        sa.select(DecisionRecord)
        .filter_by(config_version_id=config_version_id)
        .order_by(DecisionRecord.place.desc(), DecisionRecord.decision_id.desc())
        .limit(1)
    )
    return session.scalar(newest)


def newest_decision(session: AnySession, config_version_id: str) -> DecisionRecord:
    """The latest decision on a config version; Conflict when there is none."""
    decision = find_newest_decision(session, config_version_id)
    if decision is None:
        raise Conflict(f"Config {config_version_id} was never decided on.", code="decision_missing")
    return decision


def get_decision(session: AnySession, decision_id: str) -> DecisionRecord:
    """The decision, or NotFound."""
    return get(session, DecisionRecord, decision_id, "decision record")

"""Review the units of a cycle before any config pools them, and find the pools that keep a unit (spec 3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import ConfigVersion, Pool
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.configs.documents import frozen_unit
from app.services.configs.reading import load_catalogs, units_draft
from rules.draft import Catalogs
from rules.finding import Finding
from rules.gate import evaluate
from rules.lifecycle import EDITABLE
from rules.value_units import UnitCompleteness, value_unit_completeness
from simulation.canonical import Json


@dataclass(frozen=True)
class UnitReview:
    """A unit's completeness, and every finding about it that a production config would meet, in the rules' order."""

    completeness: UnitCompleteness
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Hold:
    """A pool that counts a unit, and so keeps it from being deleted."""

    config_version_id: str
    pool_id: str
    label: str


def drafts_not_on(session: AnySession, cycle_id: str, snapshot_version: int) -> list[ConfigVersion]:
    """The cycle's editable configs that name another snapshot or none at all; last edited first."""
    version = ConfigVersion.value_unit_snapshot_version
    drafts = sa.select(ConfigVersion).where(
        ConfigVersion.cycle_id == cycle_id,
        ConfigVersion.status.in_(EDITABLE),
        version.is_distinct_from(snapshot_version),
    )
    return list(session.scalars(drafts.order_by(ConfigVersion.updated_at.desc(), ConfigVersion.config_version_id)))


def units_of(session: AnySession, cycle_id: str) -> list[ValueUnitDefinition]:
    """The cycle's definitions, oldest first."""
    statement = sa.select(ValueUnitDefinition).filter_by(cycle_id=cycle_id)
    order = (ValueUnitDefinition.created_at, ValueUnitDefinition.value_unit_id)
    return list(session.scalars(statement.order_by(*order)))


def review_units(session: AnySession, cycle: Cycle, units: Iterable[ValueUnitDefinition]) -> dict[str, UnitReview]:
    """value_unit_id → the review of a stored unit."""
    return review(cycle, map(frozen_unit, units), load_catalogs(session, cycle.workspace_id))


def review(cycle: Cycle, documents: Iterable[Mapping[str, Json]], catalogs: Catalogs) -> dict[str, UnitReview]:
    """value_unit_id → the review of a unit, given as a snapshot keeps it."""
    draft = units_draft(cycle, documents, catalogs)
    findings: dict[str | None, list[Finding]] = {}
    for finding in evaluate(draft):
        if finding.entity.type == "value_unit":
            findings.setdefault(finding.entity.id, []).append(finding)
    return {
        unit.value_unit_id or "": UnitReview(value_unit_completeness(unit), tuple(findings.get(unit.value_unit_id, ())))
        for unit in draft.units or ()
    }


def holds(session: AnySession, value_unit_id: str) -> list[Hold]:
    """The pools that count the unit, of any config."""
    statement = (
        sa.select(ConfigVersion.config_version_id, Pool.pool_id, Pool.label)
        .join(Pool, Pool.config_version_id == ConfigVersion.config_version_id)
        .where(Pool.value_unit_id == value_unit_id)
        .order_by(ConfigVersion.config_version_id, Pool.position, Pool.pool_id)
    )
    return [Hold(*row) for row in session.execute(statement).tuples()]


def snapshots_with(session: AnySession, cycle_id: str, value_unit_id: str) -> list[int]:
    """The versions of the cycle's snapshots that keep a frozen copy of the unit, oldest first."""
    versions = sa.select(ValueUnitSnapshot.snapshot_version, ValueUnitSnapshot.value_unit_ids)
    statement = versions.filter_by(cycle_id=cycle_id).order_by(ValueUnitSnapshot.snapshot_version)
    return [version for version, ids in session.execute(statement) if value_unit_id in ids]

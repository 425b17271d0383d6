"""What the rules say about the units of a cycle before any config pools them, and what holds a unit (spec 3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.models.config_version import ConfigVersion, Pool
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.configs.documents import frozen_unit
from app.services.configs.reading import load_catalogs
from rules import draft as d
from rules.documents import value_unit_from_document
from rules.enums import Stage, TargetEnvironment
from rules.finding import Finding
from rules.gate import evaluate
from rules.lifecycle import EDITABLE
from rules.value_units import UnitCompleteness, value_unit_completeness


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


def drafts_not_on(session: Any, cycle_id: str, snapshot_version: int) -> list[ConfigVersion]:
    """The cycle's configs that can still be edited and name another snapshot, or none; last edited first."""
    version = ConfigVersion.value_unit_snapshot_version
    drafts = sa.select(ConfigVersion).where(
        ConfigVersion.cycle_id == cycle_id,
        ConfigVersion.status.in_(EDITABLE),
        version.is_distinct_from(snapshot_version),
    )
    return list(session.scalars(drafts.order_by(ConfigVersion.updated_at.desc(), ConfigVersion.config_version_id)))


def units_of(session: Any, cycle_id: str) -> list[ValueUnitDefinition]:
    """The cycle's definitions, in the order of their making."""
    statement = sa.select(ValueUnitDefinition).filter_by(cycle_id=cycle_id)
    order = (ValueUnitDefinition.created_at, ValueUnitDefinition.value_unit_id)
    return list(session.scalars(statement.order_by(*order)))


def review_units(session: Any, cycle: Cycle, units: Iterable[ValueUnitDefinition]) -> dict[str, UnitReview]:
    """value_unit_id → its review, of stored units."""
    return review(cycle, map(frozen_unit, units), load_catalogs(session))


def review(cycle: Cycle, documents: Iterable[Mapping[str, Any]], catalogs: d.Catalogs) -> dict[str, UnitReview]:
    """The same of units as a snapshot keeps them.

    The rules judge pooled units only, so each unit is pooled for the question, in a learning config for production:
    the sternest that a cycle's first config meets.
    """
    units = tuple(map(value_unit_from_document, documents))
    draft = d.Draft(
        cycle=d.Cycle(cycle_id=cycle.cycle_id, primary_metrics=tuple(cycle.primary_metrics)),
        config=d.Config(stage=Stage.LEARNING, target_environment=TargetEnvironment.PRODUCTION),
        pools=tuple(d.Pool(value_unit_id=unit.value_unit_id) for unit in units),
        units=units,
        catalogs=catalogs,
    )
    found: dict[str | None, list[Finding]] = {}
    for finding in evaluate(draft):
        if finding.entity.type == "value_unit":
            found.setdefault(finding.entity.id, []).append(finding)
    return {
        unit.value_unit_id or "": UnitReview(value_unit_completeness(unit), tuple(found.get(unit.value_unit_id, ())))
        for unit in units
    }


def holds(session: Any, value_unit_id: str) -> list[Hold]:
    """The pools, of any config, that count the unit."""
    statement = (
        sa.select(ConfigVersion.config_version_id, Pool.pool_id, Pool.label)
        .join(Pool, Pool.config_version_id == ConfigVersion.config_version_id)
        .where(Pool.value_unit_id == value_unit_id)
        .order_by(ConfigVersion.config_version_id, Pool.position, Pool.pool_id)
    )
    return [Hold(*row) for row in session.execute(statement)]


def snapshots_with(session: Any, cycle_id: str, value_unit_id: str) -> list[int]:
    """The versions of the cycle's snapshots that keep a frozen copy of the unit, oldest first."""
    columns = (ValueUnitSnapshot.snapshot_version, ValueUnitSnapshot.value_unit_ids)
    statement = sa.select(*columns).filter_by(cycle_id=cycle_id).order_by(ValueUnitSnapshot.snapshot_version)
    return [version for version, ids in session.execute(statement) if value_unit_id in ids]

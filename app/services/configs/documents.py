"""Rows as the embedded shapes of spec 1: the one vocabulary of hashes, diffs, simulations and answers."""

from collections.abc import Iterable
from typing import Any

from app.models.config_version import ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.configs.rows import ConfigRow, CycleRow, ExplorationRow, PoolRow, RailsRow, SnapshotRow

ENFORCED_UNIT_FIELDS = (
    "value_unit_id",
    "name",
    "event_mapping",
    "metrics_intent",
    "quality_signal_source",
    "unit_economics",
)
CONFIG_SECTIONS = (
    "subject_resolution",
    "north_star",
    "value_units",
    "pools",
    "exploration",
    "rails",
    "rating_agility",
    "metric_lenses",
)
"""The members of a config document; a runtime config has them too."""
FROZEN_UNIT_FIELDS = (*ENFORCED_UNIT_FIELDS, "unit_type", "outcome_statement", "quality_note", "completeness_status")


def north_star(cycle: Cycle | CycleRow) -> dict[str, Any]:
    return {
        "goal_type": cycle.goal_type,
        "primary_metrics": list(cycle.primary_metrics),
        "narrative": cycle.narrative,
    }


def frozen_unit(unit: ValueUnitDefinition) -> dict[str, Any]:
    """A definition as a snapshot keeps it."""
    return {name: getattr(unit, name) for name in FROZEN_UNIT_FIELDS}


def pool_shape(pool: Pool | PoolRow) -> dict[str, Any]:
    return {
        "pool_id": pool.pool_id,
        "label": pool.label,
        "value_unit_id": pool.value_unit_id,
        "included_quantity": pool.included_quantity,
        "rollover": pool.rollover,
        "overage_behavior": pool.overage_behavior,
        "is_exploration_pool": pool.is_exploration_pool,
    }


def exploration_shape(rule: ExplorationRule | ExplorationRow | None) -> dict[str, Any]:
    return {
        "enabled": bool(rule and rule.enabled),
        "exploration_pool_id": rule and rule.exploration_pool_id,
        "qualifying_events": list(rule.qualifying_events) if rule else [],
        "expires_after_days": rule and rule.expires_after_days,
        "graduation_signal": rule and rule.graduation_signal,
    }


def rails_shape(rails: RailRule | RailsRow | None) -> dict[str, Any]:
    shape = {
        "usage_thresholds": list(rails.usage_thresholds) if rails else [],
        "monthly_spend_cap_usd": rails and rails.monthly_spend_cap_usd,
        "at_cap_action": rails and rails.at_cap_action,
        "margin_floor": rails and rails.margin_floor,
    }
    if rails and rails.absolute_usage_caps is not None:
        shape["absolute_usage_caps"] = rails.absolute_usage_caps
    return shape


def pooled_units(
    pools: Iterable[Pool | PoolRow], snapshot: ValueUnitSnapshot | SnapshotRow | None
) -> list[dict[str, Any]]:
    """The snapshot's units that some pool names, in the snapshot's order."""
    named = {pool.value_unit_id for pool in pools}
    return [unit for unit in (snapshot.value_units if snapshot else ()) if unit["value_unit_id"] in named]


def config_document(
    config: ConfigVersion | ConfigRow, cycle: Cycle | CycleRow, snapshot: ValueUnitSnapshot | SnapshotRow | None
) -> dict[str, Any]:
    """What the customer app would enforce, and nothing else (spec 2, content_hash)."""
    in_order = sorted(config.pools, key=lambda pool: (pool.position, pool.pool_id))  # whoever read or made them
    return {
        "subject_resolution": config.subject_resolution,
        "north_star": north_star(cycle),
        "value_units": [
            {name: unit.get(name) for name in ENFORCED_UNIT_FIELDS} for unit in pooled_units(config.pools, snapshot)
        ],
        "pools": [pool_shape(pool) for pool in in_order],
        "exploration": exploration_shape(config.exploration),
        "rails": rails_shape(config.rails),
        "rating_agility": {"price_book_ref": config.price_book_ref},
        "metric_lenses": list(config.metric_lenses),
    }


def with_delivery(document: dict[str, Any], delivery: dict[str, Any]) -> dict[str, Any]:
    """What a decision is about: the enforced content, and how apps may keep it where that is not the usual way."""
    return document | {"delivery": delivery} if delivery else document

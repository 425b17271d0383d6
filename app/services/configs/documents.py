"""Rows as the embedded shapes of spec 1, in which hashes, diffs, simulations and answers speak of a config."""

from collections.abc import Iterable, Mapping

from app.models.config_version import ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.configs.rows import ConfigRow, CycleRow, ExplorationRow, PoolRow, RailsRow, SnapshotRow
from app.services.configs.shapes import (
    ConfigDocument,
    ExplorationShape,
    NorthStar,
    PoolShape,
    RailsShape,
    RatingAgility,
)
from simulation.canonical import Json, JsonObject

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


def north_star(cycle: Cycle | CycleRow) -> NorthStar:
    """The goal of a cycle, as a config document embeds it."""
    return {
        "goal_type": cycle.goal_type,
        "primary_metrics": list(cycle.primary_metrics),
        "narrative": cycle.narrative,
    }


def frozen_unit(unit: ValueUnitDefinition) -> JsonObject:
    """A definition as a snapshot keeps it."""
    return {name: getattr(unit, name) for name in FROZEN_UNIT_FIELDS}


def pool_shape(pool: Pool | PoolRow) -> PoolShape:
    """A pool without its position: the order of a document's pools says it."""
    return {
        "pool_id": pool.pool_id,
        "label": pool.label,
        "value_unit_id": pool.value_unit_id,
        "included_quantity": pool.included_quantity,
        "rollover": pool.rollover,
        "overage_behavior": pool.overage_behavior,
        "is_exploration_pool": pool.is_exploration_pool,
    }


def exploration_shape(rule: ExplorationRule | ExplorationRow | None) -> ExplorationShape:
    """The exploration rule of a config; without one it is disabled."""
    if rule is None:
        return {
            "enabled": False,
            "exploration_pool_id": None,
            "qualifying_events": [],
            "expires_after_days": None,
            "graduation_signal": None,
        }
    return {
        "enabled": rule.enabled,
        "exploration_pool_id": rule.exploration_pool_id,
        "qualifying_events": list(rule.qualifying_events),
        "expires_after_days": rule.expires_after_days,
        "graduation_signal": rule.graduation_signal,
    }


def rails_shape(rails: RailRule | RailsRow | None) -> RailsShape:
    """The rails of a config; without any nothing is limited."""
    if rails is None:
        return {"usage_thresholds": [], "monthly_spend_cap_usd": None, "at_cap_action": None, "margin_floor": None}
    shape: RailsShape = {
        "usage_thresholds": list(rails.usage_thresholds),
        "monthly_spend_cap_usd": rails.monthly_spend_cap_usd,
        "at_cap_action": rails.at_cap_action,
        "margin_floor": rails.margin_floor,
    }
    if rails.absolute_usage_caps is not None:
        shape["absolute_usage_caps"] = rails.absolute_usage_caps
    return shape


def rating_agility(config: ConfigVersion | ConfigRow) -> RatingAgility:
    """The price book of a config, and its price plan where it has one."""
    shape: RatingAgility = {"price_book_ref": config.price_book_ref}
    if config.price_plan is not None:
        shape["price_plan"] = config.price_plan
    return shape


def pooled_units(pools: Iterable[Pool | PoolRow], snapshot: ValueUnitSnapshot | SnapshotRow | None) -> list[JsonObject]:
    """The snapshot's units that some pool names, in the snapshot's order."""
    pooled_ids = {pool.value_unit_id for pool in pools}
    return [unit for unit in (snapshot.value_units if snapshot else ()) if unit["value_unit_id"] in pooled_ids]


def config_document(
    config: ConfigVersion | ConfigRow, cycle: Cycle | CycleRow, snapshot: ValueUnitSnapshot | SnapshotRow | None
) -> ConfigDocument:
    """The content that the customer app would enforce, and nothing else (spec 2, content_hash)."""
    pools: Iterable[Pool | PoolRow] = config.pools
    in_order = sorted(pools, key=lambda pool: (pool.position, pool.pool_id))  # callers may hold them in any order
    return {
        "subject_resolution": config.subject_resolution,
        "north_star": north_star(cycle),
        "value_units": [
            {name: unit.get(name) for name in ENFORCED_UNIT_FIELDS} for unit in pooled_units(pools, snapshot)
        ],
        "pools": [pool_shape(pool) for pool in in_order],
        "exploration": exploration_shape(config.exploration),
        "rails": rails_shape(config.rails),
        "rating_agility": rating_agility(config),
        "metric_lenses": list(config.metric_lenses),
    }


def with_delivery(document: Mapping[str, Json], delivery: JsonObject) -> JsonObject:
    """The document that a decision is about: the enforced content, and how apps may keep it where that is unusual."""
    return {**document, "delivery": delivery} if delivery else dict(document)

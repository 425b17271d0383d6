"""Fork a decision's config: a new draft with its content, in the same cycle or another one (spec 6)."""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from app.actor import Actor
from app.errors import FieldError, invalid
from app.models.base import AnySession
from app.models.config_version import ConfigVersion, Pool
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring.configs import create_config
from app.services.authoring.inputs import ConfigInput, PoolInput
from app.services.configs.documents import exploration_shape, rails_shape
from app.services.configs.lookup import get_decision, latest_snapshot, snapshot_of
from app.services.lookup import get
from app.services.product_events import log_event
from rules.price_plan import PricePlan
from rules.wording import quoted
from simulation.canonical import JsonObject


@dataclass(frozen=True)
class Target:
    """The cycle and the subject of a fork; None keeps the source's segment, stage and name."""

    cycle_id: str
    target_environment: str
    segment: str | None = None
    stage: str | None = None
    config_name: str | None = None


def fork(session: AnySession, decision_id: str, target: Target, *, actor: Actor, now: datetime) -> ConfigVersion:
    """A new draft with all that the source says, name to lenses; its baseline is the source.

    In its own cycle the fork keeps the snapshot, in another it takes that cycle's newest. There a pool counts the unit
    with the same id, else the only one with the same name. Raises Invalid that names every pool without such a unit.
    """
    decision = get_decision(session, decision_id)
    source = decision.config_version
    config = create_config(session, _draft(session, source, target), actor=actor, now=now)
    log_event(
        session,
        "decision_forked",
        actor=actor,
        now=now,
        workspace_id=config.workspace_id,
        entity_id=decision_id,
        config_version_id=config.config_version_id,
    )
    return config


def _draft(session: AnySession, source: ConfigVersion, target: Target) -> ConfigInput:
    version, pools = _units(session, source, target.cycle_id)
    return {
        "workspace_id": source.workspace_id,
        "cycle_id": target.cycle_id,
        "segment": target.segment or source.segment,
        "stage": target.stage or source.stage,
        "target_environment": target.target_environment,
        "baseline_config_version_id": source.config_version_id,
        "config_name": target.config_name or source.config_name,
        "price_book_ref": source.price_book_ref,
        "metric_lenses": list(source.metric_lenses),
        "delivery": dict(source.delivery),
        "price_plan": _price_plan(source, pools),
        "exploration": {**exploration_shape(source.exploration)},
        "rails": {**rails_shape(source.rails)},
        "value_unit_snapshot_version": version,
        "pools": pools,
    }


def _units(session: AnySession, source: ConfigVersion, cycle_id: str) -> tuple[int | None, list[PoolInput]]:
    """The snapshot version of the draft, and its pools, each on a unit of the target cycle."""
    if cycle_id == source.cycle_id:
        return source.value_unit_snapshot_version, [_pool(pool, pool.value_unit_id) for pool in source.pools]
    newest = latest_snapshot(session, cycle_id)
    units = newest.value_units if newest else _definitions(session, cycle_id)
    counterparts = _counterparts(session, source, units)
    _require_all(session, source, counterparts, cycle_id)
    pools = [_pool(pool, counterparts[pool.value_unit_id]) for pool in source.pools]
    return newest.snapshot_version if newest else None, pools


def _price_plan(source: ConfigVersion, pools: Sequence[PoolInput]) -> PricePlan | None:
    """The source's price plan, its prices of pooled units on the units that the draft's pools count."""
    if source.price_plan is None:
        return None
    units = {pool.value_unit_id: draft["value_unit_id"] for pool, draft in zip(source.pools, pools, strict=True)}
    plan: PricePlan = copy.deepcopy(source.price_plan)
    for contract in (plan, *plan.get("overrides", ())):
        for price in contract.get("unit_prices", ()):
            price["value_unit_id"] = units.get(price["value_unit_id"], price["value_unit_id"])
    return plan


def _pool(pool: Pool, value_unit_id: str) -> PoolInput:
    return {
        "pool_id": pool.pool_id,
        "label": pool.label,
        "value_unit_id": value_unit_id,
        "included_quantity": pool.included_quantity,
        "rollover": pool.rollover,
        "overage_behavior": pool.overage_behavior,
        "is_exploration_pool": pool.is_exploration_pool,
    }


def _definitions(session: AnySession, cycle_id: str) -> list[JsonObject]:
    rows = session.scalars(sa.select(ValueUnitDefinition).filter_by(cycle_id=cycle_id))
    return [{"value_unit_id": row.value_unit_id, "name": row.name} for row in rows]


def _counterparts(session: AnySession, source: ConfigVersion, units: list[JsonObject]) -> Mapping[str, str]:
    """The source's unit id → the id of the same unit in the target cycle, where there is one.

    `units` are those of the target cycle. A name that two of them have matches none.
    """
    names = _unit_names(session, source)
    count = Counter(unit["name"] for unit in units)
    by_name = {unit["name"]: unit["value_unit_id"] for unit in units if count[unit["name"]] == 1}
    matched = {unit_id: by_name[name] for unit_id, name in names.items() if name in by_name}
    return matched | {unit["value_unit_id"]: unit["value_unit_id"] for unit in units}


def _unit_names(session: AnySession, source: ConfigVersion) -> dict[str, str]:
    snapshot = snapshot_of(session, source)
    return {unit["value_unit_id"]: unit["name"] for unit in (snapshot.value_units if snapshot else ())}


def _require_all(session: AnySession, source: ConfigVersion, counterparts: Mapping[str, str], cycle_id: str) -> None:
    """Raise Invalid that names every pool whose unit has no counterpart."""
    names, cycle = _unit_names(session, source), get(session, Cycle, cycle_id, "cycle")
    missing = [
        FieldError("/cycle_id", _without(cycle, pool, names), "pool_value_unit_unknown")
        for pool in source.pools
        if pool.value_unit_id not in counterparts
    ]
    if missing:
        raise invalid(*missing)


def _without(cycle: Cycle, pool: Pool, names: Mapping[str, str]) -> str:
    unit = quoted(names.get(pool.value_unit_id, pool.value_unit_id))
    return (
        f"Cycle {quoted(cycle.cycle_name)} has no value unit {unit} for pool {quoted(pool.label)}: define it there and "
        "submit a snapshot first."
    )

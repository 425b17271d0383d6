"""Fork: a decision's config as a new draft, in the same cycle or the next one (spec 6; "immutable: fork it")."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.actor import Actor
from app.errors import FieldError, invalid
from app.models.config_version import ConfigVersion, Pool
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring import configs as config_drafts
from app.services.configs.documents import exploration_shape, pool_shape, rails_shape
from app.services.configs.lookup import get_decision, latest_snapshot, snapshot_of
from app.services.product_events import log_event


@dataclass(frozen=True)
class Target:
    """Where the fork goes; None keeps the source's segment and stage."""

    cycle_id: str
    target_environment: str
    segment: str | None = None
    stage: str | None = None


def fork(session: Any, decision_id: str, target: Target, *, actor: Actor, now: datetime) -> ConfigVersion:
    """A new draft with the source's pools, exploration, rails, price book and lenses; its baseline is the source.

    In its own cycle the fork keeps the snapshot, in another it takes that cycle's newest. There a pool counts the unit
    with the same id, else the only one with the same name; Invalid names every pool that finds none.
    """
    decision = get_decision(session, decision_id)
    source = decision.config_version
    config = config_drafts.create_config(session, _draft(session, source, target), actor=actor, now=now)
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


def _draft(session: Any, source: ConfigVersion, target: Target) -> dict[str, Any]:
    return {
        "workspace_id": source.workspace_id,
        "cycle_id": target.cycle_id,
        "segment": target.segment or source.segment,
        "stage": target.stage or source.stage,
        "target_environment": target.target_environment,
        "baseline_config_version_id": source.config_version_id,
        "price_book_ref": source.price_book_ref,
        "metric_lenses": list(source.metric_lenses),
        "delivery": dict(source.delivery),
        "exploration": exploration_shape(source.exploration),
        "rails": rails_shape(source.rails),
        **_units(session, source, target.cycle_id),
    }


def _units(session: Any, source: ConfigVersion, cycle_id: str) -> dict[str, Any]:
    """`value_unit_snapshot_version` and `pools`, each pool on a unit of the target cycle."""
    if cycle_id == source.cycle_id:
        pools = [pool_shape(pool) for pool in source.pools]
        return {"value_unit_snapshot_version": source.value_unit_snapshot_version, "pools": pools}
    newest = latest_snapshot(session, cycle_id)
    there = newest.value_units if newest else _definitions(session, cycle_id)
    found = _counterparts(session, source, there)
    _require_all(source.pools, found, cycle_id)
    return {
        "value_unit_snapshot_version": newest and newest.snapshot_version,
        "pools": [pool_shape(pool) | {"value_unit_id": found[pool.value_unit_id]} for pool in source.pools],
    }


def _definitions(session: Any, cycle_id: str) -> list[dict[str, Any]]:
    rows = session.scalars(sa.select(ValueUnitDefinition).filter_by(cycle_id=cycle_id))
    return [{"value_unit_id": row.value_unit_id, "name": row.name} for row in rows]


def _counterparts(session: Any, source: ConfigVersion, there: list[dict[str, Any]]) -> Mapping[str, str]:
    """The source's unit id → the id of the same unit in the target cycle, where there is one."""
    snapshot = snapshot_of(session, source)
    names = {unit["value_unit_id"]: unit["name"] for unit in (snapshot.value_units if snapshot else ())}
    count = Counter(unit["name"] for unit in there)
    by_name = {unit["name"]: unit["value_unit_id"] for unit in there if count[unit["name"]] == 1}
    matched = {unit_id: by_name[name] for unit_id, name in names.items() if name in by_name}
    return matched | {unit["value_unit_id"]: unit["value_unit_id"] for unit in there}


def _require_all(pools: list[Pool], found: Mapping[str, str], cycle_id: str) -> None:
    missing = [
        FieldError(
            "/cycle_id",
            f"Cycle {cycle_id} has no value unit {pool.value_unit_id!r}, nor one of its name, for pool {pool.pool_id}: "
            "define it there and submit a snapshot first.",
            "pool_value_unit_unknown",
        )
        for pool in pools
        if pool.value_unit_id not in found
    ]
    if missing:
        raise invalid(*missing)

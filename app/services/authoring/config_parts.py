"""Change the parts of a draft: pools, exploration and rails (spec 1, flows 3B to 3D)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict, FieldError, invalid, invalid_field, not_found
from app.models.catalog import MetricCatalog
from app.models.config_version import ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.authoring.rows import Changes
from app.services.configs.editing import editable, log_config_event, refresh
from app.services.configs.lookup import get_config, snapshot_of


def get_pool(session: Any, config_version_id: str, pool_id: str) -> Pool:
    pool: Pool | None = session.get(Pool, (config_version_id, pool_id))
    if pool is None:
        get_config(session, config_version_id)
        raise not_found(f"pool in config {config_version_id}", pool_id)
    return pool


def add_pool(session: Any, config_version_id: str, data: Changes, *, actor: Actor, now: datetime) -> Pool:
    config = editable(session, config_version_id)
    if any(pool.pool_id == data["pool_id"] for pool in config.pools):
        raise Conflict(f"Config {config_version_id} has a pool {data['pool_id']!r} already.", code="already_exists")
    position = max((pool.position for pool in config.pools), default=-1) + 1
    pool = new_pool(session, config, {"position": position} | dict(data))
    config.pools.append(pool)
    _reorder(config)
    refresh(session, config, now)
    log_config_event(session, "pool_added", config, actor, now, pool_id=pool.pool_id)
    return pool


def update_pool(
    session: Any, config_version_id: str, pool_id: str, data: Changes, *, actor: Actor, now: datetime
) -> Pool:
    config = editable(session, config_version_id)
    pool = get_pool(session, config_version_id, pool_id)
    if data.get("pool_id", pool_id) != pool_id:
        raise invalid_field("/pool_id", f"A pool keeps its id: remove {pool_id} and add another.")
    if "value_unit_id" in data:
        _check_unit(session, config, data["value_unit_id"], "/value_unit_id")
    _assign(pool, data)
    _reorder(config)
    refresh(session, config, now)
    log_config_event(session, "pool_updated", config, actor, now, pool_id=pool_id, changed=sorted(data))
    return pool


def delete_pool(session: Any, config_version_id: str, pool_id: str, *, actor: Actor, now: datetime) -> None:
    config = editable(session, config_version_id)
    config.pools.remove(get_pool(session, config_version_id, pool_id))
    refresh(session, config, now)
    log_config_event(session, "pool_removed", config, actor, now, pool_id=pool_id)


def put_pools(session: Any, config_version_id: str, data: Changes, *, actor: Actor, now: datetime) -> ConfigVersion:
    """Replace a draft's pools, and the columns that are set beside them, all at once (spec 7, flow 3B).

    `pools` has the embedded shapes of spec 1 in the order in which they are drawn from; a pool that it leaves out goes.
    Price book, lenses and snapshot version may come along. Invalid points at `/pools/<index>/<field>`.
    """
    config = editable(session, config_version_id)
    columns = {name: value for name, value in data.items() if name != "pools" and value != getattr(config, name)}
    with session.no_autoflush:
        for name, value in columns.items():
            setattr(config, name, value)
        check_columns(session, config)
        events = _replace_pools(session, config, data["pools"])
    refresh(session, config, now)
    if columns:
        config.updated_at = now
        events.append(("config_draft_updated", {"changed": sorted(columns)}))
    for name, detail in events:
        log_config_event(session, name, config, actor, now, **detail)
    return config


def _replace_pools(session: Any, config: ConfigVersion, pools: Sequence[Changes]) -> list[tuple[str, dict[str, Any]]]:
    """The product events of what came, changed and went."""
    stored = {pool.pool_id: pool for pool in config.pools}
    wanted = {pool["pool_id"]: dict(pool) | {"position": at} for at, pool in enumerate(pools)}
    if len(wanted) < len(pools):
        raise invalid_field("/pools", "Two pools have the same id.")
    _check_units(session, config, stored, pools)
    events: list[tuple[str, dict[str, Any]]] = []
    for pool_id in sorted(stored.keys() - wanted.keys()):
        config.pools.remove(stored[pool_id])
        events.append(("pool_removed", {"pool_id": pool_id}))
    for pool_id, data in wanted.items():
        pool = stored.get(pool_id) or Pool()
        changed = sorted(name for name, value in data.items() if getattr(pool, name) != value)
        _assign(pool, data)
        if pool_id not in stored:
            config.pools.append(pool)
            events.append(("pool_added", {"pool_id": pool_id}))
        elif changed:
            events.append(("pool_updated", {"pool_id": pool_id, "changed": changed}))
    _reorder(config)
    return sorted(events, key=lambda event: event[0] != "pool_removed")


def put_exploration(
    session: Any, config_version_id: str, data: Changes, *, actor: Actor, now: datetime
) -> ExplorationRule:
    config = editable(session, config_version_id)
    config.exploration = config.exploration or ExplorationRule()
    for name, value in data.items():
        setattr(config.exploration, name, value)
    refresh(session, config, now)
    log_config_event(session, "exploration_configured", config, actor, now)
    return config.exploration


def put_rails(session: Any, config_version_id: str, data: Changes, *, actor: Actor, now: datetime) -> RailRule:
    config = editable(session, config_version_id)
    config.rails = config.rails or RailRule()
    for name, value in data.items():
        setattr(config.rails, name, value)
    refresh(session, config, now)
    log_config_event(session, "rails_configured", config, actor, now)
    return config.rails


def _reorder(config: ConfigVersion) -> None:
    """The list in memory in the order that the database would give."""
    config.pools.sort(key=lambda pool: (pool.position, pool.pool_id))


def new_pool(session: Any, config: ConfigVersion, data: Changes, pointer: str = "") -> Pool:
    _check_unit(session, config, data["value_unit_id"], f"{pointer}/value_unit_id")
    pool = Pool()
    _assign(pool, data)
    return pool


def _assign(pool: Pool, data: Changes) -> None:
    for name, value in data.items():
        setattr(pool, name, value)


def _check_unit(session: Any, config: ConfigVersion, value_unit_id: str, pointer: str) -> None:
    """A pool counts a unit of the config's cycle: a definition, or one frozen in its snapshot."""
    known = _known_units(session, config)
    if value_unit_id not in known:
        raise invalid(_unknown_unit(config, value_unit_id, known, pointer))


def _check_units(session: Any, config: ConfigVersion, stored: Mapping[str, Pool], pools: Sequence[Changes]) -> None:
    """The same for a whole table at once; what a stored pool counts already is for the gates to judge."""
    known = _known_units(session, config)
    errors = [
        _unknown_unit(config, pool["value_unit_id"], known, f"/pools/{index}/value_unit_id")
        for index, pool in enumerate(pools)
        if pool["value_unit_id"] not in known
        and not (pool["pool_id"] in stored and stored[pool["pool_id"]].value_unit_id == pool["value_unit_id"])
    ]
    if errors:
        raise invalid(*errors)


def _known_units(session: Any, config: ConfigVersion) -> set[str]:
    known = set(session.scalars(sa.select(ValueUnitDefinition.value_unit_id).filter_by(cycle_id=config.cycle_id)))
    snapshot = snapshot_of(session, config)
    return known.union(snapshot.value_unit_ids if snapshot else ())


def _unknown_unit(config: ConfigVersion, value_unit_id: str, known: set[str], pointer: str) -> FieldError:
    return FieldError(
        pointer,
        f"Cycle {config.cycle_id} has no value unit {value_unit_id!r}; it has: {', '.join(sorted(known)) or 'none'}.",
        "pool_value_unit_unknown",
    )


def check_columns(session: Any, config: ConfigVersion) -> None:
    known = set(session.scalars(sa.select(MetricCatalog.metric_id)))
    for index, metric_id in enumerate(config.metric_lenses or ()):
        if metric_id not in known:
            raise invalid_field(f"/metric_lenses/{index}", f"{metric_id!r} is not in the metric catalog.")
    version = config.value_unit_snapshot_version
    if version is not None:
        exists = sa.select(ValueUnitSnapshot.snapshot_version).filter_by(
            cycle_id=config.cycle_id, snapshot_version=version
        )
        if session.scalar(exists) is None:
            raise invalid_field(
                "/value_unit_snapshot_version", f"Cycle {config.cycle_id} has no snapshot version {version}."
            )
    _check_baseline(session, config)


def _check_baseline(session: Any, config: ConfigVersion) -> None:
    """A baseline is another version of the same workspace, and no chain of baselines leads back."""
    pointer, seen = "/baseline_config_version_id", {config.config_version_id} - {None}
    baseline_id = config.baseline_config_version_id
    while baseline_id is not None:
        if baseline_id in seen:
            raise invalid_field(
                pointer, f"{config.baseline_config_version_id} is itself based on {baseline_id}.", "baseline_cyclic"
            )
        baseline = session.get(ConfigVersion, baseline_id)
        if baseline is None or baseline.workspace_id != config.workspace_id:
            raise invalid_field(pointer, f"Workspace {config.workspace_id} has no config version {baseline_id!r}.")
        seen.add(baseline_id)
        baseline_id = baseline.baseline_config_version_id

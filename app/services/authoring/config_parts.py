"""Change the parts of a draft: pools, price plan, exploration and rails (spec 1, flows 3B to 3D)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict, FieldError, invalid, invalid_field, not_found
from app.models.base import AnySession
from app.models.catalog import MetricCatalog
from app.models.config_version import ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.authoring.inputs import ExplorationInput, PoolInput, PoolsInput, RailsInput
from app.services.authoring.rows import assign
from app.services.catalogs.reading import keys_of
from app.services.configs.editing import editable, log_config_event, refresh
from app.services.configs.lookup import get_config, snapshot_of
from rules.price_plan import PricePlan, normalised
from rules.price_plan_problems import problems
from rules.usage_caps import cap_problems
from simulation.canonical import Json

Event = tuple[str, dict[str, Json]]
"""The name and the detail of a product event."""


def get_pool(session: AnySession, config_version_id: str, pool_id: str) -> Pool:
    """The pool, or NotFound that names the config where that is missing, else the pool."""
    pool = session.get(Pool, (config_version_id, pool_id))
    if pool is None:
        get_config(session, config_version_id)
        raise not_found(f"pool in config {config_version_id}", pool_id)
    return pool


def add_pool(session: AnySession, config_version_id: str, data: PoolInput, *, actor: Actor, now: datetime) -> Pool:
    """Add a pool, behind the others unless it comes with a position."""
    config = editable(session, config_version_id)
    if any(pool.pool_id == data["pool_id"] for pool in config.pools):
        raise Conflict(f"Config {config_version_id} has a pool {data['pool_id']!r} already.", code="already_exists")
    position = max((pool.position for pool in config.pools), default=-1) + 1
    pool = new_pool(session, config, {"position": position, **data})
    config.pools.append(pool)
    _reorder(config)
    refresh(session, config, now)
    log_config_event(session, "pool_added", config, actor, now, pool_id=pool.pool_id)
    return pool


def update_pool(
    session: AnySession, config_version_id: str, pool_id: str, data: PoolInput, *, actor: Actor, now: datetime
) -> Pool:
    """Change a pool, which keeps its id; Invalid when it would count a unit that the cycle lacks."""
    config = editable(session, config_version_id)
    pool = get_pool(session, config_version_id, pool_id)
    if data.get("pool_id", pool_id) != pool_id:
        raise invalid_field("/pool_id", f"A pool keeps its id: remove {pool_id} and add another.")
    if "value_unit_id" in data:
        _check_unit(session, config, data["value_unit_id"], "/value_unit_id")
    assign(pool, data)
    _reorder(config)
    refresh(session, config, now)
    log_config_event(session, "pool_updated", config, actor, now, pool_id=pool_id, changed=sorted(data))
    return pool


def delete_pool(session: AnySession, config_version_id: str, pool_id: str, *, actor: Actor, now: datetime) -> None:
    config = editable(session, config_version_id)
    config.pools.remove(get_pool(session, config_version_id, pool_id))
    refresh(session, config, now)
    log_config_event(session, "pool_removed", config, actor, now, pool_id=pool_id)


def put_pools(
    session: AnySession, config_version_id: str, data: PoolsInput, *, actor: Actor, now: datetime
) -> ConfigVersion:
    """Replace a draft's pools, and the columns that are set beside them, all at once (spec 7, flow 3B).

    A stored pool that `pools` does not name is removed. Raises Invalid that points at `/pools/<index>/<field>`.
    """
    config = editable(session, config_version_id)
    columns = {name: value for name, value in data.items() if name != "pools" and value != getattr(config, name)}
    with session.no_autoflush:
        assign(config, columns)
        check_columns(session, config)
        events = _replace_pools(session, config, data["pools"])
    refresh(session, config, now)
    if columns:
        config.updated_at = now
        events.append(("config_draft_updated", {"changed": sorted(columns)}))
    for name, detail in events:
        log_config_event(session, name, config, actor, now, **detail)
    return config


def _replace_pools(session: AnySession, config: ConfigVersion, pools: Sequence[PoolInput]) -> list[Event]:
    """Make the config's pools these, in this order; returns the product events, of removed pools first."""
    stored = {pool.pool_id: pool for pool in config.pools}
    kept: dict[str, PoolInput] = {pool["pool_id"]: {**pool, "position": at} for at, pool in enumerate(pools)}
    if len(kept) < len(pools):
        raise invalid_field("/pools", "Two pools have the same id.")
    _check_units(session, config, stored, pools)
    events: list[Event] = []
    for pool_id in sorted(stored.keys() - kept.keys()):
        config.pools.remove(stored[pool_id])
        events.append(("pool_removed", {"pool_id": pool_id}))
    for pool_id, fields in kept.items():
        events += _put_pool(config, stored.get(pool_id), fields)
    _reorder(config)
    return events


def _put_pool(config: ConfigVersion, stored: Pool | None, fields: PoolInput) -> list[Event]:
    """Add a pool that is not stored, or change the one that is; returns the event, if anything differs."""
    pool = stored or Pool()
    changed = sorted(name for name, value in fields.items() if getattr(pool, name) != value)
    assign(pool, fields)
    if stored is None:
        config.pools.append(pool)
        return [("pool_added", {"pool_id": pool.pool_id})]
    return [("pool_updated", {"pool_id": pool.pool_id, "changed": changed})] if changed else []


def put_exploration(
    session: AnySession, config_version_id: str, data: ExplorationInput, *, actor: Actor, now: datetime
) -> ExplorationRule:
    """Set fields of the exploration rule, which is added when the config has none."""
    config = editable(session, config_version_id)
    config.exploration = config.exploration or ExplorationRule()
    assign(config.exploration, data)
    refresh(session, config, now)
    log_config_event(session, "exploration_configured", config, actor, now)
    return config.exploration


def put_rails(
    session: AnySession, config_version_id: str, data: RailsInput, *, actor: Actor, now: datetime
) -> RailRule:
    """Set fields of the rails, which are added when the config has none."""
    config = editable(session, config_version_id)
    config.rails = config.rails or RailRule()
    check_caps(session, config, data)
    assign(config.rails, data)
    refresh(session, config, now)
    log_config_event(session, "rails_configured", config, actor, now)
    return config.rails


def put_price_plan(
    session: AnySession, config_version_id: str, plan: Mapping[str, Json] | None, *, actor: Actor, now: datetime
) -> ConfigVersion:
    """Replace a draft's price plan as a whole; None takes it out (spec 4.2).

    Raises Invalid that points at each member that cannot be billed: `/unit_prices/0/tiers/1/up_to`.
    """
    config = editable(session, config_version_id)
    config.price_plan = billable_plan(plan)
    refresh(session, config, now)
    log_config_event(session, "price_plan_configured", config, actor, now)
    return config


def billable_plan(plan: Mapping[str, Json] | None, pointer: str = "") -> PricePlan | None:
    """The plan as configs keep it, None for one that says nothing; Invalid where it cannot be billed.

    `pointer` is where the plan stands in the request.
    """
    errors = [FieldError(f"{pointer}{problem.pointer}", problem.text) for problem in problems(plan or {})]
    if errors:
        raise invalid(*errors)
    return normalised(plan)


def check_caps(session: AnySession, config: ConfigVersion, data: RailsInput, pointer: str = "") -> None:
    """Raise Invalid for every absolute cap of another shape or on a unit that the cycle lacks, unless it is stored.

    A cap that is stored and cannot be enforced is a finding of the gates.
    """
    stored = (config.rails.absolute_usage_caps if config.rails else None) or []
    caps = [(at, cap) for at, cap in enumerate(data.get("absolute_usage_caps") or ()) if cap not in stored]
    if not caps:
        return
    at_cap = f"{pointer}/absolute_usage_caps"
    errors = [
        FieldError(f"{at_cap}/{at}/{member}", f"{member} {problem}.")
        for at, cap in caps
        for member, problem in cap_problems(cap)
    ]
    known_ids = set() if errors else _known_units(session, config)
    errors = errors or [
        _unknown_unit(config, cap["value_unit_id"], known_ids, f"{at_cap}/{at}/value_unit_id")
        for at, cap in caps
        if cap["value_unit_id"] not in known_ids
    ]
    if errors:
        raise invalid(*errors)


def _reorder(config: ConfigVersion) -> None:
    """Sort the list in memory as the database would give it."""
    config.pools.sort(key=lambda pool: (pool.position, pool.pool_id))


def new_pool(session: AnySession, config: ConfigVersion, data: PoolInput, pointer: str = "") -> Pool:
    """A pool for the config, which does not have it yet; `pointer` is where the data stand in the request."""
    _check_unit(session, config, data["value_unit_id"], f"{pointer}/value_unit_id")
    pool = Pool()
    assign(pool, data)
    return pool


def _check_unit(session: AnySession, config: ConfigVersion, value_unit_id: str, pointer: str) -> None:
    """Raise Invalid unless the config's cycle has the unit, as a definition or frozen in the config's snapshot."""
    known_ids = _known_units(session, config)
    if value_unit_id not in known_ids:
        raise invalid(_unknown_unit(config, value_unit_id, known_ids, pointer))


def _check_units(
    session: AnySession, config: ConfigVersion, stored: Mapping[str, Pool], pools: Sequence[PoolInput]
) -> None:
    """Raise Invalid for every pool whose unit the cycle lacks, unless the stored pool counts that unit already.

    A unit that is stored and unknown is a finding of the gates.
    """
    known_ids = _known_units(session, config)
    errors = [
        _unknown_unit(config, pool["value_unit_id"], known_ids, f"/pools/{index}/value_unit_id")
        for index, pool in enumerate(pools)
        if pool["value_unit_id"] not in known_ids
        and not (pool["pool_id"] in stored and stored[pool["pool_id"]].value_unit_id == pool["value_unit_id"])
    ]
    if errors:
        raise invalid(*errors)


def _known_units(session: AnySession, config: ConfigVersion) -> set[str]:
    defined = session.scalars(sa.select(ValueUnitDefinition.value_unit_id).filter_by(cycle_id=config.cycle_id))
    snapshot = snapshot_of(session, config)
    return set(defined).union(snapshot.value_unit_ids if snapshot else ())


def _unknown_unit(config: ConfigVersion, value_unit_id: str, known_ids: set[str], pointer: str) -> FieldError:
    units = ", ".join(sorted(known_ids)) or "none"
    problem = f"Cycle {config.cycle_id} has no value unit {value_unit_id!r}; it has: {units}."
    return FieldError(pointer, problem, "pool_value_unit_unknown")


def check_columns(session: AnySession, config: ConfigVersion) -> None:
    """Raise Invalid unless the lenses, the snapshot version and the baseline that the config names exist."""
    known_ids = keys_of(session, MetricCatalog, config.workspace_id)
    for index, metric_id in enumerate(config.metric_lenses or ()):
        if metric_id not in known_ids:
            raise invalid_field(f"/metric_lenses/{index}", f"{metric_id!r} is not in the metric catalog.")
    version = config.value_unit_snapshot_version
    if version is not None:
        of_version = sa.select(ValueUnitSnapshot.snapshot_version).filter_by(
            cycle_id=config.cycle_id, snapshot_version=version
        )
        if session.scalar(of_version) is None:
            raise invalid_field(
                "/value_unit_snapshot_version", f"Cycle {config.cycle_id} has no snapshot version {version}."
            )
    _check_baseline(session, config)


def _check_baseline(session: AnySession, config: ConfigVersion) -> None:
    """Raise Invalid unless the baseline is another version of the workspace and no chain of baselines leads back."""
    pointer, passed_ids = "/baseline_config_version_id", {config.config_version_id} - {None}
    baseline_id = config.baseline_config_version_id
    while baseline_id is not None:
        if baseline_id in passed_ids:
            raise invalid_field(
                pointer, f"{config.baseline_config_version_id} is itself based on {baseline_id}.", "baseline_cyclic"
            )
        baseline = session.get(ConfigVersion, baseline_id)
        if baseline is None or baseline.workspace_id != config.workspace_id:
            raise invalid_field(pointer, f"Workspace {config.workspace_id} has no config version {baseline_id!r}.")
        passed_ids.add(baseline_id)
        baseline_id = baseline.baseline_config_version_id

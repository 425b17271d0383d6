"""Writing config versions while they are drafts: subject, pools, exploration and rails (spec 2).

Every door that changes a config (API, grids, screens, forks) comes through here, so "immutable: fork it" is said once.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.errors import Conflict, FieldError, config_immutable, invalid, invalid_field, not_found
from app.identity import Actor
from app.models.catalog import MetricCatalog, SegmentCatalog
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.cycle import Cycle
from app.models.transactions import lock_subject
from app.models.value_unit import ValueUnitDefinition, ValueUnitSnapshot
from app.services.configs.reading import current_hash, get_config, latest_completed_run, locked, snapshot_of
from app.services.product_events import log_event
from rules.enums import ConfigStatus
from rules.lifecycle import is_editable, stage_defaults

Changes = Mapping[str, Any]


def create_config(session: Any, data: Changes, *, actor: Actor, now: datetime) -> ConfigVersion:
    """A new draft for a subject, numbered after its newest version, with the stage's exploration and thresholds.

    `data` may carry `pools`, `exploration` and `rails` in the embedded shapes of spec 1.
    """
    columns = {key: value for key, value in data.items() if key not in ("pools", "exploration", "rails")}
    cycle = _cycle_in(session, columns["cycle_id"], columns["workspace_id"])
    _check_segment(session, columns["segment"])
    lock_subject(session, tuple(columns[name] for name in SUBJECT_FIELDS))  # two drafts at once get two numbers
    config = ConfigVersion(**columns, version=_next_version(session, columns), created_at=now, updated_at=now)
    config.status = ConfigStatus.DRAFT.value
    if "value_unit_snapshot_version" not in columns:
        config.value_unit_snapshot_version = _newest_snapshot_version(session, cycle.cycle_id)
    _check_columns(session, config)
    defaults = stage_defaults(config.stage)
    config.exploration = ExplorationRule(
        **{
            "enabled": defaults.exploration.enabled,
            "expires_after_days": defaults.exploration.expires_after_days,
            "qualifying_events": [],
        }
        | dict(data.get("exploration") or {})
    )
    thresholds = [{"percent": item.percent, "action": item.action} for item in defaults.usage_thresholds]
    config.rails = RailRule(**{"usage_thresholds": thresholds} | dict(data.get("rails") or {}))
    for position, pool in enumerate(data.get("pools") or ()):
        config.pools.append(_new_pool(session, config, {"position": position} | dict(pool), f"/pools/{position}"))
    config.content_hash = ""
    _add(session, config)
    config.content_hash = current_hash(session, config)
    _log(session, "config_draft_created", config, actor, now, version=config.version)
    return config


def update_config(session: Any, config_version_id: str, data: Changes, *, actor: Actor, now: datetime) -> ConfigVersion:
    """Edit a draft's own columns; its subject and cycle stay, because versions are numbered within them."""
    config = editable(session, config_version_id)
    fixed = [
        name for name in (*SUBJECT_FIELDS, "cycle_id") if data.get(name, getattr(config, name)) != getattr(config, name)
    ]
    if fixed:
        raise invalid(
            *(
                FieldError(f"/{name}", f"{name} of {config_version_id} is fixed: fork it to another subject.")
                for name in fixed
            )
        )
    with session.no_autoflush:
        for name, value in data.items():
            setattr(config, name, value)
        _check_columns(session, config)
    config.updated_at = now
    refresh(session, config, now)
    _log(session, "config_draft_updated", config, actor, now, changed=sorted(data))
    return config


def delete_config(session: Any, config_version_id: str, *, actor: Actor, now: datetime) -> None:
    """Delete a draft that nothing refers to; one that was simulated stays, as evidence."""
    config = editable(session, config_version_id)
    _log(session, "config_draft_deleted", config, actor, now)
    session.delete(config)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f"Config {config_version_id} has simulation runs or is another version's baseline, so it stays.",
            code="in_use",
        ) from error


def editable(session: Any, config_version_id: str) -> ConfigVersion:
    """The config if its content may change, else the 409 that every door gives.

    Its subject is locked, so that nobody approves it between this check and the edit.
    """
    config = locked(session, config_version_id)
    if not is_editable(config.status):
        raise config_immutable(config_version_id, config.status)
    return config


def refresh(session: Any, config: ConfigVersion, now: datetime) -> None:
    """After an edit: the new content hash, and the status it implies; `updated_at` moves only with them.

    `simulated` means that the latest completed run saw exactly this content.
    """
    session.flush()
    before = (config.content_hash, config.status)
    config.content_hash = current_hash(session, config)
    run = latest_completed_run(session, config.config_version_id)
    seen = run is not None and run.candidate_content_hash == config.content_hash
    config.status = (ConfigStatus.SIMULATED if seen else ConfigStatus.DRAFT).value
    if (config.content_hash, config.status) != before:
        config.updated_at = now


# Pools, exploration, rails


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
    pool = _new_pool(session, config, {"position": position} | dict(data))
    config.pools.append(pool)
    _reorder(config)
    refresh(session, config, now)
    _log(session, "pool_added", config, actor, now, pool_id=pool.pool_id)
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
    _log(session, "pool_updated", config, actor, now, pool_id=pool_id, changed=sorted(data))
    return pool


def delete_pool(session: Any, config_version_id: str, pool_id: str, *, actor: Actor, now: datetime) -> None:
    config = editable(session, config_version_id)
    config.pools.remove(get_pool(session, config_version_id, pool_id))
    refresh(session, config, now)
    _log(session, "pool_removed", config, actor, now, pool_id=pool_id)


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
        _check_columns(session, config)
        events = _replace_pools(session, config, data["pools"])
    refresh(session, config, now)
    if columns:
        config.updated_at = now
        events.append(("config_draft_updated", {"changed": sorted(columns)}))
    for name, detail in events:
        _log(session, name, config, actor, now, **detail)
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
    _log(session, "exploration_configured", config, actor, now)
    return config.exploration


def put_rails(session: Any, config_version_id: str, data: Changes, *, actor: Actor, now: datetime) -> RailRule:
    config = editable(session, config_version_id)
    config.rails = config.rails or RailRule()
    for name, value in data.items():
        setattr(config.rails, name, value)
    refresh(session, config, now)
    _log(session, "rails_configured", config, actor, now)
    return config.rails


def _reorder(config: ConfigVersion) -> None:
    """The list in memory in the order that the database would give."""
    config.pools.sort(key=lambda pool: (pool.position, pool.pool_id))


def _new_pool(session: Any, config: ConfigVersion, data: Changes, pointer: str = "") -> Pool:
    _check_unit(session, config, data["value_unit_id"], f"{pointer}/value_unit_id")
    pool = Pool()
    _assign(pool, data)
    return pool


def _assign(pool: Pool, data: Changes) -> None:
    for name, value in data.items():
        setattr(pool, name, value)


# Checks


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


def _check_columns(session: Any, config: ConfigVersion) -> None:
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


def _cycle_in(session: Any, cycle_id: str, workspace_id: str) -> Cycle:
    cycle: Cycle | None = session.get(Cycle, cycle_id)
    if cycle is None or cycle.workspace_id != workspace_id:
        raise invalid_field("/cycle_id", f"Workspace {workspace_id} has no cycle {cycle_id!r}.")
    return cycle


def _check_segment(session: Any, segment: str) -> None:
    known = list(session.scalars(sa.select(SegmentCatalog.segment_id).order_by(SegmentCatalog.segment_id)))
    if segment not in known:
        raise invalid_field("/segment", f"{segment!r} is not in the segment catalog; it has: {', '.join(known)}.")


def _newest_snapshot_version(session: Any, cycle_id: str) -> int | None:
    newest = sa.select(sa.func.max(ValueUnitSnapshot.snapshot_version)).filter_by(cycle_id=cycle_id)
    version: int | None = session.scalar(newest)
    return version


def _next_version(session: Any, subject: Changes) -> int:
    newest = sa.select(sa.func.max(ConfigVersion.version)).filter_by(**{name: subject[name] for name in SUBJECT_FIELDS})
    return (session.scalar(newest) or 0) + 1


def _add(session: Any, config: ConfigVersion) -> None:
    if config.config_version_id is not None and session.get(ConfigVersion, config.config_version_id) is not None:
        raise Conflict(f"config_version_id {config.config_version_id!r} is taken already.", code="already_exists")
    session.add(config)
    session.flush()


def _log(session: Any, name: str, config: ConfigVersion, actor: Actor, now: datetime, **detail: Any) -> None:
    log_event(
        session,
        name,
        actor=actor,
        now=now,
        workspace_id=config.workspace_id,
        entity_id=config.config_version_id,
        **detail,
    )

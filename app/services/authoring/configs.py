"""Create, change and delete config versions while they are drafts (spec 2); their parts are in `config_parts`.

Every door that changes a config (API, grids, screens, forks) comes through here, so "immutable: fork it" is said once.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.actor import Actor
from app.errors import Conflict, FieldError, invalid, invalid_field
from app.models.catalog import SegmentCatalog
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, ExplorationRule, RailRule
from app.models.cycle import Cycle
from app.models.transactions import lock_subject
from app.models.value_unit import ValueUnitSnapshot
from app.services.authoring.config_parts import Changes, check_columns, new_pool
from app.services.configs.editing import editable, log_config_event, refresh
from app.services.configs.reading import current_hash
from rules.enums import ConfigStatus
from rules.lifecycle import stage_defaults


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
    check_columns(session, config)
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
        config.pools.append(new_pool(session, config, {"position": position} | dict(pool), f"/pools/{position}"))
    config.content_hash = ""
    _add(session, config)
    config.content_hash = current_hash(session, config)
    log_config_event(session, "config_draft_created", config, actor, now, version=config.version)
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
        check_columns(session, config)
    config.updated_at = now
    refresh(session, config, now)
    log_config_event(session, "config_draft_updated", config, actor, now, changed=sorted(data))
    return config


def delete_config(session: Any, config_version_id: str, *, actor: Actor, now: datetime) -> None:
    """Delete a draft that nothing refers to; one that was simulated stays, as evidence."""
    config = editable(session, config_version_id)
    log_config_event(session, "config_draft_deleted", config, actor, now)
    session.delete(config)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict(
            f"Config {config_version_id} has simulation runs or is another version's baseline, so it stays.",
            code="in_use",
        ) from error


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

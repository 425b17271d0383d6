"""Create, change and delete config versions while they are drafts (spec 2); their parts are in `config_parts`.

Every door that changes a config (API, grids, screens, forks) comes through here, so the refusal "immutable: fork it"
has one place.
"""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.actor import Actor
from app.errors import Conflict, FieldError, invalid, invalid_field
from app.models.base import AnySession
from app.models.catalog import SegmentCatalog
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, ExplorationRule, RailRule
from app.models.cycle import Cycle
from app.models.transactions import lock_subject
from app.models.value_unit import ValueUnitSnapshot
from app.services.authoring.config_parts import billable_plan, check_caps, check_columns, new_pool
from app.services.authoring.inputs import ConfigColumns, ConfigInput, PoolInput
from app.services.authoring.rows import assign, insert
from app.services.catalogs.reading import keys_of
from app.services.configs.editing import editable, log_config_event, refresh
from app.services.configs.reading import current_hash
from rules.enums import ConfigStatus
from rules.lifecycle import stage_defaults

PARTS = frozenset({"pools", "exploration", "rails", "price_plan"})


def create_config(session: AnySession, data: ConfigInput, *, actor: Actor, now: datetime) -> ConfigVersion:
    """A new draft for a subject, numbered after its newest version.

    Left out, the snapshot is the cycle's newest, and the exploration rule and the thresholds are those of the stage.
    """
    _check_cycle(session, data["cycle_id"], data["workspace_id"])
    _check_segment(session, data["workspace_id"], data["segment"])
    columns = {name: value for name, value in data.items() if name not in PARTS}
    config = ConfigVersion(**columns, created_at=now, updated_at=now)
    config.status = ConfigStatus.DRAFT.value
    subject = config.subject_resolution
    lock_subject(session, tuple(subject.values()))  # two drafts at once get two numbers
    config.version = _next_version(session, subject)
    if "value_unit_snapshot_version" not in data:
        config.value_unit_snapshot_version = _newest_snapshot_version(session, config.cycle_id)
    check_columns(session, config)
    _add_parts(session, config, data)
    config.content_hash = ""
    insert(session, config, "config_version_id")
    config.content_hash = current_hash(session, config)
    log_config_event(session, "config_draft_created", config, actor, now, version=config.version)
    return config


def _add_parts(session: AnySession, config: ConfigVersion, data: ConfigInput) -> None:
    """The exploration rule and the rails, from the stage where they are not given, the price plan and the pools."""
    config.price_plan = billable_plan(data.get("price_plan"), "/price_plan")
    defaults = stage_defaults(config.stage)
    config.exploration = ExplorationRule(
        enabled=defaults.exploration.enabled,
        expires_after_days=defaults.exploration.expires_after_days,
        qualifying_events=[],
    )
    assign(config.exploration, data.get("exploration") or {})
    thresholds = [{"percent": item.percent, "action": item.action} for item in defaults.usage_thresholds]
    config.rails = RailRule(usage_thresholds=thresholds)
    check_caps(session, config, data.get("rails") or {}, "/rails")
    assign(config.rails, data.get("rails") or {})
    for position, pool in enumerate(data.get("pools") or ()):
        fields: PoolInput = {"position": position, **pool}
        config.pools.append(new_pool(session, config, fields, f"/pools/{position}"))


def update_config(
    session: AnySession, config_version_id: str, data: ConfigColumns, *, actor: Actor, now: datetime
) -> ConfigVersion:
    """Change a draft's own columns; its subject and cycle stay, because versions are numbered within them."""
    config = editable(session, config_version_id)
    _require_fixed(config, data)
    with session.no_autoflush:
        assign(config, data)
        check_columns(session, config)
    config.updated_at = now
    refresh(session, config, now)
    log_config_event(session, "config_draft_updated", config, actor, now, changed=sorted(data))
    return config


def delete_config(session: AnySession, config_version_id: str, *, actor: Actor, now: datetime) -> None:
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


def _require_fixed(config: ConfigVersion, data: Mapping[str, object]) -> None:
    """Raise Invalid for each field of the subject, and for the cycle, that the data would change."""
    moved = [name for name in (*SUBJECT_FIELDS, "cycle_id") if name in data and data[name] != getattr(config, name)]
    if moved:
        problem = "{} of {} is fixed: fork it to another subject."
        raise invalid(*(FieldError(f"/{name}", problem.format(name, config.config_version_id)) for name in moved))


def _check_cycle(session: AnySession, cycle_id: str, workspace_id: str) -> None:
    cycle = session.get(Cycle, cycle_id)
    if cycle is None or cycle.workspace_id != workspace_id:
        raise invalid_field("/cycle_id", f"Workspace {workspace_id} has no cycle {cycle_id!r}.")


def _check_segment(session: AnySession, workspace_id: str, segment: str) -> None:
    known_ids = keys_of(session, SegmentCatalog, workspace_id)
    if segment not in known_ids:
        raise invalid_field("/segment", f"{segment!r} is not in the segment catalog; it has: {', '.join(known_ids)}.")


def _newest_snapshot_version(session: AnySession, cycle_id: str) -> int | None:
    newest = sa.select(sa.func.max(ValueUnitSnapshot.snapshot_version)).filter_by(cycle_id=cycle_id)
    return session.scalar(newest)


def _next_version(session: AnySession, subject: Mapping[str, str]) -> int:
    newest = sa.select(sa.func.max(ConfigVersion.version)).filter_by(**subject)
    return (session.scalar(newest) or 0) + 1

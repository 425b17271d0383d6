"""Create, change and delete cycles; what a decided config enforces stays as it is (spec 1 and 2)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict, FieldError, invalid_field
from app.models.catalog import MetricCatalog, SegmentCatalog
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.services.authoring.rows import (
    Changes,
    assign,
    insert,
    log_change,
    raise_all,
    remove,
    require_workspace,
    unknown_ids,
)
from app.services.configs.editing import refresh
from app.services.configs.lookup import locked
from app.services.lookup import get
from rules.cycle import PERIOD_LENGTHS
from rules.lifecycle import is_editable


def create_cycle(session: Any, data: Changes, *, actor: Actor, now: datetime) -> Cycle:
    """A cycle of 90 days in production, 90 or 120 in a sandbox; metrics and segments come from the catalogs."""
    require_workspace(session, data["workspace_id"])
    row = Cycle(**data, created_at=now, updated_at=now)
    _check_cycle(session, row)
    insert(session, row, "cycle_id")
    log_change(session, "cycle_created", row.workspace_id, row.cycle_id, actor, now)
    return row


def update_cycle(session: Any, cycle_id: str, data: Changes, *, actor: Actor, now: datetime) -> Cycle:
    """Edit a cycle; what its configs enforce freezes with the first one that was approved.

    Everybody who needs both takes the cycle first and then its configs' subjects, so nobody waits in a circle.
    """
    row: Cycle = get(session, Cycle, cycle_id, "cycle", with_for_update={"key_share": True})
    if "workspace_id" in data and data["workspace_id"] != row.workspace_id:
        raise invalid_field("/workspace_id", f"Cycle {cycle_id} stays in workspace {row.workspace_id}.")
    enforced = {"goal_type", "primary_metrics", "narrative", "cycle_type", "period_length_days"}
    changed = {name for name, value in data.items() if getattr(row, name) != value}
    configs = _configs_of(session, cycle_id)
    decided = [config.config_version_id for config in configs if not is_editable(config.status)]
    if decided and changed & enforced:
        raise Conflict(
            f"Cycle {cycle_id} carries the decided config {decided[0]}, so its {', '.join(sorted(changed & enforced))} "
            "cannot change: open the next cycle.",
            code="cycle_immutable",
        )
    with session.no_autoflush:
        assign(row, data)
        _check_cycle(session, row)
    row.updated_at = now
    for config in configs:
        if is_editable(config.status):
            refresh(session, config, now)
    log_change(session, "cycle_updated", row.workspace_id, row.cycle_id, actor, now, changed=sorted(changed))
    return row


def _configs_of(session: Any, cycle_id: str) -> list[ConfigVersion]:
    """The cycle's config versions, locked subject by subject so that none is approved while its cycle changes."""
    order = [getattr(ConfigVersion, name) for name in (*SUBJECT_FIELDS, "version")]
    ids = session.scalars(sa.select(ConfigVersion.config_version_id).filter_by(cycle_id=cycle_id).order_by(*order))
    return [locked(session, config_version_id) for config_version_id in ids.all()]


def delete_cycle(session: Any, cycle_id: str, *, actor: Actor, now: datetime) -> None:
    row: Cycle = get(session, Cycle, cycle_id, "cycle")
    remove(session, row, "cycle", cycle_id)
    log_change(session, "cycle_deleted", row.workspace_id, cycle_id, actor, now)


def _check_cycle(session: Any, cycle: Cycle) -> None:
    errors = unknown_ids(session, MetricCatalog.metric_id, cycle.primary_metrics or (), "/primary_metrics", "metric")
    errors += unknown_ids(session, SegmentCatalog.segment_id, cycle.segments or (), "/segments", "segment")
    allowed = PERIOD_LENGTHS[cycle.cycle_type]
    if cycle.period_length_days not in allowed:
        errors.append(
            FieldError(
                "/period_length_days",
                f"A {cycle.cycle_type} cycle lasts {' or '.join(map(str, allowed))} days, "
                f"not {cycle.period_length_days}",
            )
        )
    if cycle.start_date and cycle.end_date and cycle.end_date <= cycle.start_date:
        errors.append(FieldError("/end_date", "The cycle must end after it starts"))
    raise_all(errors)

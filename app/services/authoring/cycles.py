"""Create, change and delete cycles; the content that a decided config enforces stays as it is (spec 1 and 2)."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from app.actor import Actor
from app.errors import Conflict, FieldError, invalid_field
from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.cycle import Cycle
from app.services.authoring.inputs import CycleInput
from app.services.authoring.rows import assign, insert, raise_all, remove, require_workspace, unknown_ids
from app.services.catalogs.kinds import METRICS, SEGMENTS
from app.services.configs.editing import refresh
from app.services.configs.lookup import locked
from app.services.lookup import get
from app.services.product_events import log_event
from rules.cycle import PERIOD_LENGTHS
from rules.lifecycle import is_editable
from simulation.canonical import Json

ENFORCED_FIELDS = frozenset({"goal_type", "primary_metrics", "narrative", "cycle_type", "period_length_days"})
"""The fields of a cycle that its configs enforce."""


def create_cycle(session: AnySession, data: CycleInput, *, actor: Actor, now: datetime) -> Cycle:
    """A cycle of 90 days in production, 90 or 120 in a sandbox; metrics and segments come from the catalogs."""
    require_workspace(session, data["workspace_id"])
    row = Cycle(**data, created_at=now, updated_at=now)
    _check_cycle(session, row)
    insert(session, row, "cycle_id")
    _log_cycle(session, "cycle_created", row, actor, now)
    return row


def update_cycle(session: AnySession, cycle_id: str, data: CycleInput, *, actor: Actor, now: datetime) -> Cycle:
    """Change a cycle; `ENFORCED_FIELDS` freeze when the first of its configs is approved.

    The cycle is locked first and its configs' subjects after it, as in every transaction that locks both: two that
    took them in different orders could wait for each other.
    """
    row = get(session, Cycle, cycle_id, "cycle", with_for_update={"key_share": True})
    if "workspace_id" in data and data["workspace_id"] != row.workspace_id:
        raise invalid_field("/workspace_id", f"Cycle {cycle_id} stays in workspace {row.workspace_id}.")
    changed = _changed(row, data)
    configs = _configs_of(session, cycle_id)
    _require_undecided(cycle_id, configs, changed)
    with session.no_autoflush:
        assign(row, data)
        _check_cycle(session, row)
    row.updated_at = now
    for config in configs:
        if is_editable(config.status):
            refresh(session, config, now)
    _log_cycle(session, "cycle_updated", row, actor, now, changed=sorted(changed))
    return row


def delete_cycle(session: AnySession, cycle_id: str, *, actor: Actor, now: datetime) -> None:
    """Delete a cycle that nothing refers to."""
    row = get(session, Cycle, cycle_id, "cycle")
    remove(session, row, "cycle", cycle_id)
    _log_cycle(session, "cycle_deleted", row, actor, now)


def _changed(cycle: Cycle, fields: Mapping[str, object]) -> set[str]:
    return {name for name, value in fields.items() if getattr(cycle, name) != value}


def _require_undecided(cycle_id: str, configs: list[ConfigVersion], changed: set[str]) -> None:
    """Raise Conflict when a decided config enforces a field that changes."""
    decided = [config.config_version_id for config in configs if not is_editable(config.status)]
    if decided and changed & ENFORCED_FIELDS:
        raise Conflict(
            f"Cycle {cycle_id} carries the decided config {decided[0]}, so its "
            f"{', '.join(sorted(changed & ENFORCED_FIELDS))} cannot change: open the next cycle.",
            code="cycle_immutable",
        )


def _configs_of(session: AnySession, cycle_id: str) -> list[ConfigVersion]:
    """The cycle's config versions, locked subject by subject so that none is approved while its cycle changes."""
    order = [getattr(ConfigVersion, name) for name in (*SUBJECT_FIELDS, "version")]
    ids = session.scalars(sa.select(ConfigVersion.config_version_id).filter_by(cycle_id=cycle_id).order_by(*order))
    return [locked(session, config_version_id) for config_version_id in ids.all()]


def _check_cycle(session: AnySession, cycle: Cycle) -> None:
    errors = unknown_ids(session, METRICS, cycle.workspace_id, cycle.primary_metrics or (), "/primary_metrics")
    errors += unknown_ids(session, SEGMENTS, cycle.workspace_id, cycle.segments or (), "/segments")
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


def _log_cycle(session: AnySession, name: str, cycle: Cycle, actor: Actor, now: datetime, **detail: Json) -> None:
    log_event(session, name, actor=actor, now=now, workspace_id=cycle.workspace_id, entity_id=cycle.cycle_id, **detail)

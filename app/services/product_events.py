"""The append-only product event log: one row per write, in the write's own transaction (spec 7)."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from app.actor import Actor
from app.ids import new_id
from app.models.product_event import ProductEvent
from app.models.statements import Writes

PRODUCT_EVENTS = (
    "workspace_created",
    "data_mode_selected",
    "context_uploaded",
    "context_skipped",
    "extractions_viewed",
    "cycle_created",
    "value_unit_created",
    "value_unit_updated",
    "value_unit_snapshot_submitted",
    "config_draft_created",
    "pool_added",
    "pool_updated",
    "exploration_configured",
    "rails_configured",
    "simulation_started",
    "simulation_completed",
    "review_viewed",
    "config_approved",
    "config_activated",
    "billing_patch_generated",
    "decision_log_viewed",
    "decision_log_filtered",
    "decision_log_item_opened",
    "decision_detail_viewed",
    "decision_forked",
    "decision_patch_exported",
    "decision_compare_viewed",
)

_EVENTS = ProductEvent.__table__


def log_event(
    session: Any, name: str, *, actor: Actor, now: datetime, workspace_id: str | None, entity_id: str, **detail: Any
) -> None:
    """Append one row; `name` is one of `PRODUCT_EVENTS` or the `entity_verb` of a write that the spec does not name."""
    writes = Writes(session)
    append(writes, {name: detail}, actor=actor, now=now, workspace_id=workspace_id, entity_id=entity_id)
    writes.run()


def append(
    writes: Writes,
    details: Mapping[str, Mapping[str, Any]],
    *,
    actor: Actor,
    now: datetime,
    workspace_id: str | None,
    entity_id: str,
) -> None:
    """A row per name, all about one record, among other writes."""
    about = {"actor": actor.name, "workspace_id": workspace_id, "entity_id": entity_id, "occurred_at": now}
    rows = [
        about | {"product_event_id": new_id("pe_"), "event_name": name, "detail": detail}
        for name, detail in details.items()
    ]
    values = {f"event_{at}_{name}": value for at, row in enumerate(rows) for name, value in row.items()}
    writes.add(_insert_of(len(rows)), values)


@cache
def _insert_of(count: int) -> sa.Insert:
    """One statement for so many rows; unlike `values`, its compiled form is kept."""
    columns = list(_EVENTS.c)
    rows = [
        sa.select(*(sa.bindparam(f"event_{at}_{column.name}", type_=column.type) for column in columns))
        for at in range(count)
    ]
    return sa.insert(_EVENTS).from_select(columns, sa.union_all(*rows))

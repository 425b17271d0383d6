"""The append-only product event log: one row per write, in the write's own transaction (spec 7)."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache

import sqlalchemy as sa

from app.actor import Actor
from app.ids import new_id
from app.models.base import AnySession
from app.models.product_event import ProductEvent
from app.models.statements import Writes
from simulation.canonical import Json

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
    "price_plan_configured",
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
    session: AnySession,
    name: str,
    *,
    actor: Actor,
    now: datetime,
    workspace_id: str | None,
    entity_id: str,
    **detail: Json,
) -> None:
    """Append one row; `name` is one of `PRODUCT_EVENTS` or the `entity_verb` of a write that the spec does not name."""
    writes = Writes(session)
    append(writes, {name: detail}, actor=actor, now=now, workspace_id=workspace_id, entity_id=entity_id)
    writes.run()


def append(
    writes: Writes,
    details: Mapping[str, Mapping[str, Json]],
    *,
    actor: Actor,
    now: datetime,
    workspace_id: str | None,
    entity_id: str,
) -> None:
    """Add a row for each name of `details` to the writes that run next; all of them are about one record."""
    shared = {"actor": actor.name, "workspace_id": workspace_id, "entity_id": entity_id, "occurred_at": now}
    rows = [
        shared | {"product_event_id": new_id("pe_"), "event_name": name, "detail": detail}
        for name, detail in details.items()
    ]
    values = {f"event_{index}_{name}": value for index, row in enumerate(rows) for name, value in row.items()}
    writes.add(_insert_of(len(rows)), values)


@cache
def _insert_of(count: int) -> sa.Insert:
    """The statement that inserts so many rows; its compiled form is kept, which that of `values` is not."""
    columns = list(_EVENTS.c)
    rows = [
        sa.select(*(sa.bindparam(f"event_{index}_{column.name}", type_=column.type) for column in columns))
        for index in range(count)
    ]
    return sa.insert(_EVENTS).from_select(columns, sa.union_all(*rows))

"""The append-only product event log: one row per write, in the write's own transaction (spec 7)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.identity import Actor
from app.models.product_event import ProductEvent

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

_APPEND = sa.insert(ProductEvent.__table__)


def log_event(
    session: Any, name: str, *, actor: Actor, now: datetime, workspace_id: str | None, entity_id: str, **detail: Any
) -> None:
    """Append one row; `name` is one of `PRODUCT_EVENTS` or the `entity_verb` of a write that the spec does not name."""
    log_events(session, {name: detail}, actor=actor, now=now, workspace_id=workspace_id, entity_id=entity_id)


def log_events(
    session: Any,
    details: Mapping[str, Mapping[str, Any]],
    *,
    actor: Actor,
    now: datetime,
    workspace_id: str | None,
    entity_id: str,
) -> None:
    """Append a row per name, all about one record, in one statement."""
    about = {"actor": actor.name, "workspace_id": workspace_id, "entity_id": entity_id, "occurred_at": now}
    rows = [about | {"event_name": name, "detail": detail} for name, detail in details.items()]
    session.connection().execute(_APPEND, rows)

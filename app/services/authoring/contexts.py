"""Create, change and delete the contexts that cycles are drafted from (spec 1, flow 1A)."""

from datetime import datetime
from typing import Any

from app.actor import Actor
from app.errors import invalid_field
from app.models.cycle import Cycle, CycleDraftContext
from app.services.authoring.rows import (
    Changes,
    assign,
    insert,
    log_change,
    remove,
    require_workspace,
)
from app.services.lookup import get


def create_context(session: Any, data: Changes, *, actor: Actor, now: datetime) -> CycleDraftContext:
    require_workspace(session, data["workspace_id"])
    _check_context(session, data["workspace_id"], data)
    row: CycleDraftContext = insert(session, CycleDraftContext(**data, created_at=now), "cycle_draft_context_id")
    name = "context_skipped" if row.skipped else "context_uploaded"
    log_change(session, name, row.workspace_id, row.cycle_draft_context_id, actor, now)
    return row


def update_context(session: Any, context_id: str, data: Changes, *, actor: Actor, now: datetime) -> CycleDraftContext:
    row: CycleDraftContext = get(session, CycleDraftContext, context_id, "cycle draft context")
    _check_context(session, row.workspace_id, data)
    assign(row, data)
    name = "context_skipped" if row.skipped else "context_uploaded"
    log_change(session, name, row.workspace_id, context_id, actor, now, changed=sorted(data))
    return row


def delete_context(session: Any, context_id: str, *, actor: Actor, now: datetime) -> None:
    row: CycleDraftContext = get(session, CycleDraftContext, context_id, "cycle draft context")
    remove(session, row, "cycle draft context", context_id)
    log_change(session, "context_deleted", row.workspace_id, context_id, actor, now)


def _check_context(session: Any, workspace_id: str, data: Changes) -> None:
    if data.get("workspace_id", workspace_id) != workspace_id:
        raise invalid_field("/workspace_id", f"The context stays in workspace {workspace_id}.")
    if data.get("cycle_id") is not None:
        cycle = session.get(Cycle, data["cycle_id"])
        if cycle is None or cycle.workspace_id != workspace_id:
            raise invalid_field("/cycle_id", f"Workspace {workspace_id} has no cycle {data['cycle_id']!r}.")

"""Create, change and delete workspaces (spec 1)."""

from datetime import datetime
from typing import Any

from app.actor import Actor
from app.models.workspace import Workspace
from app.services.authoring.rows import (
    Changes,
    assign,
    insert,
    log_change,
    remove,
)
from app.services.lookup import get


def create_workspace(session: Any, data: Changes, *, actor: Actor, now: datetime) -> Workspace:
    row: Workspace = insert(session, Workspace(**data, created_at=now), "workspace_id")
    log_change(session, "workspace_created", row.workspace_id, row.workspace_id, actor, now)
    return row


def update_workspace(session: Any, workspace_id: str, data: Changes, *, actor: Actor, now: datetime) -> Workspace:
    row: Workspace = get(session, Workspace, workspace_id, "workspace")
    assign(row, data)
    name = "data_mode_selected" if "data_mode" in data else "workspace_updated"
    log_change(session, name, row.workspace_id, row.workspace_id, actor, now, changed=sorted(data))
    return row


def delete_workspace(session: Any, workspace_id: str, *, actor: Actor, now: datetime) -> None:
    remove(session, get(session, Workspace, workspace_id, "workspace"), "workspace", workspace_id)
    log_change(session, "workspace_deleted", workspace_id, workspace_id, actor, now)

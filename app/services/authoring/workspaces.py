"""Create, change and delete workspaces (spec 1)."""

from datetime import datetime

import sqlalchemy as sa

from app.actor import Actor
from app.models.base import AnySession
from app.models.catalog import CATALOGS
from app.models.workspace import Workspace
from app.services.authoring.inputs import WorkspaceInput
from app.services.authoring.rows import assign, insert, remove
from app.services.lookup import get
from app.services.product_events import log_event


def create_workspace(session: AnySession, data: WorkspaceInput, *, actor: Actor, now: datetime) -> Workspace:
    row = insert(session, Workspace(**data, created_at=now), "workspace_id")
    identifier = row.workspace_id
    log_event(session, "workspace_created", actor=actor, now=now, workspace_id=identifier, entity_id=identifier)
    return row


def update_workspace(
    session: AnySession, workspace_id: str, data: WorkspaceInput, *, actor: Actor, now: datetime
) -> Workspace:
    """Change a workspace; the choice of a data mode is an event of its own name."""
    row = get(session, Workspace, workspace_id, "workspace")
    assign(row, data)
    log_event(
        session,
        "data_mode_selected" if "data_mode" in data else "workspace_updated",
        actor=actor,
        now=now,
        workspace_id=row.workspace_id,
        entity_id=row.workspace_id,
        changed=sorted(data),
    )
    return row


def delete_workspace(session: AnySession, workspace_id: str, *, actor: Actor, now: datetime) -> None:
    """Delete a workspace that no other record refers to; its own catalog entries go with it."""
    for catalog in CATALOGS:
        session.execute(sa.delete(catalog).where(catalog.workspace_id == workspace_id))
    remove(session, get(session, Workspace, workspace_id, "workspace"), "workspace", workspace_id)
    log_event(session, "workspace_deleted", actor=actor, now=now, workspace_id=workspace_id, entity_id=workspace_id)

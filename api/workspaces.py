"""/api/workspaces: whose decisions these are (spec 6)."""

from typing import Any

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import page
from api.resource import Answer, created, deleted, locked, once, require_match, tagged, writing
from api.schemas.authoring import Workspace, WorkspaceBody
from api.schemas.common import PageQuery, page_of
from app.identity import acting
from app.models.base import db
from app.models.workspace import Workspace as Row
from app.services.authoring import workspaces
from app.services.lookup import get

TAG = "Workspaces"
KIND = "workspace"


def document(row: Row) -> dict[str, Any]:
    """The workspace as every answer shows it."""
    return Workspace().dump(row)


@operation(
    "GET", "/workspaces", tag=TAG, summary="List workspaces", query=PageQuery(), answers={200: page_of(Workspace)}
)
def list_workspaces(query: dict[str, Any]) -> Answer:
    """Newest first."""
    return page(sa.select(Row), (Row.created_at, Row.workspace_id), query, document, newest_first=True)


@operation(
    "POST",
    "/workspaces",
    tag=TAG,
    summary="Create a workspace",
    body=WorkspaceBody(),
    answers={201: Workspace},
    idempotent=True,
)
def create_workspace(body: dict[str, Any]) -> Answer:
    def build(session: Any) -> Answer:
        row = workspaces.create_workspace(session, body, **acting())
        return created("get_workspace", document(row), workspace_id=row.workspace_id)

    return once(build)


@operation(
    "GET",
    "/workspaces/<workspace_id>",
    tag=TAG,
    summary="Read a workspace",
    answers={200: Workspace},
    conditional=True,
)
def get_workspace(workspace_id: str) -> Answer:
    return tagged(document(get(db.session, Row, workspace_id, KIND)))


@operation(
    "PATCH",
    "/workspaces/<workspace_id>",
    tag=TAG,
    summary="Change a workspace",
    body=WorkspaceBody(partial=True, exclude=("workspace_id",)),
    answers={200: Workspace},
    conditional=True,
)
def update_workspace(workspace_id: str, body: dict[str, Any]) -> Answer:
    with writing() as session:
        require_match(document(locked(session, Row, workspace_id, KIND)))
        return tagged(document(workspaces.update_workspace(session, workspace_id, body, **acting())))


@operation(
    "DELETE",
    "/workspaces/<workspace_id>",
    tag=TAG,
    summary="Delete a workspace that nothing refers to",
    answers={204: None},
    conditional=True,
)
def delete_workspace(workspace_id: str) -> Answer:
    with writing() as session:
        require_match(document(locked(session, Row, workspace_id, KIND)))
        workspaces.delete_workspace(session, workspace_id, **acting())
        return deleted()


OPERATIONS = (list_workspaces, create_workspace, get_workspace, update_workspace, delete_workspace)

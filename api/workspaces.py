"""/api/workspaces: whose decisions these are (spec 6)."""

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import page
from api.resource import Answer, created, deleted, locked, once, require_match, tagged, writing
from api.schemas import authoring as schemas
from api.schemas.common import Document, PageQuery, Parsed, page_of
from app.identity import acting
from app.models.base import AnySession, db
from app.models.workspace import Workspace
from app.services.authoring import workspaces
from app.services.authoring.inputs import WorkspaceInput
from app.services.lookup import get

TAG = "Workspaces"
KIND = "workspace"


def document(row: Workspace) -> Document:
    """The workspace as every answer shows it."""
    return schemas.Workspace().document(row)


@operation(
    "GET",
    "/workspaces",
    tag=TAG,
    summary="List workspaces",
    query=PageQuery(),
    answers={200: page_of(schemas.Workspace)},
)
def list_workspaces(query: Parsed) -> Answer:
    """Newest first."""
    return page(
        sa.select(Workspace), (Workspace.created_at, Workspace.workspace_id), query, document, newest_first=True
    )


@operation(
    "POST",
    "/workspaces",
    tag=TAG,
    summary="Create a workspace",
    body=schemas.WorkspaceBody(),
    answers={201: schemas.Workspace},
    idempotent=True,
)
def create_workspace(body: WorkspaceInput) -> Answer:
    def build(session: AnySession) -> Answer:
        row = workspaces.create_workspace(session, body, **acting())
        return created("get_workspace", document(row), workspace_id=row.workspace_id)

    return once(build)


@operation(
    "GET",
    "/workspaces/<workspace_id>",
    tag=TAG,
    summary="Read a workspace",
    answers={200: schemas.Workspace},
    conditional=True,
)
def get_workspace(workspace_id: str) -> Answer:
    return tagged(document(get(db.session, Workspace, workspace_id, KIND)))


@operation(
    "PATCH",
    "/workspaces/<workspace_id>",
    tag=TAG,
    summary="Change a workspace",
    body=schemas.WorkspaceBody(partial=True, exclude=("workspace_id",)),
    answers={200: schemas.Workspace},
    conditional=True,
)
def update_workspace(workspace_id: str, body: WorkspaceInput) -> Answer:
    with writing() as session:
        require_match(document(locked(session, Workspace, workspace_id, KIND)))
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
        require_match(document(locked(session, Workspace, workspace_id, KIND)))
        workspaces.delete_workspace(session, workspace_id, **acting())
        return deleted()


OPERATIONS = (list_workspaces, create_workspace, get_workspace, update_workspace, delete_workspace)

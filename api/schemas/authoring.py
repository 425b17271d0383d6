"""What authoring requests hold and what their answers add (spec 1 and 6). Drafts may be incomplete."""

from api.schemas.common import Answered, Body, Identifier, Moment, choice, text
from rules.enums import DataMode, OperatorRole


class WorkspaceBody(Body):
    """A workspace: whose decisions these are."""

    workspace_id = Identifier()
    workspace_name = text(required=True)
    operator_role = choice(OperatorRole, required=True)
    data_mode = choice(DataMode, load_default=DataMode.MOCKED.value)


class Workspace(Answered, WorkspaceBody):
    """A workspace as stored."""

    created_at = Moment()

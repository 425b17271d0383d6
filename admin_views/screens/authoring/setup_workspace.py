"""Flow 0A: the workspace that the operator decides for, and their role in it."""

from flask import request
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import RadioField
from wtforms.validators import DataRequired, InputRequired, Length

from admin_views.base import expose
from admin_views.forms import MAX_NAME_LENGTH, TextField, choices_of, refusal_of
from admin_views.screens.screen import OPERATOR, WORKSPACE, Screen, go, here, remember
from admin_views.screens.workplace import leave_workspace
from app.identity import acting
from app.models.base import db
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.authoring import workspaces
from app.services.authoring.inputs import WorkspaceInput
from rules.enums import OperatorRole

ROLES = {
    OperatorRole.FOUNDER: "Founder: decides what a unit of value is and what it costs",
    OperatorRole.PRODUCT_GROWTH: "Product and growth: shapes pools, exploration and rails",
    OperatorRole.ENGINEER: "Engineer: maps events and wires the runtime config",
}


class WorkspaceForm(SecureForm):
    """The workspace, and who the operator is."""

    workspace_name = TextField(
        "Workspace name",
        [DataRequired("Name the workspace."), Length(max=MAX_NAME_LENGTH)],
        description="Your company or product.",
    )
    operator_role = RadioField(
        "Your role",
        [InputRequired("Choose your role.")],
        choices=choices_of(ROLES),
    )
    operator_name = TextField(
        "Your name",
        [Length(max=MAX_NAME_LENGTH)],
        description="Proposed where you sign a decision. It stays in this browser; empty, you are asked then.",
    )


class SetupWorkspace(Screen):
    slug = "setup_workspace"
    route = "/setup/workspace"
    title = "Workspace"
    operator_decision = "Which workspace do you decide for, and in which role?"
    needs = "A name and a role, because every decision is recorded with who took it and for whom."
    writes = frozenset({"page"})
    checks_own_token = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self) -> ResponseReturnValue:
        editing = here(Workspace, WORKSPACE) if "edit" in request.args else None
        form = WorkspaceForm(get_form_data(), obj=editing, data={"operator_name": browser.get(OPERATOR)})
        if request.method == "GET":
            return self.show("setup_workspace.html", form=form, editing=editing)
        if not form.validate():
            return self.show("setup_workspace.html", form=form, editing=editing, refusal=refusal_of(form), status=422)
        if editing is None:
            leave_workspace()
        remember(operator_name=form.operator_name.data, operator_role=form.operator_role.data)
        remember(workspace_id=_save(form, editing))
        return go("/setup/data-mode")


def _save(form: WorkspaceForm, editing: Workspace | None) -> str:
    data: WorkspaceInput = {"workspace_name": form.workspace_name.data or "", "operator_role": form.operator_role.data}
    with write(db.session):
        if editing is None:
            saved = workspaces.create_workspace(db.session, data, **acting())
        else:
            saved = workspaces.update_workspace(db.session, editing.workspace_id, data, **acting())
        return str(saved.workspace_id)

"""Home: what is active per subject, what is in work, what was decided last, and which risks are carried."""

from flask import request
from flask import session as browser
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as Redirect

from admin_views.base import expose
from admin_views.screens.guidance.sparkline import sparkline
from admin_views.screens.promotion import promote_all_due
from admin_views.screens.screen import WORKSPACE, Screen, go, here, remember
from admin_views.screens.workplace import address, cycle_in, leave_workspace
from app import clock
from app.extensions import usage_events
from app.models.base import db
from app.models.workspace import Workspace
from app.services.guidance.overview import demo, overview
from app.services.guidance.standing import standing_config
from app.services.lookup import get
from app.services.usage.condition import trouble_of


class Home(Screen):
    slug = "home"
    route = "/"
    title = "Home"
    operator_decision = "What needs a decision now?"
    needs = "Nothing from you: this is what holds today, what is in work, and which risks the active versions carry."

    def __init__(self) -> None:
        super().__init__()
        self.static_url_path = self.route  # a view at "/" would otherwise serve the packaged assets a second time

    @expose("/")
    def page(self) -> ResponseReturnValue:
        if request.args.get("workspace"):
            return switch_to(request.args["workspace"])
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return self.show("home_start.html", demo=demo(db.session))
        current = overview(db.session, workspace.workspace_id, now=clock.now())
        if promote_all_due(current.waiting):
            current = overview(db.session, workspace.workspace_id, now=clock.now())
        return self.show(
            "home.html",
            cycle=cycle_in(workspace) or current.newest_cycle,
            config=standing_config(db.session, workspace.workspace_id),
            seen=current,
            risks=[(active, *risk) for active in current.active for risk in active.distinct_risks],
            sparkline=sparkline,
            is_empty=not (current.active or current.waiting or current.drafts or current.decisions),
            demo=demo(db.session),
            address=address,
            trouble=trouble_of(usage_events().store),
        )


def switch_to(workspace_id: str) -> Redirect:
    """Work in this workspace from now on; NotFound that names it."""
    get(db.session, Workspace, workspace_id, "workspace")
    if browser.get(WORKSPACE) != workspace_id:
        leave_workspace()
    remember(workspace_id=workspace_id)
    return go("/")

"""Home: what is active per subject, what is in work, what was decided last, and which risks are carried."""

from collections.abc import Sequence
from typing import Any

from flask import request
from flask import session as browser
from flask_admin import expose

from admin_views.screens.screen import WORKSPACE, Screen, go, here, remember
from admin_views.screens.workplace import address, cycle_in, leave_workspace
from app import clock
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.workspace import Workspace
from app.services.decisions.activation import promote_due
from app.services.guidance.overview import Overview, demo, overview
from app.services.lookup import get


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
    def page(self) -> Any:
        if request.args.get("workspace"):
            return switch_to(request.args["workspace"])
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return self.show("home_start.html", demo=demo(db.session))
        seen = overview(db.session, workspace.workspace_id)
        if _promoted(seen.scheduled):
            seen = overview(db.session, workspace.workspace_id)
        return self.show(
            "home.html",
            cycle=cycle_in(workspace) or seen.newest_cycle,
            config=_config(seen),
            seen=seen,
            risks=[(active, risk) for active in seen.active for risk in active.risks],
            is_empty=not (seen.active or seen.scheduled or seen.drafts or seen.decisions),
            demo=demo(db.session),
            address=address,
        )


def switch_to(workspace_id: str) -> Any:
    """Work in this workspace from now on; NotFound that names it."""
    get(db.session, Workspace, workspace_id, "workspace")
    if browser.get(WORKSPACE) != workspace_id:
        leave_workspace()
    remember(workspace_id=workspace_id)
    return go("/")


def _promoted(scheduled: Sequence[ConfigVersion]) -> bool:
    """Promote what was approved for a moment that has come; whether there was any."""
    now = clock.now()
    due = [config.subject_resolution for config in scheduled if config.effective_at and config.effective_at <= now]
    promoted = [promote_due(db.session, subject, now=now) for subject in due]  # each, not only the first
    return any(promoted)


def _config(seen: Overview) -> ConfigVersion | None:
    """What the frame is about: the config that was worked on last, else what is active."""
    if seen.drafts:
        return seen.drafts[0].config
    return seen.active[0].config if seen.active else None

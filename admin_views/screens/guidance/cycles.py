"""The cycles of a workspace: what each is for, how long it lasts, and what was decided in it."""

from flask.typing import ResponseReturnValue

from admin_views.base import expose
from admin_views.screens.listing import Links, extent, requested_listing
from admin_views.screens.screen import WORKSPACE, Screen, here
from admin_views.screens.workplace import cycle_in, without_workspace
from app.models.base import db
from app.models.workspace import Workspace
from app.services.guidance.lists import CYCLE_FILTERS, ROWS, cycles_page
from rules.enums import CycleStatus, CycleType, GoalType

DEFAULT_SORT = "-created"
CHOICES = {
    "status": [item.value for item in CycleStatus],
    "cycle_type": [item.value for item in CycleType],
    "goal_type": [item.value for item in GoalType],
}


class Cycles(Screen):
    slug = "cycles"
    route = "/cycles"
    title = "Cycles"
    operator_decision = "Which learning cycle do you work in?"
    needs = "A cycle with a goal and metrics, because units, configs and decisions are judged by them."

    @expose("")
    def page(self) -> ResponseReturnValue:
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace()
        listing = requested_listing(CYCLE_FILTERS, DEFAULT_SORT)
        page, counts = cycles_page(db.session, workspace.workspace_id, listing)
        return self.show(
            "cycles.html",
            cycle=cycle_in(workspace),
            listing=listing,
            page=page,
            counts=counts,
            extent=extent(page, ROWS),
            links=Links(self.route, listing, DEFAULT_SORT),
            choices=CHOICES,
        )

"""The config versions of a workspace: which subject each is for, and how far it has come."""

from flask.typing import ResponseReturnValue

from admin_views.base import expose
from admin_views.screens.listing import Links, extent, requested_listing
from admin_views.screens.screen import WORKSPACE, Screen, here
from admin_views.screens.workplace import address, cycle_in, without_workspace
from app.models.base import db
from app.models.workspace import Workspace
from app.services.decisions.log import standing
from app.services.guidance.lists import CONFIG_FILTERS, ROWS, configs_page, segments_of
from app.services.guidance.overview import newest_cycle
from rules.enums import ConfigStatus, Stage, TargetEnvironment

DEFAULT_SORT = "-updated"


class Configs(Screen):
    slug = "configs"
    route = "/configs"
    title = "Configs"
    operator_decision = "Which version do you work on, and which one holds?"
    needs = "One config per subject: a segment, a stage and an environment. Only one version of each is active."

    @expose("")
    def page(self) -> ResponseReturnValue:
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace()
        listing = requested_listing(CONFIG_FILTERS, DEFAULT_SORT)
        page = configs_page(db.session, workspace.workspace_id, listing)
        cycle = cycle_in(workspace) or newest_cycle(db.session, workspace.workspace_id)
        return self.show(
            "configs.html",
            cycle=cycle,
            listing=listing,
            page=page,
            extent=extent(page, ROWS),
            links=Links(self.route, listing, DEFAULT_SORT),
            choices={
                "status": [item.value for item in ConfigStatus],
                "segment": segments_of(db.session, workspace.workspace_id),
                "stage": [item.value for item in Stage],
                "target_environment": [item.value for item in TargetEnvironment],
            },
            address=address,
            standing=standing,
        )

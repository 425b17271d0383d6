"""The workspace and the cycle in which the operator works, as the browser's session remembers them."""

from flask import session as browser
from werkzeug.wrappers import Response

from admin_views.base import note
from admin_views.screens.screen import CONTEXT, CYCLE, go, here, path
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.workspace import Workspace
from app.services.guidance.overview import IN_WORK

OF_A_WORKSPACE = (CYCLE, CONTEXT)
"""Names in the browser's session whose values belong to one workspace."""


def without_workspace(address: str = "/") -> Response:
    """Send the operator to where a workspace is chosen or named."""
    note("Choose a workspace first: what you decide belongs to one.", "error")
    return go(address)


def leave_workspace() -> None:
    """Forget the cycle and the context: they belong to the workspace that is left."""
    for name in OF_A_WORKSPACE:
        browser.pop(name, None)


def cycle_in(workspace: Workspace) -> Cycle | None:
    """The cycle that the browser's session remembers, if it is this workspace's."""
    remembered = here(Cycle, CYCLE)
    return remembered if remembered is not None and remembered.workspace_id == workspace.workspace_id else None


def address(config: ConfigVersion) -> str:
    """The address at which a config is shown: its content while it is in work, its decision afterwards."""
    return path("configs", config.config_version_id, "pools" if config.status in IN_WORK else "approve")

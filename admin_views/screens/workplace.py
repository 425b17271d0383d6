"""Where the operator works: the browser's workspace and cycle, and where a config is looked at."""

from typing import Any

from flask import session as browser

from admin_views.base import Refused, note
from admin_views.forms import refusal_of
from admin_views.screens.screen import CYCLE, go, here, path
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.workspace import Workspace
from app.services.guidance.overview import IN_WORK

OF_A_WORKSPACE = (CYCLE, "context_id")
"""What the browser's session remembers of one workspace only."""


def without_workspace(address: str = "/") -> Any:
    """Where to choose or name a workspace first."""
    note("Choose a workspace first: what you decide belongs to one.", "error")
    return go(address)


def leave_workspace() -> None:
    """Forget what makes no sense in another workspace."""
    for name in OF_A_WORKSPACE:
        browser.pop(name, None)


def expired(form: Any) -> Refused | None:
    """Why a form without a valid token was refused, None when its token is not what is wrong with it."""
    if not form.csrf_token.errors:
        return None
    return refusal_of(form)


def cycle_in(workspace: Workspace) -> Cycle | None:
    """The cycle that the browser's session remembers, if it is this workspace's."""
    remembered = here(Cycle, CYCLE)
    return remembered if remembered is not None and remembered.workspace_id == workspace.workspace_id else None


def address(config: ConfigVersion) -> str:
    """Where a config is looked at: one in work at its content, a decided one at its decision."""
    return path("configs", config.config_version_id, "pools" if config.status in IN_WORK else "approve")

"""The base of every operator screen: one route of spec 7, its frame, and where the operator works."""

from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from flask import Response, make_response, redirect, request, send_file
from flask import session as browser
from werkzeug.wrappers import Response as Redirect

from admin_views.base import GuardedView, csrf_field
from app import clock
from app.extensions import viewing
from app.identity import acting
from app.models.base import Model, db
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.workspace import Workspace
from app.services.configs.lookup import get_config
from app.services.guidance.navigator import Guide, first_guide, guide
from app.services.guidance.standing import standing_config
from app.services.lookup import get
from simulation.canonical import Json

WORKSPACE, CYCLE, CONTEXT, OPERATOR = "workspace_id", "cycle_id", "context_id", "operator_name"
"""The names under which the browser's session remembers where the operator works, and who that is."""

MAX_SWITCHABLE = 50
"""The workspaces, and the cycles, that the switcher lists; the Cycles screen lists them all."""

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Frame:
    """The surroundings of a page's canvas. `step` is the step of the progress strip to which the screen belongs."""

    workspace: Workspace | None
    cycle: Cycle | None
    config: ConfigVersion | None
    guide: Guide
    step: str | None
    operator_name: str


class Screen(GuardedView):
    """One screen. A subclass names its `route` (spec 7) and its `title`, and answers requests in `page`.

    `operator_decision` is the question that the operator answers here, `needs` what AVS Brain needs for it and why.
    """

    slug: str
    route: str
    title: str
    operator_decision: str
    needs: str
    step: str | None = None
    is_about_cycle = False
    """Whether the page is about the cycle in its address: then its frame shows how that one stands, no other."""

    def __init__(self) -> None:
        self._default_view = "page"
        super().__init__(name=self.title, endpoint=f"screens_{self.slug}", url=self.route)

    def is_visible(self) -> bool:
        """Leave the screen out of Flask-Admin's menu: the rail lists screens itself, for most need a record."""
        return False

    def show(
        self,
        template: str,
        *,
        cycle: Cycle | None = None,
        config: ConfigVersion | None = None,
        status: int = 200,
        **values: object,
    ) -> Response:
        """The page of a template in its frame; the browser's session remembers the cycle that it is about."""
        frame = self.frame(config.cycle if config is not None else cycle, config)
        page = self.render(f"screens/{template}", screen=self, frame=frame, csrf=csrf_field, **values)
        return make_response(page, status)

    def frame(self, cycle: Cycle | None, config: ConfigVersion | None) -> Frame:
        """The frame of a page about this cycle or config; the browser's session remembers the cycle."""
        if cycle is not None:
            remember(workspace_id=cycle.workspace_id, cycle_id=cycle.cycle_id)
        workspace = here(Workspace, WORKSPACE)
        return Frame(workspace, cycle, config, self._around(workspace, cycle, config), self.step, operator_name())

    def _around(self, workspace: Workspace | None, cycle: Cycle | None, config: ConfigVersion | None) -> Guide:
        """The Navigator and the strip: of the page's config, else of the one that stands for its cycle or workspace."""
        if workspace is None and cycle is None and config is None:
            return first_guide()
        shown = config or self._standing(workspace, cycle)
        return guide(db.session, shown.cycle if shown is not None else cycle, shown, now=clock.now())

    def _standing(self, workspace: Workspace | None, cycle: Cycle | None) -> ConfigVersion | None:
        if self.is_about_cycle and cycle is not None:
            return standing_config(db.session, cycle.workspace_id, cycle.cycle_id)
        return None if workspace is None else standing_config(db.session, workspace.workspace_id)

    def log(self, name: str, workspace_id: str | None, entity_id: str, **detail: Json) -> None:
        """Gather one product event for a record that was only viewed (spec 7); viewing writes nothing itself."""
        viewing().gather(name, workspace_id=workspace_id, entity_id=entity_id, **acting(), **detail)


def operator_name() -> str:
    """The name that the operator has given in this browser; empty without one."""
    return str(browser.get(OPERATOR, ""))


def remember(**values: str | None) -> None:
    """Keep values in the browser's session, which outlasts its window: each visit keeps it for another while."""
    for name, value in values.items():
        if browser.get(name) != value:
            browser[name] = value
            browser.permanent = True


def here(model: type[Row], name: str) -> Row | None:
    """The row whose id the browser's session remembers under this name, or None."""
    identifier = browser.get(name)
    return None if identifier is None else db.session.get(model, identifier)


def places() -> list[tuple[Workspace, list[Cycle]]]:
    """The workspaces that the switcher offers, each with its cycles, newest first."""
    cycles: dict[str, list[Cycle]] = {}
    for cycle in db.session.scalars(
        sa.select(Cycle).order_by(Cycle.created_at.desc(), Cycle.cycle_id).limit(MAX_SWITCHABLE)
    ):
        cycles.setdefault(cycle.workspace_id, []).append(cycle)
    workspaces = sa.select(Workspace).order_by(Workspace.created_at, Workspace.workspace_id).limit(MAX_SWITCHABLE)
    return [(workspace, cycles.get(workspace.workspace_id, [])) for workspace in db.session.scalars(workspaces)]


def cycle_at(cycle_id: str) -> Cycle:
    """The cycle in an address; NotFound that names it."""
    cycle: Cycle = get(db.session, Cycle, cycle_id, "cycle")
    return cycle


def config_at(config_version_id: str) -> ConfigVersion:
    """The config version in an address; NotFound that names it."""
    return get_config(db.session, config_version_id)


def path(*parts: str) -> str:
    """An address from its parts, each quoted: `path("configs", config_id, "pools")`."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def go(address: str) -> Redirect:
    """Send the browser to the next page, 303 See other: it reads that page with GET after a write."""
    return redirect(address, 303)


def is_autosave() -> bool:
    """Whether the page's script saves in the background and expects a short JSON answer."""
    return "X-Autosave" in request.headers


def attachment(content: bytes, name: str, mimetype: str = "application/json") -> Response:
    """A download that the browser saves under this name."""
    return send_file(BytesIO(content), mimetype=mimetype, as_attachment=True, download_name=name)

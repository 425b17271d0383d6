"""Mounts the admin at `/admin`: the theme, our assets and templates, every screen and every grid."""

from flask import Blueprint, Flask
from flask_admin import Admin
from flask_admin.menu import MenuLink
from flask_admin.theme import Bootstrap4Theme

from admin_views.grids.editable_view import EditableGridView
from admin_views.grids.index import HomeView
from admin_views.grids.spec import GridSpec
from admin_views.grids.specs import GRIDS
from admin_views.grids.view import GridView
from admin_views.screens.authoring.catalogs import Catalogs
from admin_views.screens.authoring.config_new import ConfigNew
from admin_views.screens.authoring.context import Context
from admin_views.screens.authoring.exploration import Exploration
from admin_views.screens.authoring.north_star import NorthStar
from admin_views.screens.authoring.pools import Pools
from admin_views.screens.authoring.price_plan import PricePlan
from admin_views.screens.authoring.rails import Rails
from admin_views.screens.authoring.setup_workspace import SetupWorkspace
from admin_views.screens.authoring.value_units import ValueUnits
from admin_views.screens.authoring.value_units_submit import ValueUnitsSubmit
from admin_views.screens.chart_library import CHARTS, charts_script
from admin_views.screens.decisions.approve import Approve
from admin_views.screens.decisions.decision_compare import DecisionCompare
from admin_views.screens.decisions.decision_detail import DecisionDetail
from admin_views.screens.decisions.decision_log import DecisionLog
from admin_views.screens.figures import FILTERS
from admin_views.screens.guidance.configs import Configs
from admin_views.screens.guidance.cycles import Cycles
from admin_views.screens.guidance.home import Home
from admin_views.screens.names import called, called_cycle
from admin_views.screens.screen import Screen, places
from admin_views.screens.simulations.review import ReviewScreen
from admin_views.screens.simulations.simulate import Simulate
from admin_views.screens.uploads.data_mode import DataModeScreen
from admin_views.screens.uploads.upload_preview import UploadPreview
from admin_views.screens.uploads.usage import Usage
from app.services.wording.glossary import TERM_OF, TERMS

ASSETS = "avs_assets"
SCREENS: tuple[type[Screen], ...] = (
    Home,
    SetupWorkspace,
    DataModeScreen,
    UploadPreview,
    Cycles,
    Configs,
    Usage,
    Context,
    NorthStar,
    ValueUnits,
    ValueUnitsSubmit,
    ConfigNew,
    Pools,
    PricePlan,
    Exploration,
    Rails,
    Simulate,
    ReviewScreen,
    Approve,
    DecisionLog,
    DecisionDetail,
    DecisionCompare,
    Catalogs,
)
"""Every operator screen, in the order of spec 7."""
RAIL = (
    ("Home", "/"),
    ("Cycles", "/cycles"),
    ("Configs", "/configs"),
    ("Decision log", "/decision-log"),
    ("Catalogs", "/catalogs"),
    ("Usage", "/usage"),
)


def register(app: Flask) -> None:
    """Add the operator screens and the generated grids to the app, which has its identity guard already."""
    assets = Blueprint(
        ASSETS,
        __name__,
        url_prefix="/admin/assets",
        static_folder="static",
        static_url_path="",
        template_folder="templates",
    )
    assets.add_url_rule(f"/{CHARTS}", "charts", charts_script)
    app.register_blueprint(assets)
    admin = Admin(
        app,
        name="AVS Brain",
        index_view=HomeView(name="Data", template="avs/index.html"),
        theme=Bootstrap4Theme(base_template="avs/base.html", swatch="default", fluid=True),
    )
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(
        rail_screens=RAIL, frame_places=places, called=called, called_cycle=called_cycle, terms=TERMS, term_of=TERM_OF
    )
    for screen in SCREENS:
        admin.add_view(screen())
    for spec in GRIDS:
        admin.add_view(view_of(spec))
    admin.add_link(MenuLink(name="API docs", url="/api/docs"))


def view_of(spec: GridSpec) -> GridView:
    """The view that a spec asks for: read-only unless it names the services of a draft."""
    return EditableGridView(spec) if spec.editing else GridView(spec)

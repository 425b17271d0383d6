"""Mounts the admin at `/admin`: the theme, our assets and templates, and every grid in the registry's order."""

from flask import Blueprint, Flask
from flask_admin import Admin
from flask_admin.menu import MenuLink
from flask_admin.theme import Bootstrap4Theme

from admin_views.base import HomeView
from admin_views.editing import DraftGridView
from admin_views.grids import GridView
from admin_views.registry import GRIDS, GridSpec

ASSETS = "avs_assets"


def register(app: Flask) -> None:
    """Add the generated grids to the app; the caller has already installed the identity guard."""
    assets = Blueprint(
        ASSETS,
        __name__,
        url_prefix="/admin/assets",
        static_folder="static",
        static_url_path="",
        template_folder="templates",
    )
    app.register_blueprint(assets)
    admin = Admin(
        app,
        name="AVS Brain",
        index_view=HomeView(name="Data", template="avs/index.html"),
        theme=Bootstrap4Theme(base_template="avs/base.html", swatch="default", fluid=True),
    )
    for spec in GRIDS:
        admin.add_view(view_of(spec))
    admin.add_link(MenuLink(name="API docs", url="/api/docs"))


def view_of(spec: GridSpec) -> GridView:
    """The view that a spec asks for: read-only unless it names the services of a draft."""
    return DraftGridView(spec) if spec.draft else GridView(spec)

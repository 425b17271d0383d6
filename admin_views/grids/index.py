"""The first page of the tables: every grid by its heading."""

from flask_admin import AdminIndexView, expose

from admin_views.base import GuardedView
from admin_views.grids.specs import CATEGORIES, GRIDS


class HomeView(GuardedView, AdminIndexView):
    """Where `/admin/` leads: every grid with what it holds."""

    @expose("/")
    def index(self) -> str:
        groups = [(category, [spec for spec in GRIDS if spec.category == category]) for category in CATEGORIES]
        return self.render("avs/index.html", groups=groups)

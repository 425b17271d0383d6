"""The page that `/admin/` opens with: a link to every grid, by category."""

from flask_admin import AdminIndexView

from admin_views.base import GuardedView, expose
from admin_views.grids.spec import CATEGORIES
from admin_views.grids.specs import GRIDS


class HomeView(GuardedView, AdminIndexView):
    """The list of all grids, each with a sentence on what it holds."""

    @expose("/")
    def index(self) -> str:
        groups = [(category, [spec for spec in GRIDS if spec.category == category]) for category in CATEGORIES]
        page: str = self.render("avs/index.html", groups=groups)
        return page

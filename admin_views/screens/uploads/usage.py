"""Usage: the events that are stored for a workspace, and the files that were imported."""

import csv
from collections.abc import Iterator
from pathlib import Path

from flask import Response, stream_with_context
from flask.typing import ResponseReturnValue

from admin_views.base import expose
from admin_views.formatters import csv_line, plain
from admin_views.screens.screen import WORKSPACE, Screen, here
from admin_views.screens.uploads.addresses import DATA_MODE
from admin_views.screens.workplace import cycle_in, without_workspace
from app.errors import not_found
from app.extensions import uploads, usage_events
from app.models.base import db
from app.models.workspace import Workspace
from app.services.guidance.lists import usage_imports_of
from app.services.usage.summary import usage_summary


class Usage(Screen):
    slug = "usage"
    route = "/usage"
    title = "Usage"
    operator_decision = "Is this the usage that your decisions should rest on?"
    needs = "Events of enough days and customers, because every simulation replays them."

    @expose("")
    def page(self) -> ResponseReturnValue:
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace()
        staged = uploads()
        imports = [
            (row, staged.rejects_path(workspace.workspace_id, row.usage_import_id).is_file())
            for row in usage_imports_of(db.session, workspace.workspace_id)
        ]
        return self.show(
            "usage.html",
            cycle=cycle_in(workspace),
            usage=usage_summary(usage_events().store, workspace.workspace_id),
            workspace=workspace,
            imports=imports,
            upload_href=f"{DATA_MODE}#usage",
        )

    @expose("/rejects/<report_id>.csv")
    def rejects(self, report_id: str) -> ResponseReturnValue:
        """The rows that an import rejected, as CSV: row, event_id, field, reason."""
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace()
        path = uploads().rejects_path(workspace.workspace_id, report_id)
        if not path.is_file():
            raise not_found("rejects report", report_id)
        return Response(
            stream_with_context(_lines(path)),
            mimetype="text/csv",
            headers={"Content-Disposition": f"attachment; filename=rejects-{report_id}.csv"},
        )


def _lines(path: Path) -> Iterator[str]:
    """The lines of a report; an apostrophe stops a spreadsheet from running text as a formula."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            yield csv_line([plain(cell, "text") for cell in row])

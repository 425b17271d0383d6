"""Usage: the events that are stored for a workspace, and the files that were imported."""

import csv
from collections.abc import Iterator
from pathlib import Path

from flask import Response, request, stream_with_context
from flask.typing import ResponseReturnValue

from admin_views.base import expose, note
from admin_views.screens.screen import WORKSPACE, Screen, go, here
from admin_views.screens.uploads.addresses import DATA_MODE
from admin_views.screens.workplace import cycle_in, without_workspace
from app import clock
from app.errors import not_found
from app.extensions import uploads, usage_events
from app.identity import acting
from app.models.base import db
from app.models.workspace import Workspace
from app.services.usage import undoing
from app.services.usage.condition import TAKE_IN, condition_of
from app.services.usage.soundness import WAYS_ON
from app.services.usage.summary import future_events, usage_summary
from rules.csv_cells import csv_line

MAX_IMPORTS = 25


class Usage(Screen):
    slug = "usage"
    route = "/usage"
    title = "Usage"
    operator_decision = "Is this the usage that your decisions should rest on?"
    needs = "Events of enough days and customers, because every simulation replays them."
    writes = frozenset({"undo"})

    @expose("")
    def page(self) -> ResponseReturnValue:
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace()
        staged, store = uploads(), usage_events().store
        if damages := store.damages(workspace.workspace_id):
            return self.show("usage_damaged.html", cycle=cycle_in(workspace), damages=damages, ways_on=WAYS_ON)
        imports = [
            (row, staged.rejects_path(workspace.workspace_id, row.usage_import_id).is_file())
            for row in undoing.incoming(db.session, store, workspace.workspace_id, MAX_IMPORTS)
        ]
        return self.show(
            "usage.html",
            cycle=cycle_in(workspace),
            usage=usage_summary(store, workspace.workspace_id),
            future=future_events(store, workspace.workspace_id, clock.now()),
            without_origin=undoing.events_without_origin(store, workspace.workspace_id),
            unknown=condition_of(store).unknown,
            take_in=TAKE_IN,
            workspace=workspace,
            imports=imports,
            upload_href=f"{DATA_MODE}#usage",
        )

    @expose("/imports/<usage_import_id>/undo", methods=("GET", "POST"))
    def undo(self, usage_import_id: str) -> ResponseReturnValue:
        """GET asks for confirmation, naming what will go; POST takes it out. So confirming needs no script."""
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace()
        store = usage_events().store
        rows = undoing.incoming_of(db.session, store, usage_import_id)
        if request.method == "GET":
            return self.show("usage_undo.html", cycle=cycle_in(workspace), rows=rows)
        gone = sum(row.rows_stored or 0 for row in rows if row.can_be_undone)
        undoing.undo(db.session, store, usage_import_id, **acting())
        note(f"{rows[0].source} was undone: {gone:,} events no longer count. Simulate again what rests on them.")
        return go(self.route)

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
    """The lines of a report."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            yield csv_line(row)

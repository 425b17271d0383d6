"""Flow 0B: the source of usage events, and the reception of the files of `csv_upload`."""

from pathlib import Path

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from wtforms import FileField, RadioField
from wtforms.validators import InputRequired

from admin_views.base import CSRF_DETAIL, CsrfForm, Refused, expose
from admin_views.forms import choices_of, refusal_of
from admin_views.screens.screen import WORKSPACE, Screen, go, here
from admin_views.screens.uploads.addresses import AROUND_THE_FILE, DATA_MODE, NEXT_SCREEN, address_of
from admin_views.screens.workplace import cycle_in, without_workspace
from app import clock
from app.errors import AvsError, Invalid
from app.extensions import uploads, usage_events
from app.identity import acting
from app.models.base import db
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.authoring import workspaces
from app.services.guidance.overview import catalog_sizes
from app.services.uploads.costs import suggested_costs
from app.services.uploads.mapping import CATALOG_KINDS
from app.services.uploads.store import MAX_BYTES, Incoming, Upload
from app.services.usage.summary import usage_summary
from rules.enums import DataMode

SETUP = "/setup/workspace"
FORM_MEMORY = 512 * 1024  # bytes that the parser may hold at a time
MODES = {
    DataMode.MOCKED: "Mocked: thirty days of bundled demo events. Nothing to prepare; replace it when you are ready.",
    DataMode.CSV_UPLOAD: "CSV upload: your own usage events, from CSV, JSON or Parquet files.",
    DataMode.CONNECTORS_STUB: "Connectors: a placeholder. None exists yet, so simulations answer from mocked or "
    "uploaded events; programs can send events to POST /api/usage-events.",
}
EXAMPLES = {
    "catalog": "event_type,description,dimensions\n"
    'video_render_completed,A video finished rendering,"resolution, output_minutes"',
    "metrics": "metric_id,label,type\npaid_engagement_retention_90d,Paid engagement retention,north_star",
    "quality_signals": "signal_id,label,source\ncsat,Customer satisfaction,in_app_prompt",
    "segments": "segment_id,label,description\nai_video_smb,AI video SMB,Studios of up to twenty people",
    "customers": "customer_id,name,segment\ncust_2001,Pioneer Studio,ai_video_smb",
}
"""Kind of file → two lines of one."""


class DataModeForm(SecureForm):
    """The source of the workspace's usage events."""

    data_mode = RadioField(
        "Usage events come from",
        [InputRequired("Choose where usage events come from.")],
        choices=choices_of(MODES),
    )


class FilesForm(SecureForm):
    """The files, each sent by a form of its own."""

    usage = FileField("File of usage events", description="CSV, JSON, JSON Lines or Parquet, gzip or plain; 512 MiB.")
    catalog = FileField("File of event types", description="CSV: event type, description, dimensions.")
    metrics = FileField("File of metrics", description="CSV: metric id, label, type (north star or lens).")
    quality_signals = FileField("File of quality signals", description="CSV: signal id, label, source.")
    segments = FileField("File of segments", description="CSV: segment id, label, description.")
    customers = FileField("File of customers", description="CSV: customer id, name, segment.")
    costs = FileField("File of costs", description="CSV: event type or value unit, cost per unit in USD.")


class DataModeScreen(Screen):
    slug = "data_mode"
    route = DATA_MODE
    title = "Data"
    operator_decision = "Which usage do you decide on: mocked, your own files, or a connector?"
    needs = "Usage events, because every simulation replays them through a candidate config."
    writes = frozenset({"page", "upload"})
    checks_own_token = frozenset({"page", "upload"})

    @expose("", methods=("GET", "POST"))
    def page(self) -> ResponseReturnValue:
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace(SETUP)
        form = DataModeForm(get_form_data(), obj=workspace)
        if request.method == "GET":
            return self._page(workspace, form, FilesForm())
        if not form.validate():
            return self._page(workspace, form, FilesForm(), refusal_of(form), status=422)
        choose_mode(workspace, form.data_mode.data)
        return go(NEXT_SCREEN)

    @expose("/upload/<kind>", methods=("POST",))
    def upload(self, kind: str) -> ResponseReturnValue:
        """Stream a file to disk, however large other requests may be, and go on to its preview."""
        workspace = here(Workspace, WORKSPACE)
        if workspace is None or kind not in MAX_BYTES:
            return without_workspace(SETUP)
        staged = uploads()
        staged.sweep(clock.now())
        try:
            with staged.receiving(workspace.workspace_id) as incoming:
                upload = _receive(incoming, kind)
        except AvsError as refusal:
            return self._refused_file(workspace, kind, refusal)
        if kind not in CATALOG_KINDS:  # words say nothing about where usage comes from
            choose_mode(workspace, DataMode.CSV_UPLOAD)
        return go(address_of(upload))

    def _refused_file(self, workspace: Workspace, kind: str, refusal: AvsError) -> Response:
        """The page with the refusal beside the file's field."""
        files = FilesForm()
        files[kind].errors = [refusal.detail]
        form = DataModeForm(MultiDict(), data={"data_mode": DataMode.CSV_UPLOAD.value})
        return self._page(workspace, form, files, status=refusal.status)

    def _page(
        self,
        workspace: Workspace,
        form: DataModeForm,
        files: FilesForm,
        refusal: AvsError | None = None,
        status: int = 200,
    ) -> Response:
        return self.show(
            "data_mode.html",
            cycle=cycle_in(workspace),
            form=form,
            files=files,
            refusal=refusal,
            usage=usage_summary(usage_events().store, workspace.workspace_id),
            own=catalog_sizes(db.session, workspace.workspace_id),
            costs=suggested_costs(db.session, workspace.workspace_id),
            most_bytes=MAX_BYTES,
            catalogs=CATALOG_KINDS,
            examples=EXAMPLES,
            status=status,
        )


class TooLarge(AvsError):
    """The refusal, 413, of a file beyond the limit of its kind."""

    status = 413
    title = "File too large"


def _receive(incoming: Incoming, kind: str) -> Upload:
    """Read the request's file straight into the folder of uploads.

    Raises TooLarge beyond the limit of its kind, Refused without the page's token, Invalid without a file.
    """
    limit = MAX_BYTES[kind]
    parser = FormDataParser(
        stream_factory=lambda *_sizes, **_names: incoming.open(),
        max_content_length=limit + AROUND_THE_FILE,
        max_form_memory_size=FORM_MEMORY,
        max_form_parts=8,
    )
    try:
        _, fields, files = parser.parse_from_environ(request.environ)
    except RequestEntityTooLarge as error:
        raise TooLarge(
            f"This file is larger than {limit // 2**20} MiB. Split it, or import it with `avs usage import FILE`.",
            code="upload_too_large",
        ) from error
    file = files.get(kind)
    if not CsrfForm(fields).validate():
        raise Refused(CSRF_DETAIL, code="csrf_failed")
    if file is None or not file.filename:
        raise Invalid("Choose a file first.", code="invalid_input")
    return incoming.keep(_closed(file), file.filename, kind)


def _closed(file: FileStorage) -> Path:
    """The path of a part that was written to disk."""
    path = Path(file.stream.name)
    file.close()
    return path


def choose_mode(workspace: Workspace, mode: str) -> None:
    """Store the data mode; choosing the stored one again is logged, too."""
    with write(db.session):
        workspaces.update_workspace(db.session, workspace.workspace_id, {"data_mode": str(mode)}, **acting())

"""Flow 0B: one uploaded file, from the preview of its columns through its import to the report of accepted rows."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import BooleanField, Field, HiddenField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from admin_views.base import CsrfForm, expose, note
from admin_views.forms import MAX_NAME_LENGTH, ChoiceField, TextField, choices_of, refusal_of
from admin_views.screens.screen import WORKSPACE, Screen, go, here
from admin_views.screens.uploads.addresses import DATA_MODE, NEXT_SCREEN, address_of
from admin_views.screens.workplace import cycle_in, without_workspace
from app import clock
from app.errors import AvsError, Invalid
from app.extensions import uploads, usage_events
from app.identity import acting
from app.models.base import db
from app.models.workspace import Workspace
from app.services.uploads.imports import Choice, Fit, Importing, first_rejects, known_names, start, try_out
from app.services.uploads.mapping import (
    CATALOG,
    CATALOG_KINDS,
    CUSTOMERS,
    FIELDS,
    LEFT_OUT,
    NEEDED,
    USAGE,
    KnownNames,
    guess,
    guess_by,
)
from app.services.uploads.store import DONE, FAILED, RUNNING, Progress, Upload
from app.services.usage import presets
from app.services.usage.heads import Head
from app.services.usage.notation import DecimalSign
from app.services.usage.presets import Preset
from app.services.usage.written_times import DAY_OR_MONTH, NO_ORIGIN, UTC_TIMES, TimeReading, read_time, zone
from simulation.canonical import Json

SHOWN_ROWS = 3
CONSTANTS = ("ts", "event_type", "customer_id", "segment")
FIELD_NAMES = {
    "event_id": "Event id",
    "ts": "Time",
    "event_type": "Event type",
    "customer_id": "Customer",
    "segment": "Segment",
    "workspace_id": "Workspace",
    "description": "Description",
    "dimensions": "Dimensions",
    "name": "Event type or value unit",
    "cost_per_unit_usd": "Cost per unit, USD",
    "metric_id": "Metric",
    "signal_id": "Quality signal",
    "segment_id": "Segment",
    "label": "Label",
    "type": "Type",
    "source": "Source",
}
OF_CUSTOMERS = {"name": "Name"}
"""Names that a field has in files of customers alone."""
TITLES = {"usage": "usage events", "catalog": "event catalog", "costs": "costs"} | {
    kind: f"{catalog.one}s" for kind, catalog in CATALOG_KINDS.items() if kind != CATALOG
}
TIMES = ("timezone", "day_order", "times_from")
DAY_ORDERS = [
    SelectChoice("", "as written"),
    SelectChoice("day", "03/04 is 3 April"),
    SelectChoice("month", "03/04 is March 4"),
]
QUESTIONS = {
    DAY_OR_MONTH: "The file has times such as 03/04/2026: say which comes first.",
    NO_ORIGIN: "The file has times that are mere numbers: say from when they count.",
}
INTERRUPTED = "The server stopped while it imported this file. Nothing was counted yet: import it again."


AS_TEXTS = "texts"
DECIMAL_SIGNS = {
    DecimalSign.POINT.value: "with a decimal point: 1,234.5 is read as 1234.5",
    DecimalSign.COMMA.value: "with a decimal comma: 1.234,5 is read as 1234.5",
    AS_TEXTS: "as 1234.5 alone: what is written another way stays a text and adds nothing",
}


class PreviewForm(SecureForm):
    """The values that every row gets; `_form` adds a choice of the field for each column of the file."""

    decimal = ChoiceField("Numbers are written", choices=choices_of(DECIMAL_SIGNS, "as 1234.5, as far as I know"))

    ts = TextField("Time", [Length(max=MAX_NAME_LENGTH)])
    event_type = TextField("Event type", [Length(max=MAX_NAME_LENGTH)])
    customer_id = TextField("Customer", [Length(max=MAX_NAME_LENGTH)])
    segment = TextField(
        "Segment", [Length(max=MAX_NAME_LENGTH)], description="Customers that the catalog knows have theirs already."
    )
    timezone = TextField(
        "Time zone",
        [Length(max=MAX_NAME_LENGTH)],
        description="Of times that name none, such as Europe/Berlin; UTC when empty.",
    )
    day_order = ChoiceField("Day and month", choices=DAY_ORDERS, description="Asked for when both are possible.")
    times_from = TextField(
        "Seconds count from",
        [Length(max=MAX_NAME_LENGTH)],
        description="Where times are mere seconds: the moment of 0, such as 2026-01-05T00:00:00Z.",
    )
    preset = HiddenField()
    extend_catalog = BooleanField(
        "Add new event types, dimensions, segments and customers to this workspace's catalogs", default=True
    )


class UploadPreview(Screen):
    slug = "upload_preview"
    route = f"{DATA_MODE}/uploads/<upload_id>"
    title = "Upload"
    operator_decision = "Is this file read the way you mean it?"
    needs = "Which column is which field, because what is read wrong is counted, priced and billed wrong."
    writes = frozenset({"page"})
    checks_own_token = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self, upload_id: str) -> ResponseReturnValue:
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace()
        upload = uploads().find(workspace.workspace_id, upload_id)
        progress = state_of(upload)
        if progress["state"] == RUNNING:
            return self.show(
                "upload_progress.html",
                cycle=cycle_in(workspace),
                upload=upload,
                progress=progress,
                title=TITLES[upload.kind],
            )
        if progress["state"] == DONE:
            return self._report(workspace, upload, progress)
        return self._preview(workspace, upload, progress)

    @expose("/progress")
    def progress(self, upload_id: str) -> ResponseReturnValue:
        """The progress of the import for the page's script: `{"state", "done", "total"}`."""
        workspace = here(Workspace, WORKSPACE)
        if workspace is None:
            return without_workspace()
        progress = state_of(uploads().find(workspace.workspace_id, upload_id))
        return jsonify({name: progress.get(name) for name in ("state", "done", "total")})

    def _preview(self, workspace: Workspace, upload: Upload, progress: Mapping[str, Json]) -> ResponseReturnValue:
        """The page of a file that is not imported yet: it is shown, tried out, imported or discarded."""
        head = upload.head()
        form = _form(upload, head, known_names(db.session, workspace.workspace_id), _preset(upload, head))
        if request.method == "GET":
            failure = Invalid(progress["detail"]) if progress["state"] == FAILED else None
            return self._form_page(workspace, upload, head, form, failure)
        if request.form.get("do") == "discard" and CsrfForm(request.form).validate():
            uploads().discard(upload)
            note(f"{upload.name} was discarded; nothing was imported.")
            return go(DATA_MODE)
        if not (form.validate() and _is_plan(form, upload, head)):
            return self._form_page(workspace, upload, head, form, refusal_of(form), status=422)
        if request.form.get("do") == "import" and not self._asks_for_the_sign(workspace, upload, head, form):
            _start(workspace, upload, _choice(form, upload, head))
            return go(address_of(upload))
        return self._form_page(workspace, upload, head, form)

    def _asks_for_the_sign(self, workspace: Workspace, upload: Upload, head: Head, form: PreviewForm) -> bool:
        """Whether the first rows have numbers that can mean two things, and nobody has said which."""
        if "decimal" not in form or form.decimal.data:
            return False
        choice, store = _choice(form, upload, head), usage_events().store
        return try_out(db.session, store, workspace.workspace_id, upload, choice, clock.now()).asks_for_the_sign

    def _form_page(
        self,
        workspace: Workspace,
        upload: Upload,
        head: Head,
        form: PreviewForm,
        refusal: AvsError | None = None,
        status: int = 200,
    ) -> Response:
        choice, fit, unreadable = _choice(form, upload, head), None, None
        missing = _missing(choice, upload.kind)
        preset = presets.named(choice.preset) if choice.preset else None
        if not missing and status == 200:
            try:
                fit = try_out(db.session, usage_events().store, workspace.workspace_id, upload, choice, clock.now())
                _ask(form, fit)
            except AvsError as error:
                unreadable, refusal = error, refusal or error
                status = error.status if request.method == "POST" else status
        return self.show(
            "upload_preview.html",
            cycle=cycle_in(workspace),
            upload=upload,
            title=TITLES[upload.kind],
            form=form,
            columns=_columns(form, head),
            samples=range(1, min(SHOWN_ROWS, len(head.rows)) + 1),
            constants=[form[name] for name in CONSTANTS] if upload.kind == USAGE else [],
            times=[form[name] for name in TIMES] if upload.kind == USAGE else [],
            preset=preset,
            fit=fit,
            held_back=_held_back(upload.kind, missing, fit, unreadable, form),
            refusal=refusal,
            status=status,
        )

    def _report(self, workspace: Workspace, upload: Upload, progress: Mapping[str, Json]) -> Response:
        """The page of an imported file: what was accepted and what was rejected."""
        path = uploads().rejects_path(workspace.workspace_id, progress["report_id"])
        return self.show(
            "upload_report.html",
            cycle=cycle_in(workspace),
            upload=upload,
            title=TITLES[upload.kind],
            result=progress,
            rejects=first_rejects(path),
            next_href=NEXT_SCREEN,
        )


def state_of(upload: Upload) -> Progress:
    """The progress of an upload. An import that runs without its lock was interrupted: it may be started again."""
    progress = upload.progress()
    if progress["state"] != RUNNING:
        return progress
    with upload.importing() as has_lock:
        if has_lock and upload.progress()["state"] == RUNNING:
            interrupted: Progress = {"state": FAILED, "detail": INTERRUPTED}
            with suppress(OSError):  # a page is shown although nothing can be written; the next one tries again
                upload.write_progress(interrupted)
            return interrupted
    return upload.progress()


def _preset(upload: Upload, head: Head) -> Preset | None:
    """The known format of a file of usage: the one that the form was made for, else the one that is recognised."""
    name = request.form.get("preset", request.args.get("preset"))
    if upload.kind != USAGE or name in (presets.NONE, ""):
        return None
    known = next((preset for preset in presets.PRESETS if preset.name == name), None)
    return known or presets.recognised(head.columns)


def _form(upload: Upload, head: Head, catalogs: KnownNames, preset: Preset | None) -> PreviewForm:
    """The form of a file: a choice of the field for each column, at first the guessed one or the known format's."""
    guessed = guess_by(preset, head) if preset else guess(upload.kind, head, catalogs)
    fields = {
        _select(place): ChoiceField(f"Column {name}", choices=_targets(upload.kind, guessed[name], catalogs))
        for place, name in enumerate(head.columns)
    }
    form: PreviewForm = type("ColumnsForm", (PreviewForm,), fields)(
        get_form_data(),
        data={"decimal": ""}
        | {_select(place): guessed[name] for place, name in enumerate(head.columns)}
        | _initial(preset),
    )
    for name in () if upload.kind == USAGE else (*CONSTANTS, *TIMES, "preset", "extend_catalog"):
        del form[name]
    if upload.kind in CATALOG_KINDS:
        del form.decimal
    return form


def _initial(preset: Preset | None) -> dict[str, str]:
    """The values that a known format gives to every row, and how its times are written."""
    if preset is None:
        return {"preset": presets.NONE}
    order = {None: "", True: "day", False: "month"}[preset.day_first]
    return {"preset": preset.name, "day_order": order, **preset.constants}


def _select(place: int) -> str:
    """The name of the control for the column at this place."""
    return f"column_{place}"


def _field_name(kind: str, name: str) -> str:
    """What people call a field, or a dimension, of this kind of file."""
    return (OF_CUSTOMERS if kind == CUSTOMERS else {}).get(name) or FIELD_NAMES.get(name, name)


def _targets(kind: str, guessed: str, catalogs: KnownNames) -> list[SelectChoice]:
    """The fields that a column can be: those of its kind of file and, for usage, the known dimensions and a new one."""
    fields = FIELDS[kind]
    choices = [SelectChoice(LEFT_OUT, "leave out")]
    choices += [SelectChoice(name, _field_name(kind, name), optgroup="Field") for name in fields]
    if kind == USAGE:
        known_names = sorted(set(catalogs.dimensions) - set(fields))
        choices += [SelectChoice(name, name, optgroup="Dimension") for name in known_names]
        if guessed not in {LEFT_OUT, *fields, *known_names}:
            choices.append(SelectChoice(guessed, guessed, optgroup="New dimension"))
    return choices


def _choice(form: PreviewForm, upload: Upload, head: Head) -> Choice:
    """The form as the import takes it."""
    columns = {name: form[_select(place)].data or LEFT_OUT for place, name in enumerate(head.columns)}
    sign = form.decimal.data if "decimal" in form else None
    decimal = DecimalSign(sign) if sign in set(DecimalSign) else None
    if upload.kind != USAGE:
        return Choice(columns, decimal=decimal)
    mapped = set(columns.values())
    constants = {name: form[name].data for name in CONSTANTS if form[name].data and name not in mapped}
    preset = form.preset.data if form.preset.data not in (None, "", presets.NONE) else None
    return Choice(columns, constants, form.extend_catalog.data, preset, _times(form), decimal)


def _times(form: PreviewForm) -> TimeReading:
    """What the form says about times; a text that says nothing readable is left to `_is_plan`."""
    day_first = {"day": True, "month": False}.get(form.day_order.data or "")
    timezone = form.timezone.data if form.timezone.data and zone(form.timezone.data) else None
    return TimeReading(timezone, day_first, _moment(form.times_from.data))


def _moment(text: str | None) -> datetime | None:
    """A moment as naive UTC; None for a text that is none."""
    moment = read_time(text, UTC_TIMES) if text else None
    return moment if isinstance(moment, datetime) else None


def _ask(form: PreviewForm, fit: Fit) -> None:
    """Put what the times leave unsaid at the field that says it."""
    if fit.question:
        at = form.day_order if fit.question == DAY_OR_MONTH else form.times_from
        at.errors = [*at.errors, QUESTIONS[fit.question]]


def _missing(choice: Choice, kind: str) -> list[str]:
    """The needed fields that no column is and no value for every row gives."""
    return [name for name in NEEDED[kind] if name not in choice.mapping and name not in choice.constants]


def _is_plan(form: PreviewForm, upload: Upload, head: Head) -> bool:
    """Whether the columns can be read as they are chosen; what is wrong with them together is put at their fields."""
    taken: dict[str, str] = {}
    for place, name in enumerate(head.columns):
        field = form[_select(place)]
        if field.data and field.data in taken:
            field.errors = [
                f"{taken[field.data]!r} is read as {_field_name(upload.kind, field.data)} already: choose one."
            ]
        taken.setdefault(field.data or LEFT_OUT, name)
    for name in _missing(_choice(form, upload, head), upload.kind):
        at = form[name] if name in form else form[_select(0)]
        ending = ", or set it for every row." if name in form else "."
        at.errors = [*at.errors, f"Say which column is {_field_name(upload.kind, name)}{ending}"]
    if upload.kind == USAGE:
        if form.timezone.data and zone(form.timezone.data) is None:
            form.timezone.errors = [f"{form.timezone.data!r} is no time zone: write one such as Europe/Berlin."]
        if form.times_from.data and _moment(form.times_from.data) is None:
            form.times_from.errors = [f"{form.times_from.data!r} is no time such as 2026-01-05T00:00:00Z."]
    return not any(field.errors for field in form)


def _held_back(
    kind: str, missing: list[str], fit: Fit | None, unreadable: AvsError | None, form: PreviewForm
) -> str | None:
    """Why the file cannot be imported as it is, None when it can; `unreadable` is why its first rows were refused."""
    if missing:
        return f"Say which column is {' and '.join(_field_name(kind, name) for name in missing)}"
    if fit is None:
        return None if unreadable is None else "Fix the file or the columns first"
    if fit.question:
        return "Say how the times are meant"
    if fit.read == fit.rejected:
        return "None of the first rows fits: look at the columns"
    return "Say how numbers are written in this file" if fit.asks_for_the_sign and not form.decimal.data else None


def _columns(form: PreviewForm, head: Head) -> list[tuple[str, Field, list[str | None]]]:
    """(name, control, first values) of each column."""
    return [
        (name, form[_select(place)], [row[place] for row in head.rows[:SHOWN_ROWS]])
        for place, name in enumerate(head.columns)
    ]


def _start(workspace: Workspace, upload: Upload, choice: Choice) -> None:
    importing = Importing(db.session, usage_events().store, uploads(), workspace.workspace_id, **acting())
    start(importing, upload, choice)

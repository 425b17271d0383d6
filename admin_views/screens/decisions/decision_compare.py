"""Flow 6C: which is better. Two decisions side by side; fork the winner; export the comparison."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import Field, Form, HiddenField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from admin_views.base import expose
from admin_views.formatters import pretty_json
from admin_views.forms import ChoiceField, FormData, at_its_field, choices_of, refusal_of
from admin_views.screens.decisions.forking import TARGET_FIELDS, fork_decision
from admin_views.screens.screen import CYCLE, WORKSPACE, Screen, attachment, go, here, path
from app import clock
from app.errors import AvsError, NotFound
from app.models.base import db
from app.models.cycle import Cycle
from app.models.workspace import Workspace
from app.services.authoring.fork import Target
from app.services.configs.documents import config_document
from app.services.configs.lookup import get_decision, snapshot_of
from app.services.decisions.compare import pickable
from app.services.decisions.export import NO_VERDICT, TABLES, comparison_document, comparison_markdown
from app.services.decisions.figures import basis_rows, figure_rows
from app.services.wording.changes import Names, names_of
from app.services.wording.plan_labels import field_label
from app.services.wording.words import difference_text, value_text
from simulation.canonical import Json, JsonObject

SIDES = {"left": "a", "right": "b"}


class PickForm(Form):
    """The two decisions to compare; the address carries them."""

    left = ChoiceField("Left")
    right = ChoiceField("Right")

    def validate_right(self, field: Field) -> None:
        if field.data is not None and field.data == self.left.data:
            raise ValidationError("Choose two different decisions.")


class WinnerForm(SecureForm):
    """The choice of the decision to fork."""

    left = HiddenField()
    right = HiddenField()
    winner = RadioField("The winner", [InputRequired("Say which one is better.")])


class DecisionCompare(Screen):
    slug = "decision_compare"
    route = "/decision-log/compare"
    title = "Compare two decisions"
    operator_decision = "Which one is better?"
    needs = "Two decisions of one workspace, because figures of different businesses say nothing about each other."
    writes = frozenset({"fork"})
    checks_own_token = frozenset({"fork"})

    @expose("")
    def page(self) -> Response:
        return self._page(_picked())

    @expose("/fork", methods=("POST",))
    def fork(self) -> ResponseReturnValue:
        """Make a new draft for the winner's own subject, in its own cycle."""
        form = _winner_form(request.form.get("left", ""), request.form.get("right", ""), get_form_data())
        if not form.validate():
            return self._page((form.left.data, form.right.data), form, refusal_of(form))
        decision_id = form.winner.data
        config = get_decision(db.session, decision_id).config_version
        try:
            target = Target(**{name: getattr(config, name) for name in TARGET_FIELDS})
            config_version_id = fork_decision(decision_id, target)
        except AvsError as error:
            return self._page((form.left.data, form.right.data), form, at_its_field(form, error))
        return go(path("configs", config_version_id, "pools"))

    @expose("/export.json")
    def export_json(self) -> Response:
        """The comparison as JSON."""
        left, right = _compared_ids()
        document = comparison_document(db.session, left, right, now=clock.now())
        return attachment(pretty_json(document).encode(), f"{left}_{right}.json")

    @expose("/export.md")
    def export_markdown(self) -> Response:
        """The comparison as Markdown."""
        left, right = _compared_ids()
        content = comparison_markdown(comparison_document(db.session, left, right, now=clock.now())).encode()
        return attachment(content, f"{left}_{right}.md", "text/markdown")

    def _page(
        self, picked: tuple[str | None, str | None], form: WinnerForm | None = None, refusal: AvsError | None = None
    ) -> Response:
        left, right = picked
        pick = _pick_form(left, right)
        compared: JsonObject = {}
        if left and right and pick.validate():
            try:
                compared = _compared(left, right, form)
            except AvsError as error:
                refusal = error
            else:
                self.log("decision_compare_viewed", _workspace_of(left), left, with_decision_id=right)
        status = refusal.status if refusal else 422 if pick.errors else 200
        values: JsonObject = {"form": form, "sides": None} | compared
        return self.show(
            "decision_compare.html", cycle=here(Cycle, CYCLE), pick=pick, refusal=refusal, status=status, **values
        )


def _picked() -> tuple[str | None, str | None]:
    """The ids in the address, None for a decision that is not chosen yet."""
    return request.args.get("left") or None, request.args.get("right") or None


def _compared_ids() -> tuple[str, str]:
    return request.args.get("left", ""), request.args.get("right", "")


def _workspace_of(decision_id: str | None) -> str | None:
    """The workspace whose decisions can be picked: that of the left one, else where the operator works."""
    if decision_id is not None:
        return get_decision(db.session, decision_id).workspace_id
    workspace = here(Workspace, WORKSPACE)
    return None if workspace is None else workspace.workspace_id


def _pick_form(left: str | None, right: str | None) -> PickForm:
    pick = PickForm(data={"left": left, "right": right})
    workspace_id = _workspace_of(left)
    decisions = dict(pickable(db.session, workspace_id)) if workspace_id else {}
    for field in pick:
        picked = {field.data: field.data} if field.data and field.data not in decisions else {}
        field.choices = choices_of(decisions | picked, "choose")
    return pick


def _winner_form(left: str, right: str, formdata: FormData | None = None) -> WinnerForm:
    form = WinnerForm(formdata, left=left, right=right)
    form.winner.choices = [
        SelectChoice(key, f"{side}: {_called(key)}") for side, key in (("Left", left), ("Right", right))
    ]
    return form


def _compared(left: str, right: str, form: WinnerForm | None) -> JsonObject:
    """The template's values for two decisions side by side."""
    document = comparison_document(db.session, left, right, now=clock.now())
    basis = document["simulation_basis"]
    figures = figure_rows(document["simulation_comparison"], judged=not basis["differs"])
    query = urlencode({"left": left, "right": right})
    names = names_of(*map(_content, (left, right)))
    return {
        "form": form or _winner_form(left, right),
        "sides": [document[side] for side in SIDES.values()],
        "basis": basis_rows(basis),
        "no_verdict": NO_VERDICT if basis["differs"] else None,
        "figures": figures,
        "score": {side: sum(row.better == side for row in figures) for side in SIDES.values()},
        "tables": [
            (name, title, _rows(document["diff_tables"][name], names))
            for name, title in TABLES.items()
            if name in document["diff_tables"]
        ],
        "exports": {kind: f"{DecisionCompare.route}/export.{kind}?{query}" for kind in ("md", "json")},
    }


def _content(decision_id: str) -> Mapping[str, Json]:
    """What the decision's config enforces; its pools and units have their names there."""
    config = get_decision(db.session, decision_id).config_version
    return config_document(config, config.cycle, snapshot_of(db.session, config))


def _called(decision_id: str) -> str:
    """The config of the decision by its name; the id where there is no such decision."""
    try:
        return get_decision(db.session, decision_id).config_version.display_name
    except NotFound:
        return decision_id


def _rows(rows: Iterable[Mapping[str, Json]], names: Names) -> dict[str, list[dict[str, str]]]:
    """The rows of a table as texts: those that are `changed`, which are shown, and those that are the `same`."""
    texts: dict[str, list[dict[str, str]]] = {"changed": [], "same": []}
    for row in rows:
        name = row["field"]
        row_texts = {
            "item": names.get(row["item"], row["item"]),
            "label": field_label(name, names),
            "a": _value(name, row["a"], names),
            "b": _value(name, row["b"], names),
            "difference": difference_text(name, row["a"], row["b"]),
        }
        texts["changed" if row["changed"] else "same"].append(row_texts)
    return texts


def _value(field: str, value: Json, names: Names) -> str:
    """A value as text, a pool or a unit by its name."""
    return names[value] if isinstance(value, str) and value in names else value_text(field, value)

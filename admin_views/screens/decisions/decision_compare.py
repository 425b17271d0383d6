"""Flow 6C: which is better. Two decisions side by side; fork the winner; take the summary along."""

from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from flask_admin import expose
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import Form, HiddenField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from admin_views.formatters import pretty_json
from admin_views.forms import ChoiceField, at_its_field, refusal_of
from admin_views.screens.decisions.decision_detail import SUBJECT, forked
from admin_views.screens.screen import CYCLE, WORKSPACE, Screen, attachment, go, here, path
from app.errors import AvsError
from app.models.base import db
from app.models.cycle import Cycle
from app.models.workspace import Workspace
from app.services.authoring import fork as decision_fork
from app.services.configs import lookup
from app.services.decisions import compare as decision_compare
from app.services.decisions import export as decision_export
from app.services.decisions.figures import figure_rows
from app.services.wording.words import difference_text, label_text, value_text

TABLES = decision_export.TABLES
SIDES = {"left": "a", "right": "b"}


class PickForm(Form):
    """The two decisions, both in the address."""

    left = ChoiceField("Left")
    right = ChoiceField("Right")

    def validate_right(self, field: Any) -> None:
        if field.data is not None and field.data == self.left.data:
            raise ValidationError("Choose two different decisions.")


class WinnerForm(SecureForm):
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
    def fork(self) -> Any:
        """A new draft for the winner's own subject, in its own cycle."""
        form = _winner_form(request.form.get("left", ""), request.form.get("right", ""), get_form_data())
        if not form.validate():
            return self._page((form.left.data, form.right.data), form, refusal_of(form))
        decision_id = form.winner.data
        config = lookup.get_decision(db.session, decision_id).config_version
        try:
            target = decision_fork.Target(**{name: getattr(config, name) for name in SUBJECT})
            config_version_id = forked(decision_id, target)
        except AvsError as error:
            return self._page((form.left.data, form.right.data), form, at_its_field(form, error))
        return go(path("configs", config_version_id, "pools"))

    @expose("/export.json")
    def export_json(self) -> Response:
        document = decision_export.comparison_document(db.session, *_asked())
        return attachment(pretty_json(document).encode(), f"{'_'.join(_asked())}.json")

    @expose("/export.md")
    def export_markdown(self) -> Response:
        document = decision_export.comparison_document(db.session, *_asked())
        content = decision_export.comparison_markdown(document).encode()
        return attachment(content, f"{'_'.join(_asked())}.md", "text/markdown")

    def _page(
        self, picked: tuple[str | None, str | None], form: WinnerForm | None = None, refusal: AvsError | None = None
    ) -> Response:
        left, right = picked
        pick = _pick_form(left, right)
        compared: dict[str, Any] = {}
        if left and right and pick.validate():
            try:
                compared = _compared(left, right, form)
            except AvsError as error:
                refusal = error
            else:
                self.log("decision_compare_viewed", _workspace_of(left), left, with_decision_id=right)
        wrong = refusal.status if refusal else 422 if pick.errors else 200
        values = {"form": form, "sides": None} | compared
        return self.show(
            "decision_compare.html", cycle=here(Cycle, CYCLE), pick=pick, refusal=refusal, status=wrong, **values
        )


def _picked() -> tuple[str | None, str | None]:
    return request.args.get("left") or None, request.args.get("right") or None


def _asked() -> tuple[str, str]:
    return request.args.get("left", ""), request.args.get("right", "")


def _workspace_of(decision_id: str | None) -> str | None:
    """Whose decisions can be picked: the left one's workspace, else where the operator works."""
    if decision_id is not None:
        return str(lookup.get_decision(db.session, decision_id).workspace_id)
    workspace = here(Workspace, WORKSPACE)
    return None if workspace is None else str(workspace.workspace_id)


def _pick_form(left: str | None, right: str | None) -> PickForm:
    pick = PickForm(data={"left": left, "right": right})
    workspace_id = _workspace_of(left)
    found = decision_compare.pickable(db.session, workspace_id) if workspace_id else []
    for field in pick:
        known = dict(found)
        known |= {field.data: field.data} if field.data and field.data not in known else {}
        field.choices = [SelectChoice("", "choose"), *(SelectChoice(*item) for item in known.items())]
    return pick


def _winner_form(left: str, right: str, data: Any = None) -> WinnerForm:
    form = WinnerForm(data, left=left, right=right)
    form.winner.choices = [SelectChoice(left, f"Left: {left}"), SelectChoice(right, f"Right: {right}")]
    return form


def _compared(left: str, right: str, form: WinnerForm | None) -> dict[str, Any]:
    document = decision_export.comparison_document(db.session, left, right)
    figures = figure_rows(document["simulation_comparison"])
    query = urlencode({"left": left, "right": right})
    return {
        "form": form or _winner_form(left, right),
        "sides": [document[side] for side in SIDES.values()],
        "figures": figures,
        "score": {side: sum(row.better == side for row in figures) for side in SIDES.values()},
        "tables": [(name, title, _rows(document["diff_tables"][name])) for name, title in TABLES.items()],
        "exports": {kind: f"{DecisionCompare.route}/export.{kind}?{query}" for kind in ("md", "json")},
    }


def _rows(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows as text: `changed` to be shown, `same` to be folded."""
    found: dict[str, list[dict[str, Any]]] = {"changed": [], "same": []}
    for row in rows:
        name = row["field"]
        text = {
            "item": row["item"],
            "label": label_text(name),
            "a": value_text(name, row["a"]),
            "b": value_text(name, row["b"]),
            "difference": difference_text(name, row["a"], row["b"]),
        }
        found["changed" if row["changed"] else "same"].append(text)
    return found

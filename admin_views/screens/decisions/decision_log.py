"""Flow 6A: which decisions matter now. A timeline with filters, search and sorts, all of them in the address."""

from datetime import datetime
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from wtforms import Field, Form
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from admin_views.base import expose
from admin_views.formatters import time_text
from admin_views.forms import MAX_NAME_LENGTH, ChoiceField, MomentField, TextField, choices_of, plain_labels
from admin_views.pickers import catalog_choices
from admin_views.screens.screen import CYCLE, WORKSPACE, Screen, here
from app.models.base import db
from app.models.catalog import SegmentCatalog
from app.models.cycle import Cycle
from app.models.workspace import Workspace
from app.services.catalogs.kinds import SEGMENTS
from app.services.decisions.log import ordering, page_of_decisions, position, summaries
from rules.enums import DecisionStatus, GoalType, Stage, TargetEnvironment
from simulation.canonical import JsonObject

ANY = "any"
PAGE = 25
SORTS = {
    "newest": "Newest",
    "effective_at": "Takes effect",
    "margin_risk": "Margin risk",
    "retention_delta": "Retention gain",
    "exploration_delta": "Exploration gain",
}
MEANINGS = {
    "newest": "Newest decision first.",
    "effective_at": "What takes effect last first: with one subject chosen, its timeline.",
    "margin_risk": "Least simulated margin above the floor first; runs without a margin come last.",
    "retention_delta": "Largest simulated gain in retention first; runs that did not measure it come last.",
    "exploration_delta": "Largest simulated gain in exploration depth first; runs that did not measure it come last.",
}


class FilterForm(Form):
    """The filters of the log; every one may stay empty."""

    q = TextField("Search", [Length(max=MAX_NAME_LENGTH)])
    workspace_id = ChoiceField("Workspace")
    segment = ChoiceField("Segment")
    stage = ChoiceField("Stage", choices=choices_of(plain_labels(Stage), "any"))
    target_environment = ChoiceField("Environment", choices=choices_of(plain_labels(TargetEnvironment), "any"))
    goal_type = ChoiceField("Goal", choices=choices_of(plain_labels(GoalType), "any"))
    status = ChoiceField("Status", choices=choices_of(plain_labels(DecisionStatus), "any"))
    since = MomentField("Since", description="UTC, for example 2026-03-01.")
    until = MomentField("Before", description="UTC.")


class DecisionLog(Screen):
    slug = "decision_log"
    route = "/decision-log"
    title = "Decision log"
    operator_decision = "Which decisions matter now?"
    needs = "Nothing. It shows what was decided, by whom and why, because the next cycle starts from it."

    @expose("")
    def page(self) -> ResponseReturnValue:
        form = FilterForm(_parameters())
        _offer(form)
        valid = form.validate()
        filters = {name: form[name].data for name in form.data if form[name].data and not form[name].errors}
        sort = request.args.get("sort", "newest")
        sort = sort if sort in SORTS else "newest"
        self._log(filters, sort)
        rows, more = _rows({name: value for name, value in filters.items() if value != ANY}, sort)
        return self.show(
            "decision_log.html",
            cycle=here(Cycle, CYCLE),
            form=form,
            rows=rows,
            older=_address(older=rows[-1]["decision_id"]) if more else None,
            newest=_address(older=None) if "older" in request.args else None,
            chips=_chips(form, filters),
            sorts=[(name, text, _address(sort=name, older=None)) for name, text in SORTS.items()],
            sort=sort,
            meaning=MEANINGS[sort],
            is_filtered=bool(filters.keys() - {WORKSPACE}),
            status=200 if valid else 422,
        )

    def _log(self, filters: JsonObject, sort: str) -> None:
        """Append the product event of a viewed or a filtered log; turning a page is neither."""
        workspace_id = filters.get(WORKSPACE)
        workspace_id = None if workspace_id == ANY else workspace_id
        chosen = {name: value for name, value in filters.items() if name != WORKSPACE}
        if chosen or sort != "newest":
            self.log("decision_log_filtered", workspace_id, workspace_id or ANY, sort=sort, **chosen)
        elif "older" not in request.args:
            self.log("decision_log_viewed", workspace_id, workspace_id or ANY)


def _parameters() -> MultiDict[str, str]:
    """The parameters of the address; without a workspace among them, the one in which the operator works is added."""
    parameters, workspace = request.args.copy(), here(Workspace, WORKSPACE)
    if not parameters.get(WORKSPACE) and workspace is not None:
        parameters[WORKSPACE] = workspace.workspace_id
    return parameters


def _offer(form: FilterForm) -> None:
    workspaces = sa.select(Workspace.workspace_id, Workspace.workspace_name).order_by(Workspace.workspace_id)
    every = SelectChoice(ANY, "every workspace")
    form.workspace_id.choices = [every, *(SelectChoice(*row) for row in db.session.execute(workspaces))]
    form.segment.choices = [SelectChoice("", "any"), *_segments(form.workspace_id.data)]


def _segments(workspace_id: str | None) -> list[SelectChoice]:
    """The segments that the chosen workspace reads; those of all of them when none is chosen."""
    if workspace_id and workspace_id != ANY:
        return catalog_choices(db.session, SEGMENTS, workspace_id)
    label = sa.func.min(SegmentCatalog.label)
    rows = sa.select(SegmentCatalog.segment_id, label).group_by(SegmentCatalog.segment_id)
    return [SelectChoice(*row) for row in db.session.execute(rows.order_by(label, SegmentCatalog.segment_id))]


def _rows(filters: JsonObject, sort: str) -> tuple[list[JsonObject], bool]:
    """A page of summaries after the decision that `?older=` names, and whether more follow."""
    order = ordering(db.session, sort)
    older = request.args.get("older")
    after = position(db.session, older, order) if older else None
    decisions, last = page_of_decisions(db.session, filters, order, after, PAGE)
    rows = [summary.as_dict() for summary in summaries(db.session, decisions)]
    return rows, last is not None


def _chips(form: FilterForm, filters: JsonObject) -> list[tuple[str, str]]:
    """(text, address without it) of each filter in force; a text is such as `Stage: learning`."""
    return [
        (f"{form[name].label.text}: {_text(form[name], value)}", _address(**{name: _without(name)}, older=None))
        for name, value in filters.items()
        if value != ANY
    ]


def _without(name: str) -> str | None:
    """The value of a filter that is taken away: for the workspace ANY, because the browser remembers one."""
    return ANY if name == WORKSPACE else None


def _text(field: Field, value: str | datetime) -> str:
    """The value of a filter as its chip shows it."""
    if isinstance(value, datetime):
        return time_text(value)
    return next((text for key, text, *_ in getattr(field, "choices", None) or () if key == value), str(value))


def _address(**changes: str | None) -> str:
    """The page's address with these parameters changed, or taken away where they are None."""
    kept = {name: value for name, value in request.args.items() if value and name not in changes}
    query = urlencode(kept | {name: value for name, value in changes.items() if value})
    return f"{request.path}?{query}" if query else request.path

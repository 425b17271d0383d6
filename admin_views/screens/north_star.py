"""Flow 1B: what outcome, measured how. Makes a cycle, or edits the one that `?cycle=` names."""

from typing import Any

import sqlalchemy as sa
from flask import request
from flask import session as browser
from flask_admin import expose
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import HiddenField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from admin_views.base import note
from admin_views.editing import at_its_field
from admin_views.forms import AtMost, CheckListField, ChoiceField, LongTextField, MomentField, TextField
from admin_views.screens.context import CONTEXT
from admin_views.screens.screen import WORKSPACE, Screen, cycle_at, go, here, path
from app import clock
from app.errors import AvsError, PreconditionFailed
from app.identity import current_actor
from app.models.base import db
from app.models.catalog import MetricCatalog, SegmentCatalog
from app.models.cycle import Cycle, CycleDraftContext
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services import authoring
from rules.enums import CycleType, GoalType
from rules.extraction import ACCEPTED
from simulation.canonical import content_hash

FIELDS = (
    "cycle_name",
    "goal_type",
    "primary_metrics",
    "segments",
    "narrative",
    "cycle_type",
    "start_date",
    "end_date",
)
LENGTHS = {
    "production:90": "Production, 90 days: its configs can be promoted",
    "sandbox:90": "Sandbox, 90 days: not promotable",
    "sandbox:120": "Sandbox, 120 days: not promotable",
}
GOALS = {
    GoalType.PMF_LEARNING: "Learn what customers pay for",
    GoalType.REVENUE: "Grow revenue",
    GoalType.MARGIN: "Protect or raise the margin",
    GoalType.MARKET_SHARE: "Win market share",
    GoalType.DATA_FLYWHEEL: "Build a data flywheel",
}


class NorthStarForm(SecureForm):
    row_version = HiddenField()
    cycle_name = TextField("Cycle name", [DataRequired("Name the cycle."), Length(max=200)])
    goal_type = ChoiceField(
        "Goal",
        choices=[SelectChoice("", "choose"), *(SelectChoice(goal.value, text) for goal, text in GOALS.items())],
        description="The one outcome that this cycle is judged by.",
    )
    primary_metrics = CheckListField(
        "Primary metrics", [AtMost(3)], choices=[], description="One to three; a simulation reports each of them."
    )
    segments = CheckListField("Segments", choices=[], description="Whom this cycle is about.")
    narrative = LongTextField("Narrative", description="Why this goal now, in a sentence or two.")
    length = RadioField(
        "Type and length",
        choices=[SelectChoice(value, text) for value, text in LENGTHS.items()],
        default="production:90",
    )
    start_date = MomentField("Starts", description="UTC, for example 2026-01-15. Leave it open if it is not decided.")
    end_date = MomentField("Ends", description="UTC.")

    def validate_segments(self, field: Any) -> None:
        if not field.data:
            raise ValidationError("Choose at least one segment.")


class NorthStar(Screen):
    slug = "north_star"
    route = "/cycles/new/north-star"
    title = "North star"
    step = "Cycle"
    operator_decision = "What outcome do you want, and what will show it?"
    needs = "A goal and one to three metrics, because every simulation and decision is measured against them."
    writes = frozenset({"page"})
    checks_own_token = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self) -> Any:
        cycle = cycle_at(request.args["cycle"]) if request.args.get("cycle") else None
        if cycle is None and here(Workspace, WORKSPACE) is None:
            note("Name a workspace first: a cycle belongs to one.", "error")
            return go("/setup/workspace")
        form = NorthStarForm(get_form_data(), obj=cycle, data=_shown(cycle))
        _offer(form, cycle)
        if request.method == "GET":
            return self._page(form, cycle)
        if not form.validate():
            return self._page(form, cycle, status=422)
        try:
            saved = _save(form, cycle)
        except AvsError as error:
            refusal = at_its_field(form, error)
            return self._page(form, cycle, refusal=refusal, status=error.status)
        return go(path("cycles", saved.cycle_id, "value-units"))

    def _page(self, form: NorthStarForm, cycle: Cycle | None, status: int = 200, refusal: Any = None) -> Any:
        if request.method == "GET" or status == PreconditionFailed.status:
            form.row_version.data = _version(cycle)
        return self.show("north_star.html", cycle=cycle, form=form, refusal=refusal, status=status)


def _shown(cycle: Cycle | None) -> dict[str, Any]:
    """What the form starts with: the stored cycle, or what was accepted from the context."""
    if cycle is not None:
        return {"length": f"{cycle.cycle_type}:{cycle.period_length_days}"}
    context = here(CycleDraftContext, CONTEXT)
    cards = [card for card in (context.extracted_cards if context else ()) if card["state"] == ACCEPTED]

    def values(kind: str) -> list[str]:
        return [card["value"] for card in cards if card["kind"] == kind]

    return {
        "goal_type": next(iter(values("goal")), None),
        "primary_metrics": values("metric")[:3],
        "segments": values("segment"),
    }


def _offer(form: NorthStarForm, cycle: Cycle | None) -> None:
    metrics = db.session.execute(sa.select(MetricCatalog.metric_id, MetricCatalog.label).order_by(MetricCatalog.label))
    segments = db.session.execute(
        sa.select(SegmentCatalog.segment_id, SegmentCatalog.label).order_by(SegmentCatalog.label)
    )
    form.primary_metrics.choices = [SelectChoice(key, label) for key, label in metrics]
    form.segments.choices = [SelectChoice(key, label) for key, label in segments]


def _save(form: NorthStarForm, cycle: Cycle | None) -> Cycle:
    cycle_type, days = form.length.data.split(":")
    data = {name: form[name].data for name in FIELDS if name != "cycle_type"}
    data |= {"cycle_type": CycleType(cycle_type).value, "period_length_days": int(days)}
    who = {"actor": current_actor(), "now": clock.now()}
    with write(db.session):
        if cycle is None:
            saved = authoring.create_cycle(db.session, data | {"workspace_id": browser[WORKSPACE]}, **who)
            _adopt_context(saved, who)
            return saved
        db.session.refresh(cycle)
        if form.row_version.data != _version(cycle):
            raise PreconditionFailed(
                f"Cycle {cycle.cycle_id} was changed by another operator since you opened it. What you typed is still "
                "here and nothing was saved. Save again to replace the other version.",
                code="changed_meanwhile",
            )
        return authoring.update_cycle(db.session, cycle.cycle_id, data, **who)


def _adopt_context(cycle: Cycle, who: dict[str, Any]) -> None:
    """The context that was read on the way here belongs to this cycle from now on."""
    context = here(CycleDraftContext, CONTEXT)
    if context is not None and context.cycle_id is None and context.workspace_id == cycle.workspace_id:
        authoring.update_context(db.session, context.cycle_draft_context_id, {"cycle_id": cycle.cycle_id}, **who)
    browser.pop(CONTEXT, None)


def _version(cycle: Cycle | None) -> str:
    """A digest of what the form shows of a stored cycle."""
    return "" if cycle is None else content_hash([getattr(cycle, name) for name in (*FIELDS, "period_length_days")])

"""Flow 1B: the outcome of a cycle and how it is measured. Creates a cycle, or edits the one that `?cycle=` names."""

from collections.abc import Iterable
from datetime import datetime

from flask import request
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_admin.helpers import get_form_data
from wtforms import Field, RadioField
from wtforms.validators import DataRequired, Length, ValidationError

from admin_views.base import expose, note
from admin_views.formatters import label_of, time_text
from admin_views.forms import (
    MAX_NAME_LENGTH,
    AtMost,
    CheckListField,
    ChoiceField,
    LongTextField,
    MomentField,
    TextField,
    VersionedForm,
    choices_of,
    in_order,
)
from admin_views.pickers import catalog_choices
from admin_views.screens.draft_screen import Difference, Document, DraftScreen, Subject
from admin_views.screens.screen import CONTEXT, WORKSPACE, cycle_at, go, here, path
from app.identity import acting
from app.models.base import db
from app.models.cycle import Cycle, CycleDraftContext
from app.models.workspace import Workspace
from app.services.authoring import contexts, cycles
from app.services.catalogs.kinds import METRICS, SEGMENTS
from app.services.configs.diffs import same
from app.services.lookup import get
from rules.enums import CycleType, GoalType
from rules.extraction import ACCEPTED
from simulation.canonical import Json

FIELDS = (
    "cycle_name",
    "goal_type",
    "primary_metrics",
    "segments",
    "narrative",
    "cycle_type",
    "period_length_days",
    "start_date",
    "end_date",
)
NINETY_DAYS = "production:90"
LENGTHS = {
    NINETY_DAYS: "Production, 90 days: its configs can be promoted",
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


class NorthStarForm(VersionedForm):
    """The cycle as controls; `length` is its type and its days in one, such as `production:90`."""

    cycle_name = TextField("Cycle name", [DataRequired("Name the cycle."), Length(max=MAX_NAME_LENGTH)])
    goal_type = ChoiceField(
        "Goal",
        choices=choices_of(GOALS, "choose"),
        description="The one outcome that this cycle is judged by.",
    )
    primary_metrics = CheckListField(
        "Primary metrics", [AtMost(3)], choices=[], description="One to three; a simulation reports each of them."
    )
    segments = CheckListField("Segments", choices=[], description="Whom this cycle is about.")
    narrative = LongTextField("Narrative", description="Why this goal now, in a sentence or two.")
    length = RadioField(
        "Type and length",
        choices=choices_of(LENGTHS),
        default=NINETY_DAYS,
    )
    start_date = MomentField("Starts", description="UTC, for example 2026-01-15. Leave it open if it is not decided.")
    end_date = MomentField("Ends", description="UTC.")

    def validate_segments(self, field: Field) -> None:
        if not field.data:
            raise ValidationError("Choose at least one segment.")


class NorthStar(DraftScreen[Cycle | None, NorthStarForm]):
    """The screen of a cycle; its record is None while the cycle is still to be made.

    The form is saved by its button alone: every config draft of a cycle must be simulated again when this changes.
    """

    slug = "north_star"
    route = "/cycles/new/north-star"
    title = "North star"
    step = "Cycle"
    is_about_cycle = True
    operator_decision = "What outcome do you want, and what will show it?"
    needs = "A goal and one to three metrics, because every simulation and decision is measured against them."
    template = "north_star.html"

    @expose("", methods=("GET", "POST"))
    def page(self, **where: str) -> ResponseReturnValue:
        if not request.args.get("cycle") and here(Workspace, WORKSPACE) is None:
            note("Name a workspace first: a cycle belongs to one.", "error")
            return go("/setup/workspace")
        return self.edit()

    def find(self, **where: str) -> Cycle | None:
        return cycle_at(request.args["cycle"]) if request.args.get("cycle") else None

    def hold(self, record: Cycle | None) -> Cycle | None:
        return record and get(db.session, Cycle, record.cycle_id, "cycle", with_for_update={"key_share": True})

    def form_of(self, record: Cycle | None) -> NorthStarForm:
        form = NorthStarForm(get_form_data(), obj=record, data=_shown(record))
        _offer(form, browser.get(WORKSPACE) if record is None else record.workspace_id)
        return form

    def document(self, record: Cycle | None) -> Document:
        return {} if record is None else {name: getattr(record, name) for name in FIELDS}

    def typed(self, form: NorthStarForm, record: Cycle | None) -> Document:
        stored = self.document(record)
        cycle_type, days = (form.length.data if form.length.data in LENGTHS else NINETY_DAYS).split(":")
        plain = {name: form[name].data for name in FIELDS if name in form}
        lists = {name: in_order(plain[name], stored.get(name, ())) for name in ("primary_metrics", "segments")}
        return plain | lists | {"cycle_type": CycleType(cycle_type).value, "period_length_days": int(days)}

    def store(self, record: Cycle | None, document: Document) -> Cycle:
        if record is not None:
            return cycles.update_cycle(db.session, record.cycle_id, document, **acting())
        fields: Document = {**document, "workspace_id": browser[WORKSPACE]}
        cycle = cycles.create_cycle(db.session, fields, **acting())
        _adopt_context(cycle)
        return cycle

    def compared(self, record: Cycle | None, stored: Document, typed: Document) -> Iterable[Difference]:
        for name in FIELDS:
            if not same(stored.get(name), typed[name]):
                yield Difference("Cycle", label_of(name).lower(), _text(stored.get(name)), _text(typed[name]))

    def title_of(self, record: Cycle | None) -> str:
        return "The new cycle" if record is None else record.cycle_name

    def onward(self, record: Cycle | None) -> str:
        return self.route if record is None else path("cycles", record.cycle_id, "value-units")

    def address(self, record: Cycle | None) -> str:
        return self.route if record is None else f"{self.route}?cycle={path(record.cycle_id)[1:]}"

    def subject(self, record: Cycle | None) -> Subject:
        return {"cycle": record}


def _shown(cycle: Cycle | None) -> dict[str, object]:
    """The form's values that are no columns of the cycle; for a new cycle, what was accepted from the context."""
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


def _offer(form: NorthStarForm, workspace_id: str | None) -> None:
    form.primary_metrics.choices = catalog_choices(db.session, METRICS, workspace_id)
    form.segments.choices = catalog_choices(db.session, SEGMENTS, workspace_id)


def _adopt_context(cycle: Cycle) -> None:
    """Attach the context that was read before the cycle was created."""
    context = here(CycleDraftContext, CONTEXT)
    if context is not None and context.cycle_id is None and context.workspace_id == cycle.workspace_id:
        contexts.update_context(db.session, context.cycle_draft_context_id, {"cycle_id": cycle.cycle_id}, **acting())
    browser.pop(CONTEXT, None)


def _text(value: Json) -> str | None:
    """A value of the document as text, None when it is empty."""
    if isinstance(value, list):
        return ", ".join(value) or None
    return time_text(value) if isinstance(value, datetime) else None if value is None else str(value)

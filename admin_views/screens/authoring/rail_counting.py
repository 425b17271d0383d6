"""The controls for how apps count: customers' periods, and what is done while counters cannot be read (flow 3D)."""

from datetime import UTC, datetime

from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from admin_views.forms import ChoiceField, MomentField, VersionedForm
from app.time_zones import UTC_NAME, time_zones
from rules.delivery import COUNTED, Fail, PeriodAnchor, PeriodKind, Policy
from simulation.canonical import JsonObject, timestamp_text

USUAL_START = datetime(2026, 1, 1, tzinfo=UTC)
"""From where apps count 30 days each where nothing else is set."""
ANSWERS = (SelectChoice(Fail.OPEN.value, "is let through"), SelectChoice(Fail.CLOSED.value, "is refused"))
PERIODS = (
    SelectChoice("", "as each app is set, 30 days unless it says otherwise"),
    SelectChoice(PeriodKind.FIXED.value, "30 days each, from a moment on"),
    SelectChoice(PeriodKind.CALENDAR_MONTH.value, "months of the calendar"),
    SelectChoice(PeriodKind.CUSTOMER_DAY.value, "months from each customer's own day on"),
)


class CountingForm(VersionedForm):
    """The part of a delivery policy that says how apps count; the control of each rail is named `counters_<rail>`."""

    period_kind = ChoiceField(
        "Customers' periods are",
        choices=list(PERIODS),
        description="Allowances, caps and thresholds begin anew with each. Another kind begins new periods for all.",
    )
    period_at = MomentField("30 days each begin at", description="Read only for periods of 30 days.")
    period_time_zone = ChoiceField("Months begin in the time zone", description="Read only for months.")
    counters_usage_thresholds = ChoiceField("Meanwhile, use of an allowance", choices=list(ANSWERS))
    counters_hard_stop = ChoiceField("Meanwhile, use of a pool with a hard stop", choices=list(ANSWERS))
    counters_monthly_spend_cap_usd = ChoiceField("Meanwhile, what would be billed", choices=list(ANSWERS))
    counters_absolute_usage_caps = ChoiceField("Meanwhile, use of a unit with an absolute cap", choices=list(ANSWERS))

    def validate_period_at(self, field: MomentField) -> None:
        if self.period_kind.data == PeriodKind.FIXED and field.data is None:
            raise ValidationError("Say from which moment on 30 days are counted, like 2026-01-01 00:00 UTC.")


def counting_controls(delivery: Policy) -> JsonObject:
    """The values of the form's controls for a delivery policy with all of its members."""
    anchor: PeriodAnchor | JsonObject = delivery["period_anchor"] or {}
    at = anchor.get("at")
    return {
        "period_kind": anchor.get("kind", ""),
        "period_at": USUAL_START if at is None else datetime.fromisoformat(at),
        "period_time_zone": anchor.get("time_zone", UTC_NAME),
        **{f"counters_{rail}": delivery["on_counters_unavailable"][rail] for rail in COUNTED},
    }


def offer_zones(form: CountingForm, delivery: Policy) -> None:
    """Fill the choice of time zones with all that there are, and the stored one."""
    stored = counting_controls(delivery)["period_time_zone"]
    form.period_time_zone.choices = [SelectChoice(name, name) for name in sorted({*time_zones(), stored})]


def typed_counting(form: CountingForm, stored: Policy) -> Policy:
    """The policy with how apps count as typed; members that a request leaves out stay as they are stored."""
    values = counting_controls(stored)
    typed = {name: values[name] if form[name].raw_data is None else form[name].data for name in values}
    answers = {rail: typed[f"counters_{rail}"] or stored["on_counters_unavailable"][rail] for rail in COUNTED}
    return {**stored, "on_counters_unavailable": answers, "period_anchor": _anchor(typed)}


def _anchor(typed: JsonObject) -> PeriodAnchor | None:
    kind = typed["period_kind"]
    if kind == PeriodKind.FIXED and typed["period_at"] is not None:
        return {"kind": kind, "at": timestamp_text(typed["period_at"])}
    if kind in (PeriodKind.CALENDAR_MONTH, PeriodKind.CUSTOMER_DAY):
        return {"kind": kind, "time_zone": typed["period_time_zone"] or UTC_NAME}
    return None

"""The controls for what an app does without AVS Brain: how long its copy counts, how each rail fails then (flow 3D).

Decision 18 says why.
"""

from wtforms.fields.choices import SelectChoice

from admin_views.forms import ChoiceField
from admin_views.screens.authoring.rail_counting import CountingForm, counting_controls, offer_zones, typed_counting
from rules.delivery import RAILS, Fail, Policy
from simulation.canonical import JsonObject

MINUTE, HOUR, DAY = 60, 3_600, 86_400
SPANS = (5 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY)
UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second"))


def _answers(open_: str, closed: str) -> list[SelectChoice]:
    return [SelectChoice(Fail.OPEN.value, open_), SelectChoice(Fail.CLOSED.value, closed)]


class DeliveryForm(CountingForm):
    """The `delivery` of a config as controls; the one of each rail is named `expired_<rail>`."""

    max_staleness_seconds = ChoiceField("An app may go on without AVS Brain for")
    fail_stale = ChoiceField("Until then it", choices=_answers("decides by its copy", "refuses everything"))
    expired_monthly_spend_cap_usd = ChoiceField(
        "After that, what would be billed", choices=_answers("is let through", "is refused")
    )
    expired_usage_thresholds = ChoiceField(
        "After that, use of an allowance", choices=_answers("is let through", "is refused")
    )
    expired_absolute_usage_caps = ChoiceField(
        "After that, use of a unit with an absolute cap", choices=_answers("is let through", "is refused")
    )


def controls(delivery: Policy) -> JsonObject:
    """The values of the form's controls for a delivery policy with all of its members."""
    return {
        "max_staleness_seconds": str(delivery["max_staleness_seconds"]),
        "fail_stale": delivery["fail"]["stale"],
        **{f"expired_{rail}": delivery["on_expired"][rail] for rail in RAILS},
        **counting_controls(delivery),
    }


def offer(form: DeliveryForm, stored: Policy) -> None:
    """Fill the choices that depend on what is stored, which the API may have set to any number and zone."""
    spans = sorted({*SPANS, stored["max_staleness_seconds"]})
    form.max_staleness_seconds.choices = [SelectChoice(str(span), span_text(span)) for span in spans]
    offer_zones(form, stored)


def typed_policy(form: DeliveryForm, stored: Policy) -> Policy:
    """The delivery policy as typed; members that a request leaves out stay as they are stored."""
    typed = controls(stored) | {name: form[name].data for name in controls(stored) if form[name].data is not None}
    return {
        **typed_counting(form, stored),
        "max_staleness_seconds": int(typed["max_staleness_seconds"]),
        "fail": {"stale": typed["fail_stale"]},
        "on_expired": {rail: typed[f"expired_{rail}"] for rail in RAILS},
    }


def span_text(seconds: int) -> str:
    """A span in the largest unit that divides it: `6 hours`."""
    size, name = next((size, name) for size, name in UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count:,} {name}{'' if count == 1 else 's'}"

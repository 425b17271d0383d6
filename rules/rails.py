"""Rules about rails: what prevents a blow-up in production (spec 3)."""

from collections.abc import Iterator

from rules.draft import Draft, is_filled
from rules.enums import Action
from rules.finding import Finding, Gate
from rules.lifecycle import THRESHOLD_PERCENTS
from rules.places import at_rails
from rules.wording import THIS_CONFIG, listed, pick_value


def production_rails_name_a_spend_cap(draft: Draft) -> Iterator[Finding]:
    """Without a cap nothing stops a runaway customer (production gate)."""
    if draft.rails.monthly_spend_cap_usd is None:
        message = f"{THIS_CONFIG} has no monthly spend cap. Set the most that one customer may spend in a month."
        place = at_rails(draft, "monthly_spend_cap_usd")
        yield Finding("rails_monthly_spend_cap_missing", Gate.APPROVE, message, *place)


def production_rails_name_a_margin_floor(draft: Draft) -> Iterator[Finding]:
    """The line below which the economics count as broken (production gate)."""
    if draft.rails.margin_floor is None:
        message = f"{THIS_CONFIG} has no margin floor. Set the lowest margin you accept, 65 % for instance."
        yield Finding("rails_margin_floor_missing", Gate.APPROVE, message, *at_rails(draft, "margin_floor"))


def production_rails_say_what_happens_at_the_cap(draft: Draft) -> Iterator[Finding]:
    """A cap without an action is a wish (production gate)."""
    if not is_filled(draft.rails.at_cap_action):
        message = f"{THIS_CONFIG} does not say what happens at the spend cap. {pick_value(Action)}"
        yield Finding("rails_at_cap_action_missing", Gate.APPROVE, message, *at_rails(draft, "at_cap_action"))


def production_rails_act_at_70_90_and_100_percent(draft: Draft) -> Iterator[Finding]:
    """A threshold counts when it has an action (production gate)."""
    acting = {threshold.percent for threshold in draft.rails.usage_thresholds if is_filled(threshold.action)}
    missing = [percent for percent in THRESHOLD_PERCENTS if percent not in acting]
    if missing:
        message = (
            f"{THIS_CONFIG} does not say what happens at {listed(missing)} % of the allowance. Pick an action for each."
        )
        yield Finding("rails_thresholds_incomplete", Gate.APPROVE, message, *at_rails(draft, "usage_thresholds"))

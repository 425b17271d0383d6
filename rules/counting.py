"""Rules about how apps count where the delivery policy says it: periods, and scopes of thresholds (spec 3 and 5)."""

from collections.abc import Iterator

from rules.delivery import PeriodKind, Scope
from rules.draft import Draft
from rules.finding import Finding, Gate
from rules.places import at_config, at_rails
from rules.wording import THIS_CONFIG, listed

_PERIODS = {
    PeriodKind.CALENDAR_MONTH: "months of the calendar",
    PeriodKind.CUSTOMER_DAY: "months from each customer's own day on",
}
_SHARES = {
    Scope.UNIT: "as the share of a unit's whole allowance",
    Scope.CUSTOMER: "as the share of any unit's whole allowance, for all units of the customer",
    Scope.SPEND: "as the share of the monthly spend cap",
}


def every_scope_is_of_a_threshold(draft: Draft) -> Iterator[Finding]:
    """A scope of a percentage at which nothing happens does nothing, nor a share of no spend cap (approve gate)."""
    percents = {threshold.percent for threshold in draft.rails.usage_thresholds}
    unmatched = [percent for percent, _ in draft.delivery.threshold_scopes if percent not in percents]
    if unmatched:
        message = (
            f"{THIS_CONFIG} says what a threshold at {listed(unmatched)} % is a share of, and has no such threshold. "
            "Add it, or save the rails without it."
        )
        yield Finding("threshold_scope_unmatched", Gate.APPROVE, message, *at_rails(draft, "usage_thresholds"))
    of_spend = [percent for percent, scope in draft.delivery.threshold_scopes if scope == Scope.SPEND]
    if of_spend and draft.rails.monthly_spend_cap_usd is None:
        message = (
            f"{THIS_CONFIG} has a threshold at {listed(of_spend)} % of the monthly spend cap, and has no such cap, so "
            "nothing happens there. Set the cap, or let the threshold be a share of something else."
        )
        yield Finding("threshold_scope_unmatched", Gate.APPROVE, message, *at_rails(draft, "monthly_spend_cap_usd"))


def the_simulation_counts_as_apps_do(draft: Draft) -> Iterator[Finding]:
    """A simulation cuts periods of 30 days and takes shares of pools, whatever the policy says (advisory)."""
    otherwise = [*_periods(draft), *_scopes(draft)]
    if otherwise:
        message = (
            f"{THIS_CONFIG} counts {listed(otherwise)}; a simulation counts in periods of 30 days and by the share of "
            "each pool, so apps will act at other moments than simulated."
        )
        yield Finding("simulation_counts_otherwise", Gate.ADVISORY, message, *at_config(draft, "delivery", "rails"))


def _periods(draft: Draft) -> Iterator[str]:
    kind = draft.delivery.period_kind
    if kind in (PeriodKind.CALENDAR_MONTH, PeriodKind.CUSTOMER_DAY):
        yield f"in {_PERIODS[PeriodKind(kind)]} ({draft.delivery.time_zone})"


def _scopes(draft: Draft) -> Iterator[str]:
    for scope, share in _SHARES.items():
        percents = [percent for percent, its_scope in draft.delivery.threshold_scopes if its_scope == scope]
        if percents:
            yield f"{listed(percents)} % {share}"

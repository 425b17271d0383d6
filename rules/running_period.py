"""The rule about use that customers have made already in their running period (spec 3)."""

from collections.abc import Iterator

from rules.amounts import money_text
from rules.draft import Draft, RunningPeriod
from rules.enums import ConfigStatus
from rules.finding import Finding, Gate
from rules.places import at_config
from rules.wording import THIS_CONFIG, listed


def terms_spare_the_running_period(draft: Draft) -> Iterator[Finding]:
    """Advisory: terms that take effect at once hold for what customers used in their period before them."""
    period = draft.running_period
    if period is None:
        return
    active = draft.config.status == ConfigStatus.ACTIVE
    takes = "took effect" if active else "takes effect, unless its decision says otherwise,"
    message = (
        f"{THIS_CONFIG} {takes} within the period that runs from {period.start} to {period.end}, for what "
        f"customers used in it already{_SHARED if period.prorated else ''}: {_effects(period)}. {_ending(active)}"
    )
    yield Finding("running_period_rerated", Gate.ADVISORY, message, *at_config(draft, "terms_start", "approve"))


_OVERAGE_ALONE = "bills and the spend cap are counted here by overage at the units' own prices, without the price plan"
_SHARED = ", with the amounts of the period shared out by its days"


def _effects(period: RunningPeriod) -> str:
    clauses = listed(period.stricter)
    counted = _OVERAGE_ALONE if period.without_plan else ""
    return "; ".join(part for part in (clauses, _customers(period), _bills(period), counted) if part)


def _customers(period: RunningPeriod) -> str:
    """Who is refused or throttled at once, by the usage that AVS Brain has."""
    if not (period.refused or period.slowed):
        return "by the usage known here no customer is refused for it"
    cap = f" ({period.over_cap:,} over the spend cap)" if period.over_cap else ""
    refused = f"{_count(period.refused)} refused at once{cap}" if period.refused else ""
    slowed = f"{_count(period.slowed)} throttled at once" if period.slowed else ""
    return f"by the usage known here {' and '.join(part for part in (refused, slowed) if part)}"


def _count(customers: int) -> str:
    return f"{customers:,} customer is" if customers == 1 else f"{customers:,} customers are"


def _bills(period: RunningPeriod) -> str:
    if not period.billed_more:
        return ""
    whose = "1 customer owes" if period.billed_more == 1 else f"{period.billed_more:,} customers owe"
    bills = f"{money_text(period.bill_usd)} instead of {money_text(period.bill_today_usd)}"
    return f"{whose} more for it, all together {bills}"


def _ending(active: bool) -> str:
    if active:
        return "The next version can let its terms start with each customer's next period."
    return "Let its terms start with each customer's next period, or change them."

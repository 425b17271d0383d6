"""Metrics by metric_id: measured ones, proxies, and the method of each proxy (spec 4.3).

Retention is read from two bit masks per customer: in which periods anything was used, and in which the customer was
served. Served means: at least one unit that the customer used in the period was not hard-stopped. A unit is
hard-stopped when its last pool has overage_behavior hard_stop and the customer wanted more than its pools had; a
customer all of whose units are stopped ends the period with nothing that works.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from simulation.economics import Amounts, Statement
from simulation.numbers import EXACT, rounded, total
from simulation.output_shapes import MetricRow
from simulation.tally import ConfigTally

_SERVED = (
    "A customer is served in a period when at least one pooled unit they used was not hard-stopped; a unit is "
    "hard-stopped when use exceeds the allowance of its pools and the last of them has overage_behavior hard_stop."
)
METHODS: Mapping[str, str] = {
    "paid_engagement_retention_90d": "Proxy: of the customers with metered use in the first period of the window, the "
    f"share served in the last one. {_SERVED}",
    "monthly_churn_rate": "Proxy: 1 minus the mean, over consecutive periods, of the share of customers with metered "
    f"use in one who are served in the next. {_SERVED}",
}
NOT_SIMULATED = "Not simulated: usage events and this config do not determine this metric, so it has no value."


def gross_margin(statement: Statement) -> Decimal:
    """The margin over the whole window (spec 4.2, 4)."""
    return statement.amounts().margin


def exploration_depth(statement: Statement) -> Decimal:
    """Qualifying events in the window while exploration is enabled (spec 4.2, 5)."""
    return Decimal(sum(statement.tally.exploration.events.values()))


def periods_below_margin_floor(statement: Statement) -> list[tuple[int, Amounts]]:
    """Periods with revenue or cost whose margin is below the floor; none when the config has no floor."""
    floor = statement.config.rails.margin_floor
    periods = [(index, statement.amounts([index])) for index in statement.all_periods]
    return [
        (index, amounts)
        for index, amounts in periods
        if floor is not None and (amounts.revenue or amounts.cost) and amounts.margin < floor
    ]


def margin_floor_violations(statement: Statement) -> Decimal:
    """The number of periods below the margin floor."""
    return Decimal(len(periods_below_margin_floor(statement)))


def paid_engagement_retention(statement: Statement) -> Decimal | None:
    """The share kept from the first period to the last; None when nobody used anything in the first."""
    return retained(statement.tally, 0, len(statement.plan.periods) - 1)


def monthly_churn_rate(statement: Statement) -> Decimal | None:
    """1 − the mean share kept from a period to the next; None in a window of one period or without customers."""
    pairs = [retained(statement.tally, index, index + 1) for index in range(len(statement.plan.periods) - 1)]
    shares = [share for share in pairs if share is not None]
    return EXACT.subtract(Decimal(1), EXACT.divide(total(shares), Decimal(len(shares)))) if shares else None


def retained(tally: ConfigTally, first: int, last: int) -> Decimal | None:
    """The share of the customers with use in period `first` who are served in period `last`; None without any."""
    present = sum(count for (used, _), count in tally.presence.items() if used >> first & 1)
    kept = sum(count for (used, served), count in tally.presence.items() if used >> first & 1 and served >> last & 1)
    return EXACT.divide(Decimal(kept), Decimal(present)) if present else None


METRICS: Mapping[str, Callable[[Statement], Decimal | None]] = {
    "gross_margin": gross_margin,
    "paid_engagement_retention_90d": paid_engagement_retention,
    "monthly_churn_rate": monthly_churn_rate,
    "exploration_depth": exploration_depth,
    "margin_floor_violations": margin_floor_violations,
}


def metric(metric_id: str, statement: Statement | None) -> Decimal | None:
    """The exact value of a metric; None for one that is not simulated, and without a statement."""
    measure = METRICS.get(metric_id)
    return measure(statement) if measure and statement else None


def metric_row(metric_id: str, candidate: Statement, baseline: Statement | None) -> MetricRow:
    """Candidate, baseline and delta; null where there is no value."""
    new, old = metric(metric_id, candidate), metric(metric_id, baseline)
    return {
        "candidate": _rounded(new),
        "baseline": _rounded(old),
        "delta": None if new is None or old is None else rounded(EXACT.subtract(new, old)),
    }


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else rounded(value)


def proxy_methods(metric_ids: tuple[str, ...]) -> dict[str, str]:
    """Method by metric_id, for each declared metric that is estimated or not simulated at all."""
    methods = {**{name: NOT_SIMULATED for name in metric_ids if name not in METRICS}, **METHODS}
    return {name: methods[name] for name in metric_ids if name in methods}

"""Forecasts of what the rails and pools do to customers: beside the economics and never inside them (spec 4.3)."""

from collections.abc import Mapping
from decimal import Decimal

from simulation.economics import PoolLine, Statement, lines_row, period_fields
from simulation.numbers import EXACT, rounded, total
from simulation.output_shapes import (
    BillChangeRow,
    BinRow,
    Crossings,
    CustomerImpact,
    EnforcementForecast,
    ExplorationSummary,
    SpendCapForecast,
)
from simulation.plan import OVERAGE_BEHAVIORS, Plan
from simulation.tally import BIN_EDGES, BillChange, CapCrossing, Crossing, Impact
from simulation.window_shapes import PeriodFields

GRADUATION_METHOD = (
    "Began: had a qualifying event up to as_of, history included. Graduated: used a unit beyond its exploration pools, "
    "where it has other pools, in a period after the one they began in. Expired: not graduated, and began more than "
    "expires_after_days before as_of."
)


def enforcement_forecast(statement: Statement) -> EnforcementForecast:
    """`outputs.enforcement_forecast`, of the candidate.

    Thresholds are percent of a pool's available allowance (included and carried) that a customer used in a period;
    pools without allowance never reach one. `by_period` counts, period by period, the customers who cross for the first
    time in the window; `first_crossings` names the first twenty, by period and then by customer_id.
    """
    rails = statement.config.rails
    has_cap = rails.monthly_spend_cap_usd is not None
    return {
        "thresholds": [
            {
                "percent": threshold.percent,
                "action": threshold.action,
                "customers": crossing.customers,
                "first_period": _period(statement.plan, crossing.first_period),
                **_crossings(crossing),
            }
            for threshold, crossing in zip(rails.usage_thresholds, statement.tally.thresholds, strict=True)
        ],
        "units_beyond_allowance": _beyond_allowance(statement),
        "customers_over_spend_cap": statement.tally.billed_over_cap.customers if has_cap else None,
        "spend_cap": _cap(statement, statement.tally.billed_over_cap) if has_cap else None,
        "revenue_share_throttled_or_stopped": _revenue_at_stake(statement),
    }


def _beyond_allowance(statement: Statement) -> dict[str, Decimal]:
    """Overage by the overage_behavior of the pool that it is booked on; every behaviour is there."""
    lines = statement.lines()
    return {
        name: rounded(total(line.overage for line in lines if line.pool.overage_behavior == name))
        for name in OVERAGE_BEHAVIORS
    }


def _cap(statement: Statement, crossing: CapCrossing) -> SpendCapForecast:
    """The cap, what happens there, how often and how far it is exceeded."""
    return {
        "monthly_spend_cap_usd": statement.config.rails.monthly_spend_cap_usd,
        "at_cap_action": statement.config.rails.at_cap_action,
        "customer_periods": crossing.customer_periods,
        "first_period": _period(statement.plan, crossing.first_period),
        "largest_spend_usd": rounded(crossing.largest),
        **_crossings(crossing),
    }


def _crossings(crossing: Crossing) -> Crossings:
    """Customers who cross for the first time: how many in each period of the window, and the first of them by name."""
    return {
        "by_period": list(crossing.by_period),
        "first_crossings": [{"customer_id": row.customer_id, "period_index": row.period} for row in crossing.first],
    }


def _revenue_at_stake(statement: Statement) -> Decimal | None:
    """The share of revenue that comes from overage on pools that throttle or stop; null without revenue."""
    revenue = statement.amounts().revenue
    at_stake = total(
        _earned_by_overage(statement, line)
        for line in statement.lines()
        if line.pool.overage_behavior != "allow_overage"
    )
    return rounded(EXACT.divide(at_stake, revenue)) if revenue else None


def _earned_by_overage(statement: Statement, line: PoolLine) -> Decimal:
    """The revenue of a pool's overage, before credits: by the price plan, else by the unit's target price."""
    if statement.tally.plan is not None:
        return line.amounts.revenue
    return line.overage * statement.unit_of(line.pool).target_price_per_unit_usd


def _period(plan: Plan, index: int | None) -> PeriodFields | None:
    return None if index is None else period_fields(plan.periods[index])


def exploration_summary(statement: Statement) -> ExplorationSummary:
    """`outputs.exploration_summary`, of the candidate; exploration counts here even when the results leave it out."""
    rule, tally = statement.config.exploration, statement.tally.exploration
    return {
        "enabled": rule.enabled,
        "expires_after_days": rule.expires_after_days,
        "graduation_signal": rule.graduation_signal,
        "qualifying_events": dict(tally.events),
        "exploration_depth": sum(tally.events.values()),
        "pool_consumption": [
            {
                "pool_id": pool.pool_id,
                "value_unit_id": pool.value_unit_id,
                "drawn_units": rounded(total(statement.tally.drawn[pool.pool_id])),
                "customers": tally.consumers[pool.pool_id],
            }
            for pool in statement.config.pools
            if pool.is_exploration_pool
        ],
        "customers_began": tally.began,
        "customers_graduated": tally.graduated,
        "customers_expired": tally.expired,
        "customers_exploring": tally.began - tally.graduated - tally.expired,
        "method": GRADUATION_METHOD,
    }


def customer_impact(statement: Statement, impact: Impact | None) -> CustomerImpact:
    """`outputs.customer_impact`: how bills change over the window; null without a baseline, but for the customers.

    Percentiles are values that some customer has (nearest rank). `worst_20`: largest increase first, then customer_id.
    `distribution` is empty when nobody's bill was compared.
    """
    if impact is None:
        return {
            "customers": statement.tally.customers if statement.tally.plan is None else statement.tally.plan.payers,
            "billed_more": None,
            "billed_less": None,
            "bill_change_usd": None,
            "distribution": [],
            "worst_20": [],
        }
    return {
        "customers": impact.customers,
        "billed_more": impact.billed_more,
        "billed_less": impact.billed_less,
        "bill_change_usd": _percentiles(impact.percentiles),
        "distribution": _distribution(impact.bins),
        "worst_20": [_bill_change(row) for row in impact.worst],
    }


def _bill_change(row: BillChange) -> BillChangeRow:
    bills: BillChangeRow = {
        "customer_id": row.customer_id,
        "candidate_bill_usd": rounded(row.candidate),
        "baseline_bill_usd": rounded(row.baseline),
        "bill_change_usd": rounded(row.change),
    }
    if row.candidate_lines is not None and row.baseline_lines is not None:
        bills["candidate_lines"] = lines_row(row.candidate_lines)
        bills["baseline_lines"] = lines_row(row.baseline_lines)
    return bills


def _percentiles(values: Mapping[int, Decimal | None]) -> dict[str, Decimal | None]:
    return {f"p{percent}": None if value is None else rounded(value) for percent, value in values.items()}


def _distribution(bins: Mapping[int, int]) -> list[BinRow]:
    """The bins from the lowest change to the highest, and to 0 at least, empty ones included; none without customers.

    A bin holds the changes whose size has reached its edge nearer to 0 and not the other one; the bin from 0 to 0 holds
    exactly those of 0, which the bins beside it leave out. The outermost bins have no outer edge.
    """
    if not bins:
        return []
    indexes = range(min(0, *bins), max(0, *bins) + 1)
    return [
        {"from_usd": _edge(at - (at > 0)), "to_usd": _edge(at + (at < 0)), "customers": bins.get(at, 0)}
        for at in indexes
    ]


def _edge(at: int) -> Decimal | None:
    """The edge that lies `at` bins away from 0, in USD; None beyond the outermost bin."""
    size = (Decimal(0), *BIN_EDGES, None)[abs(at)]
    return None if size is None else rounded(size if at >= 0 else -size)

"""Revenue, cost and margin from the sums (spec 4.2, 4), in every cut a reviewer asks for.

Amounts are exact until `simulation.numbers.rounded`: so the pools, the units and the periods each sum to the headline
exactly. The rows of the outputs, each rounded on its own, may differ from the rounded headline in the sixth place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from simulation.canonical import timestamp_text
from simulation.numbers import EXACT, rounded, total
from simulation.output_shapes import (
    AmountsDelta,
    AmountsRow,
    Comparison,
    Economics,
    PeriodRow,
    PoolBreakdownRow,
    PoolRow,
    UnitAmounts,
    UnitRow,
)
from simulation.plan import ConfigPlan, Plan, PoolPlan, UnitPlan
from simulation.plan_shapes import LinesCompared, LinesRow, RevenueLines
from simulation.tally import LINE_NAMES, ConfigTally, Lines, PerPeriod, Tally
from simulation.window import Period
from simulation.window_shapes import PeriodFields

EPSILON = Decimal("0.01")
PLAN = "Plan"
"""The name of the row that is of no pool and no unit: what a price plan bills beside them."""


@dataclass(frozen=True)
class Amounts:
    """Revenue and cost in USD.

    `margin` divides by at least 0.01 USD, so without revenue it is a number, but no ratio of anything.
    """

    revenue: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    @property
    def margin(self) -> Decimal:
        """(revenue − cost) / revenue."""
        return EXACT.divide(self.revenue - self.cost, max(self.revenue, EPSILON))

    @staticmethod
    def of(parts: "Iterable[Amounts]") -> "Amounts":
        """The sum of the parts."""
        rows = list(parts)
        return Amounts(total(row.revenue for row in rows), total(row.cost for row in rows))


@dataclass(frozen=True)
class PoolLine:
    """One pool, or one of its periods: `drawn` from its allowance, `overage` booked on it."""

    pool: PoolPlan
    drawn: Decimal
    overage: Decimal
    amounts: Amounts

    @property
    def units(self) -> Decimal:
        """The units that the pool served: drawn or overage."""
        return self.drawn + self.overage


@dataclass(frozen=True)
class Statement:
    """A config's sums with the plan that explains them."""

    plan: Plan
    config: ConfigPlan
    tally: ConfigTally

    @property
    def pools(self) -> tuple[PoolPlan, ...]:
        """The pools of the results, in position order."""
        return tuple(pool for pool in self.config.pools if self.plan.bills_pool(pool))

    def unit_of(self, pool: PoolPlan) -> UnitPlan:
        """The unit that the pool gives out."""
        return next(unit for unit in self.config.units if unit.value_unit_id == pool.value_unit_id)

    def line(self, pool: PoolPlan, periods: Sequence[int]) -> PoolLine:
        """The pool over some of the periods."""
        unit = self.unit_of(pool)
        is_last = self.config.last_pool(unit) == pool
        drawn = _over(self.tally.drawn[pool.pool_id], periods)
        overage = _over(self.tally.overage[unit.value_unit_id], periods) if is_last else Decimal(0)
        short = _over(self.tally.shortfall[unit.value_unit_id], periods) if is_last else Decimal(0)
        charged = overage if self.plan.pricing_mode == "use_unit_economics" else drawn + overage + short
        revenue = unit.target_price_per_unit_usd * charged
        if self.tally.plan is not None:
            revenue = _over(self.tally.plan.charges[unit.value_unit_id], periods) if is_last else Decimal(0)
        return PoolLine(pool, drawn, overage, Amounts(revenue, unit.avg_cost_per_unit_usd * (drawn + overage)))

    @property
    def all_periods(self) -> range:
        """The indexes of the window's periods."""
        return range(len(self.plan.periods))

    def lines(self, periods: Sequence[int] | None = None) -> list[PoolLine]:
        """The pools of the results over some of the periods, or over all."""
        return [self.line(pool, self.all_periods if periods is None else periods) for pool in self.pools]

    def amounts(self, periods: Sequence[int] | None = None) -> Amounts:
        """Revenue and cost of all pools and of the price plan: over the window, or over some of its periods."""
        return Amounts.of([*(line.amounts for line in self.lines(periods)), self.of_plan(periods)])

    def revenue_lines(self, periods: Sequence[int] | None = None) -> Lines:
        """The lines of the revenue; where no price plan makes the bills all of it is overage."""
        if self.tally.plan is None:
            return Lines(overage=self.amounts(periods).revenue)
        indexes = self.all_periods if periods is None else periods
        return Lines.of(self.tally.plan.lines[index] for index in indexes)

    def of_plan(self, periods: Sequence[int] | None = None) -> Amounts:
        """What the price plan bills beside the charges of pools: fees, credits, commit, less the credits drawn.

        It is below 0 where more is paid by credits than is paid for them.
        """
        if self.tally.plan is None:
            return Amounts()
        pools = Amounts.of(line.amounts for line in self.lines(periods))
        return Amounts(self.revenue_lines(periods).revenue - pools.revenue)

    def unit_lines(self, unit: UnitPlan) -> list[PoolLine]:
        """The pools of one unit, over the whole window."""
        return [line for line in self.lines() if line.pool.value_unit_id == unit.value_unit_id]


def _over(values: PerPeriod, periods: Sequence[int]) -> Decimal:
    return total(values[index] for index in periods)


def statements(plan: Plan, tally: Tally) -> tuple[Statement, Statement | None]:
    """The candidate's statement and, where the plan has a baseline, the baseline's."""
    candidate = Statement(plan, plan.candidate, tally.candidate)
    if plan.baseline is None or tally.baseline is None:
        return candidate, None
    return candidate, Statement(plan, plan.baseline, tally.baseline)


def economics(candidate: Statement, baseline: Statement | None) -> Economics:
    """`outputs.economics`: headline, by period, by pool, by unit; each with candidate, baseline and delta."""
    return {
        **_compared(candidate.amounts(), baseline.amounts() if baseline else None),
        "by_period": [_period_row(period, candidate, baseline) for period in candidate.plan.periods],
        "by_pool": _by_pool(candidate, baseline),
        "by_unit": _by_unit(candidate, baseline),
    }


def revenue_lines(candidate: Statement, baseline: Statement | None) -> RevenueLines:
    """`outputs.revenue_lines`: the lines of both configs over the window and by period; they sum to the revenue."""
    return {
        **_lines_compared(candidate, baseline, None),
        "by_period": [
            {**period_fields(period), **_lines_compared(candidate, baseline, [period.index])}
            for period in candidate.plan.periods
        ],
    }


def _lines_compared(candidate: Statement, baseline: Statement | None, periods: Sequence[int] | None) -> LinesCompared:
    new = candidate.revenue_lines(periods)
    old = None if baseline is None else baseline.revenue_lines(periods)
    return {
        "candidate": lines_row(new),
        "baseline": None if old is None else lines_row(old),
        "delta": None if old is None else _lines_delta(new, old),
    }


def lines_row(lines: Lines) -> LinesRow:
    """The lines as the outputs write them."""
    return {
        "fees": rounded(lines.fees),
        "overage": rounded(lines.overage),
        "commit_true_up": rounded(lines.commit_true_up),
        "prepaid": rounded(lines.prepaid),
        "expired_credits": rounded(lines.expired_credits),
    }


def _lines_delta(new: Lines, old: Lines) -> LinesRow:
    return lines_row(Lines(*(getattr(new, name) - getattr(old, name) for name in LINE_NAMES)))


def bills_by_plan(*statements: Statement | None) -> bool:
    """Whether a price plan makes the bills of any of them, so that a row "Plan" stands beside pools and units."""
    return any(statement is not None and statement.tally.plan is not None for statement in statements)


def pool_breakdown(statement: Statement) -> list[PoolBreakdownRow]:
    """`outputs.pool_breakdown`: the pools of the results in position order, then the plan; they sum to the headline."""
    return [*_pools_broken_down(statement), *_plan_broken_down(statement)]


def _plan_broken_down(statement: Statement) -> list[PoolBreakdownRow]:
    if not bills_by_plan(statement):
        return []
    amounts = statement.of_plan()
    return [
        {
            "pool_id": None,
            "label": PLAN,
            "value_unit_id": None,
            "is_exploration_pool": None,
            "overage_behavior": None,
            "total_units": None,
            "included_units": None,
            "overage_units": None,
            "cost_usd": rounded(amounts.cost),
            "revenue_usd": rounded(amounts.revenue),
        }
    ]


def _pools_broken_down(statement: Statement) -> list[PoolBreakdownRow]:
    return [
        {
            "pool_id": line.pool.pool_id,
            "label": line.pool.label,
            "value_unit_id": line.pool.value_unit_id,
            "is_exploration_pool": line.pool.is_exploration_pool,
            "overage_behavior": line.pool.overage_behavior,
            "total_units": rounded(line.units),
            "included_units": rounded(line.drawn),
            "overage_units": rounded(line.overage),
            "cost_usd": rounded(line.amounts.cost),
            "revenue_usd": rounded(line.amounts.revenue),
        }
        for line in statement.lines()
    ]


def period_fields(period: Period) -> PeriodFields:
    """A period as the outputs name it; `start` is outside of it, `end` inside."""
    return {"index": period.index, "start": timestamp_text(period.start), "end": timestamp_text(period.end)}


def _period_row(period: Period, candidate: Statement, baseline: Statement | None) -> PeriodRow:
    at = [period.index]
    return {**period_fields(period), **_compared(candidate.amounts(at), baseline.amounts(at) if baseline else None)}


def _by_pool(candidate: Statement, baseline: Statement | None) -> list[PoolRow]:
    """The candidate's pools, then those that only the baseline has; pools of one id are one pool."""
    new, old = _pool_lines(candidate), _pool_lines(baseline)
    rows: list[PoolRow] = [
        {
            "pool_id": pool_id,
            "value_unit_id": line.pool.value_unit_id,
            **_compared(*(side[pool_id].amounts if pool_id in side else None for side in (new, old))),
        }
        for pool_id, line in (new | old | new).items()  # the candidate's first, and its line where both have one
    ]
    rows += [{"pool_id": None, "value_unit_id": None, **row} for row in _plan_rows(candidate, baseline)]
    return rows


def _plan_rows(candidate: Statement, baseline: Statement | None) -> list[Comparison]:
    """What price plans bill beside pools and units; no row where none makes bills."""
    if not bills_by_plan(candidate, baseline):
        return []
    return [_compared(candidate.of_plan(), baseline.of_plan() if baseline else None)]


def _pool_lines(statement: Statement | None) -> dict[str, PoolLine]:
    return {line.pool.pool_id: line for line in statement.lines()} if statement else {}


@dataclass(frozen=True)
class UnitSide:
    """One unit in one config: `metered` is what its events add up to, `booked` what counts in the results."""

    amounts: Amounts
    metered: Decimal
    booked: Decimal


def _by_unit(candidate: Statement, baseline: Statement | None) -> list[UnitRow]:
    """The candidate's units, then those that only the baseline has; where both know a unit, by the candidate's name."""
    new, old = _unit_sides(candidate), _unit_sides(baseline)
    names = _unit_names(baseline) | _unit_names(candidate)
    rows: list[UnitRow] = [
        {
            "value_unit_id": unit_id,
            "name": names[unit_id],
            "candidate": _unit_amounts(new.get(unit_id)),
            "baseline": _unit_amounts(old.get(unit_id)),
            "delta": _delta(new[unit_id].amounts, old[unit_id].amounts) if unit_id in new and unit_id in old else None,
        }
        for unit_id in new | old
    ]
    return [*rows, *(_plan_unit(row) for row in _plan_rows(candidate, baseline))]


def _plan_unit(row: Comparison) -> UnitRow:
    """The row of the plan beside the units: it meters nothing."""
    return {
        "value_unit_id": None,
        "name": PLAN,
        "candidate": _without_units(row["candidate"]),
        "baseline": _without_units(row["baseline"]),
        "delta": row["delta"],
    }


def _without_units(amounts: AmountsRow | None) -> UnitAmounts | None:
    return None if amounts is None else {**amounts, "metered_units": None, "total_units": None}


def _unit_sides(statement: Statement | None) -> dict[str, UnitSide]:
    if statement is None:
        return {}
    return {
        unit.value_unit_id: UnitSide(
            Amounts.of(line.amounts for line in statement.unit_lines(unit)),
            total(statement.tally.used[unit.value_unit_id]),
            total(line.units for line in statement.unit_lines(unit)),
        )
        for unit in statement.plan.billed_units(statement.config)
    }


def _unit_names(statement: Statement | None) -> dict[str, str]:
    return {unit.value_unit_id: unit.name for unit in statement.config.units} if statement else {}


def _unit_amounts(side: UnitSide | None) -> UnitAmounts | None:
    if side is None:
        return None
    return {**_rounded(side.amounts), "metered_units": rounded(side.metered), "total_units": rounded(side.booked)}


def _compared(candidate: Amounts | None, baseline: Amounts | None) -> Comparison:
    """Candidate, baseline and delta; null where there is none."""
    return {
        "candidate": _rounded(candidate) if candidate else None,
        "baseline": _rounded(baseline) if baseline else None,
        "delta": _delta(candidate, baseline) if candidate and baseline else None,
    }


def _delta(candidate: Amounts, baseline: Amounts) -> AmountsDelta:
    """Candidate − baseline, rounded after subtracting."""
    return {
        "revenue_usd": rounded(candidate.revenue - baseline.revenue),
        "cost_usd": rounded(candidate.cost - baseline.cost),
        "margin": rounded(EXACT.subtract(candidate.margin, baseline.margin)),
    }


def _rounded(amounts: Amounts) -> AmountsRow:
    return {
        "revenue_usd": rounded(amounts.revenue),
        "cost_usd": rounded(amounts.cost),
        "margin": rounded(amounts.margin),
        "no_revenue": amounts.revenue == 0,
    }

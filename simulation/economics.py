"""Revenue, cost and margin from the sums (spec 4.2, 4), in every cut a reviewer asks for.

Amounts are exact until `simulation.numbers.written`; so the pools, the units and the periods each sum to the headline
exactly, while written rows, each rounded on its own, may differ from the written headline in the sixth place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulation.canonical import timestamp_text
from simulation.numbers import EXACT, total, written
from simulation.plan import ConfigPlan, Plan, PoolPlan, UnitPlan
from simulation.tally import ConfigTally, PerPeriod, Tally
from simulation.window import Period

EPSILON = Decimal("0.01")


@dataclass(frozen=True)
class Amounts:
    """USD; `margin` divides by at least 0.01 USD, so without revenue it is a number, but no ratio of anything."""

    revenue: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)

    @property
    def margin(self) -> Decimal:
        return EXACT.divide(self.revenue - self.cost, max(self.revenue, EPSILON))

    @staticmethod
    def of(parts: "Iterable[Amounts]") -> "Amounts":
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
        return self.drawn + self.overage


@dataclass(frozen=True)
class Ledger:
    """A config's sums with the plan that explains them."""

    plan: Plan
    config: ConfigPlan
    tally: ConfigTally

    @property
    def pools(self) -> tuple[PoolPlan, ...]:
        """The pools of the results, in position order."""
        return tuple(pool for pool in self.config.pools if self.plan.bills_pool(pool))

    def unit_of(self, pool: PoolPlan) -> UnitPlan:
        return next(unit for unit in self.config.units if unit.value_unit_id == pool.value_unit_id)

    def line(self, pool: PoolPlan, periods: Sequence[int]) -> PoolLine:
        """The pool over some of the periods."""
        unit = self.unit_of(pool)
        is_last = self.config.last_pool(unit) == pool
        drawn = _over(self.tally.drawn[pool.pool_id], periods)
        overage = _over(self.tally.overage[unit.value_unit_id], periods) if is_last else Decimal(0)
        short = _over(self.tally.shortfall[unit.value_unit_id], periods) if is_last else Decimal(0)
        charged = overage if self.plan.pricing_mode == "use_unit_economics" else drawn + overage + short
        amounts = Amounts(unit.target_price_per_unit_usd * charged, unit.avg_cost_per_unit_usd * (drawn + overage))
        return PoolLine(pool, drawn, overage, amounts)

    @property
    def all_periods(self) -> range:
        return range(len(self.plan.periods))

    def lines(self, periods: Sequence[int] | None = None) -> list[PoolLine]:
        return [self.line(pool, self.all_periods if periods is None else periods) for pool in self.pools]

    def amounts(self, periods: Sequence[int] | None = None) -> Amounts:
        """The headline, or the same of some periods."""
        return Amounts.of(line.amounts for line in self.lines(periods))

    def unit_lines(self, unit: UnitPlan) -> list[PoolLine]:
        return [line for line in self.lines() if line.pool.value_unit_id == unit.value_unit_id]


def _over(values: PerPeriod, periods: Sequence[int]) -> Decimal:
    return total(values[index] for index in periods)


def ledgers(plan: Plan, tally: Tally) -> tuple[Ledger, Ledger | None]:
    """The candidate's and the baseline's."""
    candidate = Ledger(plan, plan.candidate, tally.candidate)
    if plan.baseline is None or tally.baseline is None:
        return candidate, None
    return candidate, Ledger(plan, plan.baseline, tally.baseline)


def economics(candidate: Ledger, baseline: Ledger | None) -> dict[str, Any]:
    """`outputs.economics`: headline, by period, by pool, by unit; each with candidate, baseline and delta."""
    return {
        **_compared(candidate.amounts(), baseline.amounts() if baseline else None),
        "by_period": [_period_row(period, candidate, baseline) for period in candidate.plan.periods],
        "by_pool": _by_pool(candidate, baseline),
        "by_unit": _by_unit(candidate, baseline),
    }


def pool_breakdown(ledger: Ledger) -> list[dict[str, Any]]:
    """`outputs.pool_breakdown`: the pools of the results in position order; they sum to the headline."""
    return [
        {
            "pool_id": line.pool.pool_id,
            "label": line.pool.label,
            "value_unit_id": line.pool.value_unit_id,
            "is_exploration_pool": line.pool.is_exploration_pool,
            "overage_behavior": line.pool.overage_behavior,
            "total_units": written(line.units),
            "included_units": written(line.drawn),
            "overage_units": written(line.overage),
            "cost_usd": written(line.amounts.cost),
            "revenue_usd": written(line.amounts.revenue),
        }
        for line in ledger.lines()
    ]


def period_fields(period: Period) -> dict[str, Any]:
    """`(start, end]`."""
    return {"index": period.index, "start": timestamp_text(period.start), "end": timestamp_text(period.end)}


def _period_row(period: Period, candidate: Ledger, baseline: Ledger | None) -> dict[str, Any]:
    at = [period.index]
    return {**period_fields(period), **_compared(candidate.amounts(at), baseline.amounts(at) if baseline else None)}


def _by_pool(candidate: Ledger, baseline: Ledger | None) -> list[dict[str, Any]]:
    """The candidate's pools, then those that only the baseline has; a pool is itself by its id."""
    sides = [{line.pool.pool_id: line for line in ledger.lines()} if ledger else {} for ledger in (candidate, baseline)]
    return [
        {
            "pool_id": pool_id,
            "value_unit_id": (sides[0].get(pool_id) or sides[1][pool_id]).pool.value_unit_id,
            **_compared(*(side[pool_id].amounts if pool_id in side else None for side in sides)),
        }
        for pool_id in dict.fromkeys([*sides[0], *sides[1]])
    ]


def _by_unit(candidate: Ledger, baseline: Ledger | None) -> list[dict[str, Any]]:
    """The candidate's units, then those that only the baseline has.

    `metered_units` is what the events add up to, whoever drew it; `total_units` what counts in the results.
    """
    sides = [_unit_sides(ledger) if ledger else {} for ledger in (candidate, baseline)]
    names = {
        unit.value_unit_id: unit.name for ledger in (baseline, candidate) if ledger for unit in ledger.config.units
    }
    return [
        {"value_unit_id": unit_id, "name": names[unit_id], **_unit_row(*(side.get(unit_id) for side in sides))}
        for unit_id in dict.fromkeys([*sides[0], *sides[1]])
    ]


UnitSide = tuple[Amounts, Decimal, Decimal]


def _unit_sides(ledger: Ledger) -> dict[str, UnitSide]:
    return {
        unit.value_unit_id: (
            Amounts.of(line.amounts for line in ledger.unit_lines(unit)),
            total(ledger.tally.used[unit.value_unit_id]),
            total(line.units for line in ledger.unit_lines(unit)),
        )
        for unit in ledger.plan.billed_units(ledger.config)
    }


def _unit_row(candidate: UnitSide | None, baseline: UnitSide | None) -> dict[str, Any]:
    row = _compared(candidate and candidate[0], baseline and baseline[0])
    for name, side in (("candidate", candidate), ("baseline", baseline)):
        if side:
            row[name] |= {"metered_units": written(side[1]), "total_units": written(side[2])}
    return row


def _compared(candidate: Amounts | None, baseline: Amounts | None) -> dict[str, Any]:
    """Candidate, baseline and delta = candidate − baseline, rounded after subtracting; null where there is none."""
    delta = None
    if candidate and baseline:
        delta = {
            "revenue_usd": written(candidate.revenue - baseline.revenue),
            "cost_usd": written(candidate.cost - baseline.cost),
            "margin": written(EXACT.subtract(candidate.margin, baseline.margin)),
        }
    return {"candidate": _written(candidate), "baseline": _written(baseline), "delta": delta}


def _written(amounts: Amounts | None) -> dict[str, Any] | None:
    if amounts is None:
        return None
    return {
        "revenue_usd": written(amounts.revenue),
        "cost_usd": written(amounts.cost),
        "margin": written(amounts.margin),
        "no_revenue": amounts.revenue == 0,
    }

"""`outputs.price_plan` and the risks of a price plan: who is billed, credits, unused commit and tiers (spec 4.3)."""

from collections.abc import Iterator
from decimal import Decimal

from simulation.canonical import number_text
from simulation.economics import Statement
from simulation.numbers import EXACT, rounded
from simulation.output_shapes import RiskEntry
from simulation.plan_shapes import PricePlanOutputs, TierRow
from simulation.tally import PlanTally, TierReach, UnusedCommit

LEFT_OUT = (
    "This pricing mode stands in for bills: fees, tiers, credits, commit and prices of contracts count for nothing. "
    "Choose use_unit_economics to bill by the price plan."
)
ZERO = Decimal(0)
NOTHING = PlanTally(
    payers=0,
    customer_periods=(),
    lines=(),
    charges={},
    bought=ZERO,
    paid=ZERO,
    drawn=ZERO,
    expired=ZERO,
    outstanding=ZERO,
    unused_commit=UnusedCommit(0, 0, ZERO),
    tiers=(),
)


def price_plan_outputs(candidate: Statement) -> PricePlanOutputs:
    """`outputs.price_plan` of the candidate."""
    is_applied, has_plan = candidate.tally.plan is not None, candidate.config.price_plan is not None
    sums = candidate.tally.plan or NOTHING
    return {
        "applied": is_applied,
        "left_out": LEFT_OUT if has_plan and not is_applied else None,
        "payers": sums.payers,
        "customer_periods": sum(sums.customer_periods),
        "credits": {
            "bought_usd": rounded(sums.bought),
            "paid_usd": rounded(sums.paid),
            "drawn_usd": rounded(sums.drawn),
            "expired_usd": rounded(sums.expired),
            "outstanding_usd": rounded(sums.outstanding),
        },
        "unused_commit": {
            "customers": sums.unused_commit.customers,
            "customer_periods": sums.unused_commit.customer_periods,
            "unused_usd": rounded(sums.unused_commit.unused),
        },
        "tiers": [_tier(reach) for reach in sums.tiers],
    }


def _tier(reach: TierReach) -> TierRow:
    tier = reach.price.tiers[reach.tier]
    return {
        "value_unit_id": reach.price.value_unit_id,
        "customer_id": reach.customer_id,
        "model": reach.price.model,
        "tier": reach.tier + 1,
        "up_to": tier.up_to,
        "unit_price_usd": tier.unit_price_usd,
        "customer_periods": reach.customer_periods,
        "units": rounded(reach.units),
    }


def plan_risks(statement: Statement) -> Iterator[RiskEntry]:
    """The risks of the candidate's price plan: tiers below cost, commit that nobody uses, credits that lapse."""
    if statement.tally.plan is not None:
        yield from _below_cost(statement, statement.tally.plan)
        yield from _commit_unused(statement.tally.plan)
        yield from _credits_expired(statement, statement.tally.plan)


def _below_cost(statement: Statement, sums: PlanTally) -> Iterator[RiskEntry]:
    """An entry for each tier that was reached and whose price, of a package for its size, is below the unit's cost."""
    units = {unit.value_unit_id: unit for unit in statement.config.units}
    for reach in sums.tiers:
        unit, tier = units[reach.price.value_unit_id], reach.price.tiers[reach.tier]
        size = reach.price.package_size or Decimal(1)
        if tier.unit_price_usd < EXACT.multiply(unit.avg_cost_per_unit_usd, size):
            per = "unit" if reach.price.package_size is None else f"package of {number_text(size)}"
            whose = f" in the contract of {reach.customer_id}" if reach.customer_id else ""
            entry: RiskEntry = {
                "code": "plan_price_below_cost",
                "detail": f"Tier {reach.tier + 1} of {unit.name} ({unit.value_unit_id}){whose} costs "
                f"{number_text(tier.unit_price_usd)} USD a {per}, and serving a unit costs "
                f"{number_text(unit.avg_cost_per_unit_usd)} USD: it was reached in {reach.customer_periods} "
                "customer-periods.",
                "value_unit_id": unit.value_unit_id,
                "tier": reach.tier + 1,
                "unit_price_usd": tier.unit_price_usd,
                "cost": unit.avg_cost_per_unit_usd,
                "customer_periods": reach.customer_periods,
            }
            yield {**entry, "customer_id": reach.customer_id} if reach.customer_id else entry


def _commit_unused(sums: PlanTally) -> Iterator[RiskEntry]:
    unused = sums.unused_commit
    if unused.customer_periods:
        yield {
            "code": "commit_unused",
            "detail": f"In {unused.customer_periods} customer-periods, of {unused.customers} customers, bills stay "
            f"below the commit, by {_text(unused.unused)} USD in all: who pays for more than they use may not renew.",
            "customers": unused.customers,
            "customer_periods": unused.customer_periods,
            "unused_usd": rounded(unused.unused),
        }


def _credits_expired(statement: Statement, sums: PlanTally) -> Iterator[RiskEntry]:
    if sums.expired:
        paid = statement.revenue_lines().expired_credits
        yield {
            "code": "credits_expired",
            "detail": f"Credits of {_text(sums.expired)} USD lapse unused, for which customers paid {_text(paid)} USD.",
            "expired_usd": rounded(sums.expired),
            "paid_usd": rounded(paid),
        }


def _text(value: Decimal) -> str:
    return number_text(rounded(value))

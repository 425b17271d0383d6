"""The shapes of what a price plan adds to the outputs of a simulation (spec 4.3): lines, credits, commit, tiers.

Amounts are USD, quantities value units, exact and rounded to six decimal places.
"""

from decimal import Decimal
from typing import TypedDict

from simulation.window_shapes import PeriodFields


class LinesRow(TypedDict):
    """Revenue by line, in USD."""

    fees: Decimal
    overage: Decimal
    commit_true_up: Decimal
    prepaid: Decimal
    expired_credits: Decimal


class LinesCompared(TypedDict):
    """The lines of both configs and their difference."""

    candidate: LinesRow
    baseline: LinesRow | None
    delta: LinesRow | None


class PeriodLines(PeriodFields, LinesCompared):
    """An entry of `revenue_lines.by_period`."""


class RevenueLines(LinesCompared):
    """`outputs.revenue_lines`, where a config of the run has a price plan."""

    by_period: list[PeriodLines]


class CreditsRow(TypedDict):
    """Prepaid credits over the window; `paid_usd` is their price, the others are credits, USD of charges."""

    bought_usd: Decimal
    paid_usd: Decimal
    drawn_usd: Decimal
    expired_usd: Decimal
    outstanding_usd: Decimal


class UnusedCommitRow(TypedDict):
    """What bills lacked of the commit, whether or not it was made up."""

    customers: int
    customer_periods: int
    unused_usd: Decimal


class TierRow(TypedDict):
    """A tier at whose price units were charged; `customer_id` is whose contract it is of, null for everybody's."""

    value_unit_id: str
    customer_id: str | None
    model: str
    tier: int
    up_to: Decimal | None
    unit_price_usd: Decimal
    customer_periods: int
    units: Decimal


class PricePlanOutputs(TypedDict):
    """`outputs.price_plan`, of the candidate; all is 0 and empty where its plan is not `applied` or it has none."""

    applied: bool
    left_out: str | None
    payers: int
    customer_periods: int
    credits: CreditsRow
    unused_commit: UnusedCommitRow
    tiers: list[TierRow]


class PlannedOutputs(TypedDict, total=False):
    """What the outputs have only where a config of the run has a price plan."""

    revenue_lines: RevenueLines
    price_plan: PricePlanOutputs

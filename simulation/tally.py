"""The sums and counts that both renderings hand over, and from which every output is assembled.

Small and exact: per period, pool and unit at most; nothing per customer but the twenty worst and the twenty first at
each limit. Periods are indexes, tuples run over the periods, oldest first.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from simulation.numbers import EXACT, total
from simulation.plan import Meter, Plan
from simulation.price_plan import UnitPrice
from simulation.unmatched import Coverage

PerPeriod = tuple[Decimal, ...]
PERCENTILES = (5, 25, 50, 75, 95)
WORST = 20
FIRST = 20
BIN_EDGES = (*(Decimal(f"{digit}e{power}") for power in range(-2, 6) for digit in (1, 2, 5)), Decimal(10) ** 6)
"""USD at which one bin of bill changes ends and the next begins, on either side of 0: 0.01, 0.02, 0.05, … 1,000,000.

Fixed, so that no customer's bill moves the bins of the others and runs can be compared.
"""
QUANTITY_LIMIT = Decimal(10) ** 18
PRICE_LIMIT = Decimal(10) ** 18
MONEY_LIMIT = Decimal(10) ** 24


@dataclass(frozen=True)
class FirstCrossing:
    """A customer and the first period in which they cross a limit."""

    period: int
    customer_id: str


@dataclass(frozen=True)
class Crossing:
    """Customers who cross a limit, each in the first period in which they do, in whatever pool.

    `by_period` counts them; `first` are the first twenty, by period and then by customer_id.
    """

    by_period: tuple[int, ...]
    first: tuple[FirstCrossing, ...]

    @property
    def customers(self) -> int:
        return sum(self.by_period)

    @property
    def first_period(self) -> int | None:
        """The index of the first period in which anyone crosses; None when nobody does."""
        return next((index for index, customers in enumerate(self.by_period) if customers), None)


@dataclass(frozen=True)
class CapCrossing(Crossing):
    """Customer-periods with an amount above the spend cap; `largest` is the largest amount of all, in USD."""

    customer_periods: int
    largest: Decimal


@dataclass(frozen=True)
class ExplorationTally:
    """The counts of exploration: qualifying events in the window by event_type, and customers, consumers by pool_id.

    Customers who began may have done so before the window.
    """

    events: Mapping[str, int]
    began: int
    graduated: int
    expired: int
    consumers: Mapping[str, int]


@dataclass(frozen=True)
class Lines:
    """Revenue by line, in USD; they sum to what is billed (spec 4.2).

    `overage` is what credits did not cover. `prepaid` is what was paid for credits less `expired_credits`, what was
    paid for those that lapsed.
    """

    fees: Decimal = Decimal(0)
    overage: Decimal = Decimal(0)
    commit_true_up: Decimal = Decimal(0)
    prepaid: Decimal = Decimal(0)
    expired_credits: Decimal = Decimal(0)

    @property
    def revenue(self) -> Decimal:
        """The sum of the lines."""
        return total((self.fees, self.overage, self.commit_true_up, self.prepaid, self.expired_credits))

    @staticmethod
    def of(parts: "Iterable[Lines]") -> "Lines":
        """The sum of the parts, line by line."""
        rows = list(parts)
        return Lines(*(total(getattr(row, name) for row in rows) for name in LINE_NAMES))


LINE_NAMES = tuple(field.name for field in fields(Lines))


@dataclass(frozen=True)
class UnusedCommit:
    """The customer-periods whose bills lack something of the commit, and how much: `unused` in USD."""

    customers: int
    customer_periods: int
    unused: Decimal


@dataclass(frozen=True)
class TierReach:
    """A tier at whose price units were charged: in how many customer-periods, and how many units.

    `customer_id` is None for the price of everybody, else of whose contract the price is; `tier` counts from 0.
    """

    customer_id: str | None
    price: UnitPrice
    tier: int
    customer_periods: int
    units: Decimal


@dataclass(frozen=True)
class PlanTally:
    """The sums and counts of the bills by a price plan, in USD.

    `payers` are the customers who are billed, `customer_periods` how many of them in each period. `charges` are by
    value_unit_id, before credits. `bought`, `drawn`, `expired` and `outstanding` are credits; `paid` is their price.
    """

    payers: int
    customer_periods: tuple[int, ...]
    lines: tuple[Lines, ...]
    charges: Mapping[str, PerPeriod]
    bought: Decimal
    paid: Decimal
    drawn: Decimal
    expired: Decimal
    outstanding: Decimal
    unused_commit: UnusedCommit
    tiers: tuple[TierReach, ...]


@dataclass(frozen=True)
class ConfigTally:
    """The sums and counts of one config version over the whole window.

    `used`, `overage` and `shortfall` are by value_unit_id, `drawn` is by pool_id. `customers` used something.
    `presence` counts customers by (periods with use, periods served) as bit masks, bit k for period k. `plan` is None
    where no price plan makes the bills.
    """

    customers: int
    used: Mapping[str, PerPeriod]
    overage: Mapping[str, PerPeriod]
    shortfall: Mapping[str, PerPeriod]
    drawn: Mapping[str, PerPeriod]
    presence: Mapping[tuple[int, int], int]
    thresholds: tuple[Crossing, ...]
    billed_over_cap: CapCrossing
    cost_over_cap: CapCrossing
    exploration: ExplorationTally
    plan: PlanTally | None = None


@dataclass(frozen=True)
class BillChange:
    """One customer's bill for the whole window under both configs, in USD.

    Their lines are None where no price plan makes either bill.
    """

    customer_id: str
    candidate: Decimal
    baseline: Decimal
    candidate_lines: Lines | None = None
    baseline_lines: Lines | None = None

    @property
    def change(self) -> Decimal:
        """Candidate − baseline, in USD."""
        return self.candidate - self.baseline


@dataclass(frozen=True)
class Impact:
    """The bill changes of all customers; percentiles by nearest rank, None when there is no customer.

    `bins` counts customers by the bin of their change (`bin_of`), without empty bins.
    """

    bins: Mapping[int, int]
    percentiles: Mapping[int, Decimal | None]
    worst: tuple[BillChange, ...]

    @property
    def customers(self) -> int:
        return sum(self.bins.values())

    @property
    def billed_more(self) -> int:
        """The number of customers who pay more under the candidate."""
        return sum(customers for index, customers in self.bins.items() if index > 0)

    @property
    def billed_less(self) -> int:
        """The number of customers who pay less under the candidate."""
        return sum(customers for index, customers in self.bins.items() if index < 0)


@dataclass(frozen=True)
class UnreadableValue:
    """An example of a value that is no number."""

    event_id: str
    ts: datetime
    customer_id: str
    value: str


@dataclass(frozen=True)
class MissingValue:
    """An example of an event that lacks the field that a unit sums."""

    event_id: str
    ts: datetime
    customer_id: str


@dataclass(frozen=True)
class NegativeUse:
    """An example of a customer and period whose sum is below zero."""

    customer_id: str
    period: int
    quantity: Decimal


@dataclass(frozen=True)
class MeterIssues:
    """The issues with the events of one meter: counts, and the three first examples of each.

    `events` are all that a sum matches in the window; those that are `unreadable` or `missing` add 0 to it.
    """

    events: int = 0
    unreadable: int = 0
    unreadable_examples: tuple[UnreadableValue, ...] = ()
    missing: int = 0
    missing_examples: tuple[MissingValue, ...] = ()
    negative: int = 0
    negative_examples: tuple[NegativeUse, ...] = ()

    @property
    def adding_nothing(self) -> int:
        """The events that a sum matches and that have no number to add."""
        return self.unreadable + self.missing


@dataclass(frozen=True)
class Tally:
    """The sums and counts of the whole plan; `baseline` and `impact` are None without a baseline.

    `coverage` says which usage the candidate's units count.
    """

    candidate: ConfigTally
    baseline: ConfigTally | None
    impact: Impact | None
    issues: Mapping[Meter, MeterIssues]
    coverage: Coverage


def nearest_rank(percent: int, count: int) -> int:
    """The 1-based rank of a percentile among `count` ordered values: no interpolation, so it is one of them."""
    return max(1, -(-percent * count // 100))


def bin_of(change: Decimal) -> int:
    """The bin of a bill change in USD: 0 for exactly 0, else 1 plus the number of edges that its size has reached.

    A decrease has the bin of an increase of its size, with a minus.
    """
    size = bisect_right(BIN_EDGES, change.copy_abs()) + 1
    return 0 if not change else size if change > 0 else -size


def first_crossings(hits: Iterable[tuple[str, int]], plan: Plan) -> Crossing:
    """The crossing made of all hits, (customer_id, period index): each customer counts once, in their first period."""
    first: dict[str, int] = {}
    for customer, period in hits:
        first[customer] = min(period, first.get(customer, period))
    counts = Counter(first.values())
    return Crossing(
        by_period=tuple(counts[period.index] for period in plan.periods),
        first=tuple(FirstCrossing(*key) for key in sorted((period, c) for c, period in first.items())[:FIRST]),
    )


def impact_of(candidate: Mapping[str, Decimal], baseline: Mapping[str, Decimal]) -> Impact:
    """The bill changes; a customer of one config only pays nothing under the other."""
    zero = Decimal(0)
    changes = [BillChange(c, candidate.get(c, zero), baseline.get(c, zero)) for c in candidate.keys() | baseline.keys()]
    ordered = sorted(row.change for row in changes)
    return Impact(
        bins=Counter(map(bin_of, ordered)),
        percentiles={p: ordered[nearest_rank(p, len(ordered)) - 1] if ordered else None for p in PERCENTILES},
        worst=tuple(sorted(changes, key=lambda row: (-row.change, row.customer_id))[:WORST]),
    )


def check_magnitude(plan: Plan, used: Mapping[Meter, Decimal]) -> None:
    """Raise OverflowError when amounts could outgrow the 38 digits that columnar engines calculate with.

    `used` is the whole metered quantity per meter. Quantities stay below 10**18 units. In the finest part of a USD that
    the plan needs (cents, or 10**-12 USD) a price stays below 10**18 and all money below 10**24 of them.
    """
    for meter, quantity in used.items():
        if quantity >= QUANTITY_LIMIT:
            raise OverflowError(f"{meter.event_type}: {quantity} units are too many for one simulation")
    periods = len(plan.periods) if plan.pricing_mode == "revenue_proxy_commit" else 0
    for config in plan.configs:
        rates = {unit: max(unit.target_price_per_unit_usd, unit.avg_cost_per_unit_usd) for unit in config.units}
        amount = total(
            rate * (used[unit.meter] + config.included_quantity(unit) * periods) for unit, rate in rates.items()
        )
        for usd, limit in ((max(rates.values()), PRICE_LIMIT), (amount, MONEY_LIMIT)):
            if EXACT.scaleb(usd, plan.money_places) >= limit:
                raise OverflowError(f"{config.config_version_id}: {usd} USD are too much for one simulation")

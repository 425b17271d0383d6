"""The bills of a config with a price plan: one definition for both renderings, from the overage that each draws.

A bill is what a customer pays in one period: the fee, the price of the credits bought, the charges that no credits
covered, and what is missing to the commit (spec 4.2). Everything is exact; the caller's decimal context must be
`simulation.numbers.EXACT`. Only the value of lapsed credits is a quotient, to the 120 digits of that context.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from simulation.numbers import total
from simulation.plan import ConfigPlan, Plan, UnitPlan
from simulation.price_plan import CustomerTerms, Prepaid, PricePlan, UnitPrice
from simulation.tally import (
    CapCrossing,
    Impact,
    Lines,
    PlanTally,
    TierReach,
    UnusedCommit,
    first_crossings,
    impact_of,
)

ZERO = Decimal(0)
Overage = Mapping[str, Decimal]
"""Units beyond the allowance of one customer and period, by value_unit_id; a unit without any may be absent."""


class Credits(NamedTuple):
    """What became of a customer's credits in one period: `drawn`, `expired` with its end, and `left` after it."""

    drawn: Decimal
    expired: Decimal
    left: Decimal


@dataclass(frozen=True)
class Bill:
    """One customer and period. `charges` by value_unit_id and their sum `charged` are before credits; all in USD.

    `bought` are credits, `paid` their price and `expired_value` that of the lapsed ones.
    `missing` is what the bill lacks of the commit, whether or not it is made up by `true_up`.
    """

    overage: Overage
    charges: Mapping[str, Decimal]
    charged: Decimal
    fee: Decimal
    bought: Decimal
    paid: Decimal
    credits: Credits
    expired_value: Decimal
    missing: Decimal
    true_up: Decimal

    @property
    def lines(self) -> Lines:
        """The revenue lines, which sum to the bill."""
        return Lines(
            fees=self.fee,
            overage=self.charged - self.credits.drawn,
            commit_true_up=self.true_up,
            prepaid=self.paid - self.expired_value,
            expired_credits=self.expired_value,
        )

    @property
    def amount(self) -> Decimal:
        """What the customer pays, in USD."""
        return self.fee + self.paid + self.charged - self.credits.drawn + self.true_up


def applied(plan: Plan, config: ConfigPlan) -> PricePlan | None:
    """The price plan by which the config is billed; None without one, and in the modes that stand in for bills."""
    return config.price_plan if plan.pricing_mode == "use_unit_economics" else None


def billed(terms: CustomerTerms, units: Sequence[UnitPlan], overage: Sequence[Overage]) -> list[Bill]:
    """The bills of a customer's periods, from the one of their first event on, from the overage of each."""
    lots: list[Decimal] = []
    bills = []
    for period, beyond in enumerate(overage):
        charges = {unit.value_unit_id: charge(unit, beyond.get(unit.value_unit_id, ZERO), terms) for unit in units}
        charged = total(charges.values())
        lots.append(terms.prepaid.amount_usd if terms.prepaid else ZERO)
        bills.append(_bill(terms, beyond, charges, charged, _draw(lots, terms.prepaid, period, charged)))
    return bills


def charge(unit: UnitPlan, overage: Decimal, terms: CustomerTerms | None) -> Decimal:
    """USD of a unit's overage in one period: by the plan's price, else by the unit's target price."""
    price = None if terms is None else terms.unit_prices.get(unit.value_unit_id)
    return overage * unit.target_price_per_unit_usd if price is None else price.charge(overage)


def _draw(lots: list[Decimal], prepaid: Prepaid | None, period: int, amount: Decimal) -> Credits:
    """Take an amount from the lots, the oldest alive first, and let the one lapse that ends with the period."""
    oldest, drawn, expired = _oldest_alive(prepaid, period), ZERO, ZERO
    for lot in range(oldest, len(lots)):
        taken = min(lots[lot], amount - drawn)
        lots[lot] -= taken
        drawn += taken
    if _oldest_alive(prepaid, period + 1) > oldest:
        expired, lots[oldest] = lots[oldest], ZERO
    return Credits(drawn, expired, total(lots))


def _oldest_alive(prepaid: Prepaid | None, period: int) -> int:
    """The payer period of the oldest lot that may still be drawn."""
    return 0 if prepaid is None or prepaid.periods is None else max(period - prepaid.periods, 0)


def _bill(
    terms: CustomerTerms, overage: Overage, charges: Mapping[str, Decimal], charged: Decimal, credits: Credits
) -> Bill:
    prepaid, fee = terms.prepaid, terms.platform_fee_usd
    paid = prepaid.price_usd if prepaid else ZERO
    missing = max(terms.minimum_commit_usd - (fee + paid + charged - credits.drawn), ZERO)
    return Bill(
        overage=overage,
        charges=charges,
        charged=charged,
        fee=fee,
        bought=prepaid.amount_usd if prepaid else ZERO,
        paid=paid,
        credits=credits,
        expired_value=credits.expired * paid / prepaid.amount_usd if prepaid and credits.expired else ZERO,
        missing=missing,
        true_up=missing if terms.true_up else ZERO,
    )


@dataclass(frozen=True)
class Account:
    """A payer: the index of their first period in the window, and the bill of each period from it on."""

    first: int
    bills: Sequence[Bill]

    @property
    def amount(self) -> Decimal:
        """The whole window's bill, in USD."""
        return total(bill.amount for bill in self.bills)

    @property
    def lines(self) -> Lines:
        """The whole window's revenue lines."""
        return Lines.of(bill.lines for bill in self.bills)

    def by_period(self) -> Iterable[tuple[int, Bill]]:
        """(period index, bill), oldest first."""
        return enumerate(self.bills, self.first)


Accounts = Mapping[str, Account]
"""Payers by customer_id, in its order, so that every sum is made in one order."""


def first_period(plan: Plan, first_event: datetime) -> int:
    """The index of the period from which on a customer is billed; the first one for an event before the window."""
    return next((period.index for period in plan.periods if first_event <= period.end), 0)


def accounts(
    plan: Plan,
    config: ConfigPlan,
    price_plan: PricePlan,
    first_periods: Mapping[str, int],
    overage: Mapping[tuple[str, int], Overage],
) -> Accounts:
    """The accounts of all payers; `first_periods` has each of them, `overage` is by customer and period index."""
    units, count = plan.billed_units(config), len(plan.periods)
    return {
        customer: Account(
            first,
            billed(
                price_plan.terms_of(customer),
                units,
                [overage.get((customer, period), {}) for period in range(first, count)],
            ),
        )
        for customer, first in sorted(first_periods.items())
    }


def plan_tally(plan: Plan, config: ConfigPlan, price_plan: PricePlan, payers: Accounts) -> PlanTally:
    """The sums and counts of all accounts."""
    periods = range(len(plan.periods))
    by_period: list[list[Bill]] = [[] for _ in periods]
    for account in payers.values():
        for index, bill in account.by_period():
            by_period[index].append(bill)
    bills = [bill for period in by_period for bill in period]
    return PlanTally(
        payers=len(payers),
        customer_periods=tuple(map(len, by_period)),
        lines=tuple(Lines.of(bill.lines for bill in period) for period in by_period),
        charges={
            unit.value_unit_id: tuple(total(b.charges[unit.value_unit_id] for b in period) for period in by_period)
            for unit in plan.billed_units(config)
        },
        bought=total(bill.bought for bill in bills),
        paid=total(bill.paid for bill in bills),
        drawn=total(bill.credits.drawn for bill in bills),
        expired=total(bill.credits.expired for bill in bills),
        outstanding=total(account.bills[-1].credits.left for account in payers.values() if account.bills),
        unused_commit=UnusedCommit(
            customers=sum(any(bill.missing for bill in account.bills) for account in payers.values()),
            customer_periods=sum(bill.missing > 0 for bill in bills),
            unused=total(bill.missing for bill in bills),
        ),
        tiers=tuple(_tiers(plan, config, price_plan, payers)),
    )


def _tiers(plan: Plan, config: ConfigPlan, price_plan: PricePlan, payers: Accounts) -> Iterable[TierReach]:
    """The tiers that anybody reached: of the plan's prices, then of those that contracts state."""
    billed_ids = {unit.value_unit_id for unit in plan.billed_units(config)}
    counts, units = Counter[tuple[str, str, int]](), dict[tuple[str, str, int], Decimal]()
    for customer, account in payers.items():
        for owner, price in _prices(price_plan, customer):
            for bill in account.bills:
                for tier, quantity in price.in_tiers(bill.overage.get(price.value_unit_id, ZERO)):
                    key = (owner, price.value_unit_id, tier)
                    counts[key] += 1
                    units[key] = units.get(key, ZERO) + quantity
    for owner, unit_id, tier in sorted(counts):
        if unit_id in billed_ids:
            key = (owner, unit_id, tier)
            price = price_plan.terms_of(owner).unit_prices[unit_id]
            yield TierReach(owner or None, price, tier, counts[key], units[key])


def _prices(price_plan: PricePlan, customer: str) -> Iterable[tuple[str, UnitPrice]]:
    """The prices that hold for a customer, each with whose it is: the customer's, or everybody's (an empty id)."""
    usual = price_plan.usual.unit_prices
    for unit_id, price in price_plan.terms_of(customer).unit_prices.items():
        yield ("" if usual.get(unit_id) == price else customer), price


def over_cap(plan: Plan, config: ConfigPlan, payers: Accounts) -> CapCrossing:
    """The customer-periods whose whole bill is above the monthly spend cap."""
    cap = config.rails.monthly_spend_cap_usd
    amounts = {(c, index): bill.amount for c, account in payers.items() for index, bill in account.by_period()}
    hits = [key for key, amount in amounts.items() if cap is not None and amount > cap]
    crossing = first_crossings(hits, plan)
    return CapCrossing(crossing.by_period, crossing.first, len(hits), largest=max(amounts.values(), default=ZERO))


@dataclass(frozen=True)
class Side:
    """One config of a comparison: each customer's bill of the window in USD, and by a price plan their accounts."""

    bills: Mapping[str, Decimal]
    accounts: Accounts | None = None

    def lines(self, customer_id: str) -> Lines:
        """The lines of a customer's bill; without a price plan all of it is overage."""
        if self.accounts is None:
            return Lines(overage=self.bills.get(customer_id, ZERO))
        account = self.accounts.get(customer_id)
        return Lines() if account is None else account.lines


def bill_impact(candidate: Side, baseline: Side) -> Impact:
    """The bill changes, of the worst twenty with their lines where a price plan makes either bill."""
    impact = impact_of(candidate.bills, baseline.bills)
    if candidate.accounts is None and baseline.accounts is None:
        return impact
    worst = (
        replace(
            row,
            candidate_lines=candidate.lines(row.customer_id),
            baseline_lines=baseline.lines(row.customer_id),
        )
        for row in impact.worst
    )
    return replace(impact, worst=tuple(worst))

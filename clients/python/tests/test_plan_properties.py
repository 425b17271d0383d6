"""Bills and caps by a price plan: whatever the plan, the contract, the use and its order, they are what the price plan
of AVS Brain's simulation comes to.

Runs from AVS Brain's repository, with its simulation beside it.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules.price_plan import normalised
from simulation.numbers import EXACT
from simulation.price_plan import CustomerTerms, price_plan

from avs_brain_client import Client
from brain import Brain
from conftest import NOW, SetClock
from documents import EXPORT, SUBJECT, UNIT, document, pool, rails, unit

BRAIN = Brain()
PERIODS, CUSTOMERS, UNITS = range(3), ("ann", "bob"), (UNIT, EXPORT)
POOLS = {UNIT: ("pool_core", Decimal(4)), EXPORT: ("pool_export", Decimal(0))}
TARGETS = {UNIT: Decimal(1), EXPORT: Decimal(2)}
STEP = Decimal("0.000000000001")
USD = st.decimals(0, 12, places=2)
QUANTITY = st.integers(0, 12) | st.decimals(0, 12, places=3)
TIER = st.fixed_dictionaries({"unit_price_usd": st.integers(0, 4) | USD, "flat_fee_usd": st.integers(0, 6)})


class Use(NamedTuple):
    customer: str
    unit: str
    quantity: int | Decimal
    period: int


def tiered(model: str, widths: Sequence[int], tiers: Sequence[dict[str, Any]], size: int) -> dict[str, Any]:
    if model in ("per_unit", "package"):
        price = {"model": model, "tiers": [{"up_to": None, "unit_price_usd": tiers[0]["unit_price_usd"]}]}
        return {**price, "package_size": size} if model == "package" else price
    ends = [sum(widths[: at + 1]) for at in range(len(widths))]
    return {"model": model, "tiers": [{**tier, "up_to": end} for tier, end in zip(tiers, [*ends, None], strict=False)]}


PRICE = st.builds(
    tiered,
    st.sampled_from(["per_unit", "graduated", "volume", "package"]),
    st.lists(st.integers(1, 5), max_size=3),
    st.lists(TIER, min_size=4, max_size=4),
    st.integers(1, 4),
)
PRICES = st.dictionaries(st.sampled_from(UNITS), PRICE).map(
    lambda prices: [{"value_unit_id": name, **price} for name, price in prices.items()]
)
PREPAID = st.fixed_dictionaries(
    {"amount_usd": USD, "price_usd": USD},
    optional={"expires_after_days": st.sampled_from([1, 29, 30, 59, 60, 90])},
)
CONTRACT: dict[str, st.SearchStrategy[Any]] = {
    "platform_fee_usd": USD,
    "minimum_commit_usd": st.sampled_from([0, 10, 40]),
    "true_up": st.booleans(),
    "prepaid": st.none() | PREPAID,
    "unit_prices": PRICES,
}
OWN = st.fixed_dictionaries(
    {"customer_id": st.just("ann")},
    optional={**CONTRACT, "included_quantity": st.fixed_dictionaries({"pool_core": QUANTITY})},
)
PLANS = st.fixed_dictionaries({"overrides": st.lists(OWN, max_size=1)}, optional=CONTRACT).map(normalised)
USES = st.lists(
    st.builds(Use, st.sampled_from(CUSTOMERS), st.sampled_from(UNITS), QUANTITY, st.sampled_from(PERIODS)), max_size=14
)


class Reckoning:
    """The bills of one customer by the terms that the simulation reads, with credits as its rules say."""

    def __init__(self, plan: Any, customer: str, uses: Sequence[Use]) -> None:
        read = price_plan(plan)
        self.uses = [use for use in uses if use.customer == customer]
        self.terms: CustomerTerms | None = None if read is None else read.terms_of(customer)

    def used(self, name: str, period: int) -> Decimal:
        return sum((Decimal(use.quantity) for use in self.uses if (use.unit, use.period) == (name, period)), Decimal(0))

    def included(self, name: str) -> Decimal:
        pool_id, usual = POOLS[name]
        return usual if self.terms is None else self.terms.included.get(pool_id, usual)

    def charge(self, name: str, used: Decimal) -> Decimal:
        overage = max(used - self.included(name), Decimal(0))
        price = self.terms.unit_prices.get(name) if self.terms else None
        return overage * TARGETS[name] if price is None else price.charge(overage)

    def peak(self, name: str, used: Decimal) -> Decimal:
        """The most that was charged on the way: at the end of a tier, or at the end of the way."""
        price = self.terms.unit_prices.get(name) if self.terms else None
        ends = [tier.up_to for tier in price.tiers if tier.up_to is not None] if price else []
        ways = [self.included(name) + end for end in ends]
        return max(self.charge(name, way) for way in (*(way for way in ways if way < used), used))

    def credits(self, period: int) -> Decimal:
        """What is left of the lots that can be drawn in the period, its own among them."""
        prepaid = self.terms.prepaid if self.terms else None
        if prepaid is None:
            return Decimal(0)
        lots: dict[int, Decimal] = {}
        for past in range(min((use.period for use in self.uses), default=period), period + 1):
            lots[past] = prepaid.amount_usd
            charged = sum((self.charge(name, self.used(name, past)) for name in UNITS), Decimal(0))
            alive = [lot for lot in lots if prepaid.periods is None or past - lot <= prepaid.periods]
            if past == period:
                return sum((lots[lot] for lot in alive), Decimal(0))
            for lot in alive:
                draw = min(lots[lot], charged)
                lots[lot] -= draw
                charged -= draw
        return Decimal(0)

    def whole(self, period: int, charged: Decimal) -> Decimal:
        terms = self.terms
        if terms is None:
            return charged
        paid = terms.platform_fee_usd + (terms.prepaid.price_usd if terms.prepaid else 0)
        before = paid + max(charged - self.credits(period), Decimal(0))
        return max(before, terms.minimum_commit_usd) if terms.true_up else before

    def bill(self, period: int) -> Decimal:
        if self.terms is not None and not any(use.period <= period for use in self.uses):
            return Decimal(0)
        return self.whole(period, sum((self.charge(name, self.used(name, period)) for name in UNITS), Decimal(0)))

    def most(self, name: str, used: Decimal) -> Decimal:
        """The most that the running period comes to on the way to so much use of one unit."""
        period = PERIODS[-1]
        taken = {other: used if other == name else self.used(other, period) for other in UNITS}
        return self.whole(period, sum((self.peak(other, taken[other]) for other in UNITS), Decimal(0)))

    def is_free(self, name: str) -> bool:
        price = self.terms.unit_prices.get(name) if self.terms else None
        return price is not None and not any(tier.unit_price_usd or tier.flat_fee_usd for tier in price.tiers)


def enforcing(plan: Any, cap: int) -> Client:
    """A client at the end of the last period, of a config with this plan."""
    config = document(
        units=[unit(price=1), unit(EXPORT, 2, event_type="export")],
        pools=[pool(included=4), pool("pool_export", 0, value_unit_id=EXPORT)],
        rails=rails(monthly_spend_cap_usd=cap, at_cap_action="block"),
    )
    BRAIN.activate(config if plan is None else {**config, "rating_agility": {"price_plan": plan}})
    client = Client(BRAIN.url, **SUBJECT, mode="manual", clock=SetClock(moment(PERIODS[-1])), period_anchor=NOW)
    client.refresh()
    return client


def moment(period: int) -> Any:
    return NOW + timedelta(days=30 * period + 10)


def recorded(client: Client, uses: Sequence[Use]) -> list[str]:
    """Every use counted; the firings of the spend cap, by customer and period."""
    fired = []
    for use in uses:
        firings = client.record(use.customer, use.unit, use.quantity, at=moment(use.period)).fired
        fired += [f"{use.customer} {firing.period}" for firing in firings if firing.key.startswith("spend_cap")]
    return fired


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(PLANS, USES, st.integers(0, 60))
def test_a_bill_is_what_the_price_plan_of_the_simulation_comes_to(plan: Any, uses: list[Use], cap: int) -> None:
    with closing(enforcing(plan, cap)) as client, localcontext(EXACT):
        fired = recorded(client, uses)
        assert len(fired) == len(set(fired))
        for customer in CUSTOMERS:
            reckoning = Reckoning(plan, customer, uses)
            for period in PERIODS:
                told, bill = client.usage(customer, at=moment(period)), reckoning.bill(period)
                lines = told.bill
                assert told.spend_usd == bill
                assert lines.fees + lines.prepaid + lines.overage + lines.commit_true_up == bill


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(PLANS, USES, st.integers(0, 60), st.sampled_from(CUSTOMERS), st.sampled_from(UNITS))
def test_the_cap_stops_just_before_the_first_quantity_whose_bill_exceeds_it(
    plan: Any, uses: list[Use], cap: int, customer: str, name: str
) -> None:
    with closing(enforcing(plan, cap)) as client, localcontext(EXACT):
        recorded(client, uses)
        reckoning = Reckoning(plan, customer, uses)
        used = reckoning.used(name, PERIODS[-1])

        def is_within(total: Decimal) -> bool:
            return total <= reckoning.included(name) or reckoning.is_free(name) or reckoning.most(name, total) <= cap

        for quantity in (*range(1, 14), STEP, 5 + STEP, 10 - STEP):
            assert client.check(customer, name, quantity).allow == is_within(used + quantity), quantity

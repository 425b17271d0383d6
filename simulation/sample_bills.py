"""The smallest, the median and the largest bill of the last period of a plan's window: what real customers would pay.

One definition, `bills`, over what each customer used; the two renderings of what they used are `sample_bills` here,
from events, and `simulation.engine.sample_bills`, from columns. Only the candidate is billed, in USD, by unit economics
and its price plan (spec 4.2).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext

from simulation.draw import UnitPeriod, draw_down
from simulation.events import Event, deduplicated
from simulation.metering import metered
from simulation.numbers import EXACT, rounded, total
from simulation.plan import ConfigPlan, Meter, Plan, PoolPlan, UnitPlan
from simulation.price_plan import CustomerTerms, Prepaid
from simulation.reference import explores
from simulation.window import Period

LINES = ("fees", "overage", "commit_true_up", "prepaid", "expired_credits")
SAMPLES = 3
ZERO = Decimal(0)


@dataclass(frozen=True)
class SampleUnit:
    """One unit in the period: what was used, given by pools and used beyond them; the charge is before credits."""

    value_unit_id: str
    used: Decimal
    included: Decimal
    overage: Decimal
    charge_usd: Decimal


@dataclass(frozen=True)
class SampleBill:
    """One customer's bill of the period; `lines` are by the names of the revenue lines, and sum to it."""

    customer_id: str
    bill_usd: Decimal
    lines: Mapping[str, Decimal]
    units: tuple[SampleUnit, ...]


@dataclass(frozen=True)
class Use:
    """What the events say: quantities by meter, customer and period, customers' first events and first explorations.

    `first_events` are those of the scope, `beginnings` the first qualifying ones in any segment.
    """

    quantities: Mapping[Meter, Mapping[tuple[str, int], Decimal]]
    first_events: Mapping[str, datetime]
    beginnings: Mapping[str, datetime]


def sample_bills(plan: Plan, events: Iterable[Event]) -> tuple[SampleBill, ...]:
    """The sample from one workspace's events, given in any order, duplicates included."""
    with localcontext(EXACT):
        workspace = [event for event in deduplicated(events) if event.ts <= plan.window.as_of]
        scope = [event for event in workspace if plan.segment in (None, event.segment)]
        rule = plan.candidate.exploration
        qualifying = [e for e in workspace if rule.enabled and e.event_type in rule.qualifying_events]
        quantities = {meter: metered(meter, scope, plan.periods) for meter in plan.meters}
        return sample(plan, Use(quantities, _first(scope), _first(qualifying)))


def _first(events: Iterable[Event]) -> dict[str, datetime]:
    first: dict[str, datetime] = {}
    for event in events:
        first[event.customer_id] = min(event.ts, first.get(event.customer_id, event.ts))
    return first


def sample(plan: Plan, use: Use) -> tuple[SampleBill, ...]:
    """The smallest, median and largest bill, by bill and then customer; fewer where fewer customers are billed."""
    ordered = sorted(bills(plan, use), key=lambda bill: (bill.bill_usd, bill.customer_id))
    if len(ordered) <= SAMPLES:
        return tuple(ordered)
    return (ordered[0], ordered[(len(ordered) - 1) // 2], ordered[-1])


def bills(plan: Plan, use: Use) -> Iterator[SampleBill]:
    """The bill of every customer who is billed in the last period: with a price plan, whoever has had any event."""
    used_by = {customer for amounts in use.quantities.values() for (customer, _), used in amounts.items() if used > 0}
    payers = used_by.union(use.first_events) if plan.candidate.price_plan is not None else used_by
    for customer in sorted(payers):
        yield _bill(plan, use, customer)


def _bill(plan: Plan, use: Use, customer: str) -> SampleBill:
    config = plan.candidate
    terms = None if config.price_plan is None else config.price_plan.terms_of(customer)
    booked = {unit: _booked(plan, use, customer, unit, terms) for unit in plan.billed_units(config)}
    charges = [
        {unit: _charge(unit, periods[period.index].overage, terms) for unit, periods in booked.items()}
        for period in plan.periods
    ]
    lines = dict.fromkeys(LINES, ZERO) | {"overage": total(charges[-1].values())}
    if terms is not None:
        first = _first_period(plan.periods, use.first_events.get(customer))
        lines = _lines(terms, [total(period.values()) for period in charges][first:])
    units = tuple(_unit(unit, periods[-1], charges[-1][unit]) for unit, periods in booked.items())
    return SampleBill(customer, total(lines.values()), lines, units)


def _booked(plan: Plan, use: Use, customer: str, unit: UnitPlan, terms: CustomerTerms | None) -> tuple[UnitPeriod, ...]:
    amounts = use.quantities[unit.meter]
    used = [max(amounts.get((customer, period.index), ZERO), ZERO) for period in plan.periods]
    rule, begun = plan.candidate.exploration, use.beginnings.get(customer)
    grants = [explores(rule, begun, period.start) for period in plan.periods]
    return draw_down(_pools(plan.candidate, unit, terms), used, grants)


def _pools(config: ConfigPlan, unit: UnitPlan, terms: CustomerTerms | None) -> Sequence[PoolPlan]:
    """The unit's pools with the allowances that hold for the customer."""
    included = {} if terms is None else terms.included
    return [
        replace(pool, included_quantity=included.get(pool.pool_id, pool.included_quantity))
        for pool in config.pools_of(unit)
    ]


def _charge(unit: UnitPlan, overage: Decimal, terms: CustomerTerms | None) -> Decimal:
    price = None if terms is None else terms.unit_prices.get(unit.value_unit_id)
    return overage * unit.target_price_per_unit_usd if price is None else price.charge(overage)


def _first_period(periods: Sequence[Period], first_event: datetime | None) -> int:
    """The index of the customer's first payer period; an event before the window pays from its first period on."""
    return next((period.index for period in periods if first_event is None or first_event <= period.end), 0)


def _lines(terms: CustomerTerms, charges: Sequence[Decimal]) -> dict[str, Decimal]:
    """The lines of the last period, whose charges are the last ones; the first are those of the first payer period."""
    lots: list[Decimal] = []
    drawn = lapsed = ZERO
    for at, charge in enumerate(charges):
        lots.append(terms.prepaid.amount_usd if terms.prepaid else ZERO)
        first = _oldest_alive(terms.prepaid, at)
        drawn = ZERO
        for lot in range(first, at + 1):
            taken = min(lots[lot], charge - drawn)
            lots[lot] -= taken
            drawn += taken
        lapsed = lots[first] if _oldest_alive(terms.prepaid, at + 1) > first else ZERO
    return _summed(terms, charges[-1] - drawn, lapsed)


def _oldest_alive(prepaid: Prepaid | None, period: int) -> int:
    """The payer period of the oldest lot that may still be drawn."""
    return 0 if prepaid is None or prepaid.periods is None else max(period - prepaid.periods, 0)


def _summed(terms: CustomerTerms, money: Decimal, lapsed: Decimal) -> dict[str, Decimal]:
    prepaid = terms.prepaid
    price = prepaid.price_usd if prepaid else ZERO
    # Both parts of the price are rounded alike, so that the lines sum to the bill.
    expired = rounded(lapsed * price / prepaid.amount_usd) if prepaid and prepaid.amount_usd else ZERO
    before = terms.platform_fee_usd + price + money
    missing = max(terms.minimum_commit_usd - before, ZERO)
    return {
        "fees": terms.platform_fee_usd,
        "overage": money,
        "commit_true_up": missing if terms.true_up else ZERO,
        "prepaid": price - expired,
        "expired_credits": expired,
    }


def _unit(unit: UnitPlan, booked: UnitPeriod, charge: Decimal) -> SampleUnit:
    return SampleUnit(unit.value_unit_id, booked.used, booked.used - booked.overage, booked.overage, charge)

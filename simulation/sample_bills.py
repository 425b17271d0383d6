"""The smallest, the median and the largest bill of the last period of a plan's window: what real customers would pay.

One definition, `bills`, over what each customer used; the two renderings of what they used are `sample_bills` here,
from events, and `simulation.engine.sample_bills`, from columns. Only the candidate is billed, in USD, by unit economics
and its price plan (spec 4.2).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext

from simulation.billing import billed, charge, first_period
from simulation.draw import UnitPeriod, draw_down
from simulation.events import Event, deduplicated
from simulation.metering import metered
from simulation.numbers import EXACT, rounded, total
from simulation.plan import Meter, Plan, UnitPlan
from simulation.reference import explores, first_events
from simulation.tally import LINE_NAMES, Lines

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
        return sample(plan, Use(quantities, first_events(scope), first_events(qualifying)))


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
    booked = {unit: _booked(plan, use, customer, unit) for unit in plan.billed_units(config)}
    overage = [{u.value_unit_id: periods[p.index].overage for u, periods in booked.items()} for p in plan.periods]
    if config.price_plan is None:
        charges = {unit.value_unit_id: charge(unit, periods[-1].overage, None) for unit, periods in booked.items()}
        lines = Lines(overage=total(charges.values()))
        amount = lines.overage
    else:
        first_event = use.first_events.get(customer)
        first = 0 if first_event is None else first_period(plan, first_event)
        last = billed(config.price_plan.terms_of(customer), tuple(booked), overage[first:])[-1]
        charges, lines, amount = dict(last.charges), last.lines, last.amount
    units = tuple(_unit(unit, periods[-1], charges[unit.value_unit_id]) for unit, periods in booked.items())
    return SampleBill(customer, amount, _whole(lines), units)


def _whole(lines: Lines) -> dict[str, Decimal]:
    """The lines by name; the value of lapsed credits, a quotient, is rounded so that the lines sum to the bill."""
    expired = rounded(lines.expired_credits)
    shown = replace(lines, prepaid=lines.prepaid + lines.expired_credits - expired, expired_credits=expired)
    return {name: getattr(shown, name) for name in LINE_NAMES}


def _booked(plan: Plan, use: Use, customer: str, unit: UnitPlan) -> tuple[UnitPeriod, ...]:
    amounts = use.quantities[unit.meter]
    used = [max(amounts.get((customer, period.index), ZERO), ZERO) for period in plan.periods]
    rule, begun = plan.candidate.exploration, use.beginnings.get(customer)
    grants = [explores(rule, begun, period.start) for period in plan.periods]
    return draw_down(plan.candidate.pools_for(unit, customer), used, grants)


def _unit(unit: UnitPlan, booked: UnitPeriod, charge: Decimal) -> SampleUnit:
    return SampleUnit(unit.value_unit_id, booked.used, booked.used - booked.overage, booked.overage, charge)

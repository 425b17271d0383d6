"""What a period costs a customer: the whole bill by the price plan, or overage alone without one; in USD times SCALE
squared, so that nothing is ever rounded.

Rails go by the most that it came to while use grew: volume prices fall at the next tier, and what was reached once
stays reached. Statements go by what it comes to.
"""

from typing import NamedTuple

from avs_brain_client.account import Account
from avs_brain_client.document import Threshold
from avs_brain_client.numbers import SCALE
from avs_brain_client.periods import Period, numbered
from avs_brain_client.plan import Plan, UnitPlan, first_number
from avs_brain_client.situation import Situation, situation


class Bill(NamedTuple):
    """What a period is billed: the lines add up to `total`. `drawn`: credits that paid for charges instead of money."""

    fee: int = 0
    prepaid: int = 0
    overage: int = 0
    true_up: int = 0
    drawn: int = 0

    @property
    def total(self) -> int:
        return self.fee + self.prepaid + self.overage + self.true_up


class Lot(NamedTuple):
    """Credits that are left of those bought with a period, and the last period in which they can be drawn."""

    left: int
    last: int | None


def bill(plan: Plan, account: Account, period: Period, now_us: int) -> Bill:
    """What the period comes to, reservations included; by a price plan nothing in periods before the first use."""
    charged = _charges(plan, account, period, now_us)
    terms = plan.terms
    if terms is None:
        return Bill(overage=charged)
    if not is_payer(plan, account, period):
        return Bill()
    drawn = min(_credits(plan, account, period, now_us), charged)
    fee, price = terms.platform_fee * SCALE, terms.prepaid.price * SCALE if terms.prepaid else 0
    before = fee + price + charged - drawn
    return Bill(fee, price, charged - drawn, max(terms.at_least - before, 0), drawn)


def is_payer(plan: Plan, account: Account, period: Period) -> bool:
    """Whether the period is billed: by a price plan every one from that of the first use on, used or not."""
    if plan.terms is None:
        return True
    first = first_number(period.calendar, account)
    return first is not None and first <= period.number


def most_billed(found: Situation) -> int:
    """The most that the period came to while use grew, as if the customer had begun to use."""
    plan, account, period, now_us = found.plan, found.account, found.period, found.now_us
    charged = _charges(plan, account, period, now_us, peak=True)
    terms = plan.terms
    if terms is None:
        return charged
    beyond_credits = max(charged - _credits(plan, account, period, now_us), 0)
    return max(terms.beside_overage + beyond_credits, terms.at_least)


def most_of_others(found: Situation) -> int:
    """The most that other units than this one cost beyond credits; less than nothing where credits are left."""
    plan, account, period, now_us = found.plan, found.account, found.period, found.now_us
    charged = _charges(plan, account, period, now_us, peak=True, without=found.unit)
    return charged - (_credits(plan, account, period, now_us) if plan.terms is not None else 0)


def room_within(found: Situation, amount: int, others: int) -> int | None:
    """How much of the unit can be used beyond its allowance before a whole bill exceeds the amount, others costing what
    they do: less than nothing where it does without any, None where it never does.
    """
    terms = found.plan.terms
    beside = 0 if terms is None else terms.beside_overage
    least = 0 if terms is None else max(terms.at_least, beside)
    left = amount - beside - others
    return -1 if left < 0 or least > amount else found.unit.price.room(left)


def share_of_cap(plan: Plan, threshold: Threshold) -> int:
    """What a threshold of the spend cap stands for."""
    return (plan.rails.spend_cap or 0) * SCALE * threshold.hundredths // 10_000


def is_capped(found: Situation) -> bool:
    """Whether what the unit costs is limited by the spend cap."""
    rails = found.plan.rails
    return rails.spend_cap is not None and bool(rails.at_cap_action) and not found.unit.price.is_free


def is_judged_by_spend(found: Situation) -> bool:
    """Whether rails look at what the unit costs: the spend cap, or thresholds of it."""
    return is_capped(found) or (bool(found.plan.of_spend) and not found.unit.price.is_free)


def reached_by_spend(found: Situation) -> tuple[Threshold, ...]:
    """The thresholds of the spend cap that the whole bill has reached; none of what has no price."""
    plan = found.plan
    if not plan.of_spend or found.unit.price.is_free:
        return ()
    most = most_billed(found)
    return tuple(threshold for threshold in plan.of_spend if most >= share_of_cap(plan, threshold))


def _charges(
    plan: Plan, account: Account, period: Period, now_us: int, *, peak: bool = False, without: UnitPlan | None = None
) -> int:
    total = 0
    for unit in plan.priced:
        if unit is not without:
            found = situation(plan, unit, account, period, now_us)
            overage = found.taken - found.allowance
            if overage > 0:
                total += unit.price.peak(overage) if peak else unit.price.charge(overage)
    return total


def _credits(plan: Plan, account: Account, period: Period, now_us: int) -> int:
    """The credits that can be drawn in the period: its own, and what earlier ones left of theirs, each by its terms."""
    if not plan.lineage.sells_credits:
        return 0
    calendar, own = period.calendar, _bought(plan, period.number)
    first = first_number(calendar, account)
    if calendar.accrues_from is not None and first is not None:
        first = max(first, calendar.accrues_from)
    lots: list[Lot] = []
    for past in range(period.number if first is None else first, period.number):
        terms = (plan.lineage.latest or plan).in_period(calendar, past)
        lots = [*_alive(lots, past), *_bought(terms, past)]
        if terms.terms is not None:
            lots = _drawn(lots, _charges(terms, account, numbered(calendar, past), now_us))
    return sum(lot.left for lot in (*_alive(lots, period.number), *own))


def _bought(plan: Plan, number: int) -> list[Lot]:
    prepaid = None if plan.terms is None else plan.terms.prepaid
    if prepaid is None:
        return []
    return [Lot(prepaid.amount * SCALE, None if prepaid.periods is None else number + prepaid.periods)]


def _alive(lots: list[Lot], number: int) -> list[Lot]:
    return [lot for lot in lots if lot.last is None or number <= lot.last]


def _drawn(lots: list[Lot], charged: int) -> list[Lot]:
    """What charges leave of lots, the oldest first."""
    left = []
    for lot in lots:
        draw = min(lot.left, charged)
        charged -= draw
        if lot.left > draw:
            left.append(Lot(lot.left - draw, lot.last))
    return left

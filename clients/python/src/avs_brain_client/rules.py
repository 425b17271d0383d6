"""Every pool and rail of one unit as rules on one number: the customer's use of the unit in the period, scaled.

A rule applies to use beyond `beyond`. So a decision is a comparison, and where the next one differs is known too.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from avs_brain_client.billing import is_capped, is_judged_by_spend, most_of_others, room_within, share_of_cap
from avs_brain_client.document import CUSTOMER_SCOPE, SPEND_SCOPE, Threshold
from avs_brain_client.numbers import SCALE
from avs_brain_client.plan import UnitPlan
from avs_brain_client.situation import Situation, has_reached, reached_at, situation

SEVERITY = {None: 0, "warn": 1, "degrade_quality": 2, "throttle": 3, "require_approval": 4, "block": 5}
REFUSING = ("block", "require_approval")
INCLUDED, OVERAGE, THROTTLED, HARD_STOP = "included", "overage", "overage_throttled", "hard_stop"
THRESHOLD, SPEND_CAP, ABSOLUTE_CAP = "usage_threshold", "spend_cap", "absolute_cap"
CONFIG_STALE, CONFIG_EXPIRED = "config_stale", "config_expired"
ORDER = (
    INCLUDED, OVERAGE, THRESHOLD, THROTTLED, SPEND_CAP, ABSOLUTE_CAP, HARD_STOP, CONFIG_EXPIRED, CONFIG_STALE,
)  # fmt: skip
"""Of rules with equally severe actions the later one gives the reason."""


class Rule(NamedTuple):
    """Applies to use beyond `beyond`; of several the one with the greatest `rank` decides."""

    beyond: int
    rank: tuple[int, int, int]
    action: str | None
    reason_code: str
    percent: Decimal | None = None


class Others(NamedTuple):
    """What a customer's other units have to do with one: what they cost beyond credits, in USD times SCALE squared
    (less than nothing where credits are left), and which thresholds that hold for every unit one of them has reached.
    """

    bill: int
    reached: tuple[Threshold, ...]


NO_OTHERS = Others(0, ())


def others(found: Situation) -> Others:
    """Of the customer's other units, where the rails of this one ask for them."""
    plan = found.plan
    if len(plan.units) == 1 and plan.terms is None:
        return NO_OTHERS
    return Others(
        bill=most_of_others(found) if is_judged_by_spend(found) else 0,
        reached=reached_elsewhere(found) if plan.for_all else (),
    )


def reached_elsewhere(found: Situation) -> tuple[Threshold, ...]:
    """The thresholds that hold for every unit of the customer, and that another unit has reached."""
    plan = found.plan
    rest = [
        situation(plan, unit, found.account, found.period, found.now_us)
        for unit in plan.units.values()
        if unit is not found.unit
    ]
    return tuple(threshold for threshold in plan.for_all if any(has_reached(other, threshold) for other in rest))


def rules(found: Situation, state: str, rest: Others, *, approved: bool) -> list[Rule]:
    """All rules of the situation, in no particular order; `state` is the config's: fresh, stale or expired.
    `approved`: an operator let the customer go on with the unit. They do not depend on what is taken of the unit.
    """
    listed = [_rule(-1, None, INCLUDED), *_overage(found)]
    if state == "expired":
        listed.extend(_expired(found))
    else:
        listed.extend((*_thresholds(found, rest.reached), *_thresholds_of_spend(found, rest.bill)))
        listed.extend((*_spend_cap(found, rest.bill), *_absolute_caps(found)))
    if state != "fresh" and found.plan.document.delivery.stale == "closed":
        listed.append(_rule(-1, "block", CONFIG_STALE))
    if approved:
        return [rule for rule in listed if rule.action != "require_approval"]
    return listed


def pool_in_use(unit: UnitPlan, pools: tuple[int, ...], taken: int) -> str:
    """The pool that gives the next quantity; the last one when all are empty."""
    for pool, quantity in zip(unit.pools, pools, strict=True):
        if taken < quantity:
            return pool.pool_id
        taken -= quantity
    return unit.last_pool.pool_id


def _rule(beyond: int, action: str | None, reason_code: str, threshold: Threshold | None = None) -> Rule:
    rank = SEVERITY[action], ORDER.index(reason_code), threshold.hundredths if threshold else 0
    return Rule(beyond, rank, action, reason_code, threshold.percent if threshold else None)


def _overage(found: Situation) -> Iterator[Rule]:
    """What the last pool says about use beyond the allowance."""
    behavior = found.unit.last_pool.overage_behavior
    if behavior == "hard_stop":
        yield _rule(found.allowance, "block", HARD_STOP)
    elif behavior == "throttle":
        yield _rule(found.allowance, "throttle", THROTTLED)
    else:
        yield _rule(found.allowance, None, OVERAGE)


def _thresholds(found: Situation, elsewhere: tuple[Threshold, ...]) -> Iterator[Rule]:
    """A refusing threshold lets the customer use up to its percentage of the whole allowance, never beyond it. One that
    holds for every unit, and that another unit has reached, applies to any use.
    """
    for threshold in found.plan.rails.thresholds:
        if threshold.scope == CUSTOMER_SCOPE and threshold in elsewhere:
            yield _rule(-1, threshold.action, THRESHOLD, threshold)
        elif threshold.action in REFUSING:
            if found.allowance and threshold.scope != SPEND_SCOPE:
                most = threshold.hundredths * found.allowance // 10_000
                yield _rule(most, threshold.action, THRESHOLD, threshold)
        else:
            reached = reached_at(threshold, found.pools)
            if reached is not None:
                yield _rule(reached - 1, threshold.action, THRESHOLD, threshold)


def _thresholds_of_spend(found: Situation, others_bill: int) -> Iterator[Rule]:
    """Of the spend cap: one that refuses lets the bill come to its percentage, never beyond it. Others hold from there
    on, and for any use of what has a price where the bill comes to it without the unit's.
    """
    if found.unit.price.is_free:
        return
    for threshold in found.plan.of_spend:
        amount = share_of_cap(found.plan, threshold)
        if threshold.action in REFUSING:
            room = room_within(found, amount, others_bill)
            beyond = found.allowance + max(room or 0, 0)
        else:
            room = room_within(found, amount - 1, others_bill)
            beyond = -1 if room is not None and room < 0 else found.allowance + (room or 0)
        if room is not None:
            yield _rule(beyond, threshold.action, THRESHOLD, threshold)


def _spend_cap(found: Situation, others_bill: int) -> Iterator[Rule]:
    """Only what would be billed can exceed the cap; what the customer's other units cost counts too."""
    if not is_capped(found):
        return
    rails = found.plan.rails
    room = room_within(found, (rails.spend_cap or 0) * SCALE, others_bill)
    if room is not None:
        yield _rule(found.allowance + max(room, 0), rails.at_cap_action, SPEND_CAP)


def _absolute_caps(found: Situation) -> Iterator[Rule]:
    for cap in found.unit.absolute_caps:
        yield _rule(cap.most, cap.action, ABSOLUTE_CAP)


def _expired(found: Situation) -> Iterator[Rule]:
    """A rail that fails open lets everything through; one that fails closed refuses whatever it would have judged."""
    rails, fails = found.plan.rails, found.plan.document.delivery.on_expired
    priced = not found.unit.price.is_free
    if rails.spend_cap is not None and priced and fails["monthly_spend_cap_usd"] == "closed":
        yield _rule(found.allowance, "block", CONFIG_EXPIRED)
    judged = found.allowance or (priced and found.plan.of_spend)
    if rails.thresholds and judged and fails["usage_thresholds"] == "closed":
        yield _rule(0, "block", CONFIG_EXPIRED)
    if found.unit.absolute_caps and fails["absolute_usage_caps"] == "closed":
        yield _rule(0, "block", CONFIG_EXPIRED)

"""Every pool and rail of one unit as rules on one number: the customer's use of the unit in the period, scaled.

A rule applies to use beyond `beyond`. So a decision is a comparison, and where the next one differs is known too.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from avs_brain_client.account import Account
from avs_brain_client.document import Threshold
from avs_brain_client.draw import drawn
from avs_brain_client.numbers import SCALE, ceiling
from avs_brain_client.plan import Plan, UnitPlan

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


class Situation(NamedTuple):
    """One customer, unit and period: what each pool has (draw order), their sum, and what is taken already."""

    plan: Plan
    unit: UnitPlan
    account: Account
    period: int
    now_us: int
    pools: tuple[int, ...]
    allowance: int
    taken: int


def situation(plan: Plan, unit: UnitPlan, account: Account, period: int, now_us: int) -> Situation:
    """What rules are made from; `taken` is recorded and reserved use."""
    name = unit.unit.value_unit_id
    pools = plan.available(account, unit, period)
    taken = account.recorded(name, period) + account.held(name, period, now_us)
    return Situation(plan, unit, account, period, now_us, pools, sum(pools), taken)


def rules(found: Situation, state: str) -> list[Rule]:
    """All rules of the situation, in no particular order; `state` is the config's: fresh, stale or expired."""
    listed = [_rule(-1, None, INCLUDED), *_overage(found)]
    if state == "expired":
        listed.extend(_expired(found))
    else:
        listed.extend((*_thresholds(found), *_spend_cap(found), *_absolute_caps(found)))
    if state != "fresh" and found.plan.document.delivery.stale == "closed":
        listed.append(_rule(-1, "block", CONFIG_STALE))
    if f"{found.period}:{found.unit.unit.value_unit_id}" in found.account.approved:
        return [rule for rule in listed if rule.action != "require_approval"]
    return listed


def reached_at(threshold: Threshold, pools: tuple[int, ...]) -> int | None:
    """From which use of the unit on some pool's percentage is reached; None: never.

    A pool without allowance has no percentage; only the last one can be used beyond what it has (spec 4.3).
    """
    before, places = 0, []
    for at, quantity in enumerate(pools):
        wanted = max(ceiling(threshold.hundredths * quantity, 10_000), 1)
        if quantity and (wanted <= quantity or at == len(pools) - 1):
            places.append(before + wanted)
        before += quantity
    return min(places, default=None)


def bill(plan: Plan, account: Account, period: int, now_us: int, *, without: UnitPlan | None = None) -> int:
    """What the period costs the customer, in USD times SCALE squared; reservations included."""
    total = 0
    for unit in plan.priced:
        if unit is not without:
            found = situation(plan, unit, account, period, now_us)
            total += max(found.taken - found.allowance, 0) * unit.unit.price
    return total


def pool_in_use(found: Situation) -> tuple[str, int]:
    """The pool that gives the next quantity (the last one when all are empty), and what all of them still have."""
    draws, _ = drawn(found.pools, found.taken)
    left = [has - given for has, given in zip(found.pools, draws, strict=True)]
    at = next((index for index, quantity in enumerate(left) if quantity), len(left) - 1)
    return found.unit.pools[at].pool_id, sum(left)


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


def _thresholds(found: Situation) -> Iterator[Rule]:
    """A refusing threshold lets the customer use up to its percentage of the whole allowance, never beyond it."""
    for threshold in found.plan.rails.thresholds:
        if threshold.action in REFUSING:
            if found.allowance:
                most = threshold.hundredths * found.allowance // 10_000
                yield _rule(most, threshold.action, THRESHOLD, threshold)
        else:
            reached = reached_at(threshold, found.pools)
            if reached is not None:
                yield _rule(reached - 1, threshold.action, THRESHOLD, threshold)


def _spend_cap(found: Situation) -> Iterator[Rule]:
    """Only what would be billed can exceed the cap; what the customer's other units cost counts too."""
    cap, price, plan = found.plan.rails.spend_cap, found.unit.unit.price, found.plan
    if cap is not None and price and plan.rails.at_cap_action:
        others = bill(plan, found.account, found.period, found.now_us, without=found.unit)
        room = max(cap * SCALE - others, 0) // price
        yield _rule(found.allowance + room, plan.rails.at_cap_action, SPEND_CAP)


def _absolute_caps(found: Situation) -> Iterator[Rule]:
    for cap in found.unit.absolute_caps:
        yield _rule(cap.most, cap.action, ABSOLUTE_CAP)


def _expired(found: Situation) -> Iterator[Rule]:
    """A rail that fails open lets everything through; one that fails closed refuses whatever it would have judged."""
    rails, fails = found.plan.rails, found.plan.document.delivery.on_expired
    if rails.spend_cap is not None and found.unit.unit.price and fails["monthly_spend_cap_usd"] == "closed":
        yield _rule(found.allowance, "block", CONFIG_EXPIRED)
    if rails.thresholds and found.allowance and fails["usage_thresholds"] == "closed":
        yield _rule(0, "block", CONFIG_EXPIRED)
    if found.unit.absolute_caps and fails["absolute_usage_caps"] == "closed":
        yield _rule(0, "block", CONFIG_EXPIRED)

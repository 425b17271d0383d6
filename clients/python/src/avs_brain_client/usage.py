"""What happens to an account: counting, reserving, committing, and what that fires. Pure: account in, account out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from avs_brain_client.account import Account, Hold
from avs_brain_client.decide import Decision, decide
from avs_brain_client.document import Threshold
from avs_brain_client.draw import drawn
from avs_brain_client.numbers import SCALE, unscaled
from avs_brain_client.plan import Plan
from avs_brain_client.rules import Situation, bill, reached_at, situation

EVENT_TYPES: Mapping[str, str] = {
    "warn": "rail_warning_shown",
    "throttle": "rail_throttle_applied",
    "degrade_quality": "rail_throttle_applied",
    "block": "hard_cap_blocked",
}
"""How an action is reported. require_approval is reported when somebody approves (override_approved)."""
GRADUATED = "graduated"
REMEMBERED_PERIODS = 3
"""How long an account knows what it fired; whatever fires again later has the same id and is accepted once."""


@dataclass(frozen=True, slots=True)
class Firing:
    """Something that happens once per customer and period: a threshold or the spend cap reached, a graduation.

    `event_type` None: it is not reported by itself. `context` is what the enforcement event carries.
    """

    key: str
    period: int
    action: str | None
    event_type: str | None
    context: Mapping[str, Any]

    @property
    def mark(self) -> str:
        """Its name in `Account.fired`; a graduation is for ever."""
        return self.key if self.key == GRADUATED else f"{self.period}:{self.key}"


def count(plan: Plan | None, account: Account, counted: Mapping[str, int], period: int, now_us: int) -> "Change":
    """Add scaled quantities by unit; without a plan they are counted all the same and judged later."""
    for value_unit_id, quantity in counted.items():
        account = account.adding(value_unit_id, period, quantity)
    return fire(plan, account, counted, period, now_us)


@dataclass(frozen=True, slots=True)
class Change:
    """An account after something happened to it (None: nothing did), and what that fired."""

    account: Account | None
    firings: tuple[Firing, ...]


def fire(plan: Plan | None, account: Account, units: Iterable[str], period: int, now_us: int) -> Change:
    """Note and return what use of these units in this period has reached for the first time."""
    if plan is None:
        return Change(account, ())
    found = {firing.mark: firing for firing in _reached(plan, account, units, period, now_us)}
    new = tuple(firing for mark, firing in found.items() if mark not in account.fired)
    if not new:
        return Change(account, ())
    oldest = plan.calendar.period(now_us) - REMEMBERED_PERIODS
    kept = {mark for mark in account.fired if mark == GRADUATED or int(mark.partition(":")[0]) >= oldest}
    return Change(account.with_(fired=frozenset(kept | {firing.mark for firing in new})), new)


def reserve(
    plan: Plan | None,
    account: Account,
    reservation_id: str,
    hold: Hold,
    *,
    now_us: int,
    state: str,
    otherwise: Decision,
) -> tuple[Account, Decision]:
    """Set a quantity aside if the decision allows it; `otherwise` decides while there is no plan."""
    account = account.without_lapsed(now_us)
    decision = otherwise
    if plan is not None:
        decision, _, _ = decide(
            plan, account, hold.value_unit_id, hold.quantity, period=hold.period, now_us=now_us, state=state
        )
    return (account.holding(reservation_id, hold) if decision.allow else account), decision


def commit(plan: Plan | None, account: Account, reservation_id: str, hold: Hold, quantity: int, now_us: int) -> Change:
    """Count what the work came to, in the period that it was reserved in, and free the reservation."""
    freed = account.letting_go(reservation_id)
    return count(plan, freed, {hold.value_unit_id: quantity}, hold.period, now_us)


def _reached(plan: Plan, account: Account, names: Iterable[str], period: int, now_us: int) -> Iterator[Firing]:
    recorded = account.with_(holds={})
    for name in names:
        for index in _periods(plan, recorded, name, period, now_us):
            terms = plan.in_period(index)
            unit = terms.units.get(name)
            if unit is not None:
                yield from _of_unit(situation(terms, unit, recorded, index, now_us))


def _periods(plan: Plan, account: Account, value_unit_id: str, period: int, now_us: int) -> range:
    """Where use is carried, a late event changes what later periods had."""
    if not plan.carries(value_unit_id):
        return range(period, period + 1)
    used = account.of_unit(value_unit_id)
    return range(period, max(period, plan.calendar.period(now_us), *used) + 1)


def _of_unit(found: Situation) -> Iterator[Firing]:
    for threshold in found.plan.rails.thresholds:
        reached = reached_at(threshold, found.pools)
        if reached is not None and found.taken >= reached:
            yield _threshold(found, threshold)
    if _over_cap(found):
        yield _spend_cap(found)
    if _graduated(found):
        yield Firing(GRADUATED, found.period, None, "exploration_graduated", _graduation(found))


def _threshold(found: Situation, threshold: Threshold) -> Firing:
    context = {
        "percent": threshold.percent,
        "action": threshold.action,
        "value_unit_id": found.unit.unit.value_unit_id,
        "pool_id": found.unit.last_pool.pool_id,
        "used_quantity": unscaled(found.taken),
        "included_quantity": unscaled(found.allowance),
    }
    return _firing(found, threshold_key(threshold.percent, threshold.action), threshold.action, context)


def threshold_key(percent: object, action: str | None) -> str:
    return f"threshold:{percent}:{action}"


def _over_cap(found: Situation) -> bool:
    cap = found.plan.rails.spend_cap
    return (
        cap is not None
        and bool(found.plan.rails.at_cap_action and found.unit.unit.price)
        and bill(found.plan, found.account, found.period, found.now_us) > cap * SCALE
    )


def _spend_cap(found: Situation) -> Firing:
    rails = found.plan.rails
    context = {
        "monthly_spend_cap_usd": unscaled(rails.spend_cap or 0),
        "action": rails.at_cap_action,
        "value_unit_id": found.unit.unit.value_unit_id,
    }
    return _firing(found, f"spend_cap:{rails.at_cap_action}", rails.at_cap_action, context)


def _firing(found: Situation, key: str, action: str | None, context: Mapping[str, Any]) -> Firing:
    return Firing(key, found.period, action, EVENT_TYPES.get(action or ""), context)


def _graduated(found: Situation) -> bool:
    """In a period after the one they began in they used a unit beyond exploration, from pools meant for that."""
    began = found.plan.began_us(found.account)
    if began is None or not found.plan.exploration.enabled or found.unit.last_pool.is_exploration:
        return False
    draws, _ = drawn(found.pools, found.taken)
    explored = sum(draw for pool, draw in zip(found.unit.pools, draws, strict=True) if pool.is_exploration)
    return found.plan.calendar.start_us(found.period) >= began and found.taken > explored


def _graduation(found: Situation) -> Mapping[str, Any]:
    return {
        "graduation_signal": found.plan.exploration.graduation_signal,
        "value_unit_id": found.unit.unit.value_unit_id,
    }

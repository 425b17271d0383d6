"""What happens to an account: counting, reserving, committing, and what that fires. Pure: account in, account out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from avs_brain_client.account import Account
from avs_brain_client.billing import (
    is_capped,
    most_billed,
    most_of_others,
    reached_by_spend,
    room_within,
    share_of_cap,
)
from avs_brain_client.document import SPEND_SCOPE, Threshold
from avs_brain_client.numbers import SCALE, unscaled
from avs_brain_client.periods import Calendar, Period, numbered
from avs_brain_client.plan import Plan, UnitPlan, by_number
from avs_brain_client.situation import Situation, has_reached, reached_at, situation

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
NEVER = 1 << 200
"""Beyond every use."""


@dataclass(frozen=True, slots=True)
class Firing:
    """Something that happens once per customer and period: a threshold or the spend cap reached, a graduation.

    `period` is the period's number. `event_type` None: it is not reported by itself. `context` is what the enforcement
    event carries.
    """

    key: str
    of: Period
    action: str | None
    event_type: str | None
    context: Mapping[str, Any]

    @property
    def period(self) -> int:
        return self.of.number

    @property
    def mark(self) -> str:
        """Its name in `Account.fired`; a graduation is for ever."""
        return self.key if self.key == GRADUATED else fired_mark(self.of.key, self.key)


@dataclass(frozen=True, slots=True)
class Change:
    """An account after something happened to it (None: nothing did), and what that fired."""

    account: Account | None
    firings: tuple[Firing, ...] = ()


def count(plan: Plan | None, account: Account, counted: Mapping[str, int], period: Period, now_us: int) -> Change:
    """Add scaled quantities by unit; without a plan they are counted all the same and judged later."""
    for value_unit_id, quantity in counted.items():
        account = account.adding(value_unit_id, period.key, quantity)
    return fire(plan, account, counted, period, now_us)


def fire(plan: Plan | None, account: Account, units: Iterable[str], period: Period, now_us: int) -> Change:
    """Note and return what use of these units in this period has reached for the first time."""
    if plan is None:
        return Change(account)
    reached = {firing.mark: firing for firing in _reached(plan, account, units, period, now_us)}
    new = tuple(firing for mark, firing in reached.items() if mark not in account.fired)
    if not new:
        return Change(account)
    oldest = period.calendar.number(now_us) - REMEMBERED_PERIODS
    kept = {mark for mark in account.fired if _is_remembered(mark, period.calendar, oldest)}
    return Change(account.with_(fired=frozenset(kept | {firing.mark for firing in new})), new)


def first_firing(plan: Plan, account: Account, unit: UnitPlan, period: Period, now_us: int) -> int:
    """From which recorded use of the unit in the running period on `fire` may find something new; below it, it would
    not. Of use that changes later periods nothing is known: -NEVER.
    """
    name = unit.unit.value_unit_id
    if plan.carries(name) and any(at > period.number for at in _numbers(plan, account, name, period.calendar)):
        return -NEVER
    terms = plan.in_period(period.calendar, period.number)
    recorded = situation(terms, unit, account.with_(holds={}) if account.holds else account, period, now_us)
    points = [
        reached_at(threshold, recorded.pools)
        for threshold in terms.rails.thresholds
        if not _has_fired(recorded, threshold)
    ]
    points += [_cap_at(recorded), *_spend_at(recorded), _graduation_at(recorded)]
    return min([at for at in points if at is not None], default=NEVER)


def fired_mark(period: str, key: str) -> str:
    """How an account keeps that this fired in a period."""
    return f"{period}:{key}"


def threshold_key(percent: object, action: str | None) -> str:
    return f"threshold:{percent}:{action}"


def spend_cap_key(action: str | None) -> str:
    return f"spend_cap:{action}"


def _is_remembered(mark: str, calendar: Calendar, oldest: int) -> bool:
    number = calendar.number_of(mark.partition(":")[0])
    return number is None or number >= oldest


def _reached(plan: Plan, account: Account, names: Iterable[str], period: Period, now_us: int) -> Iterator[Firing]:
    recorded = account.with_(holds={}) if account.holds else account
    for name in names:
        for index in _periods(plan, recorded, name, period, now_us):
            terms = plan.in_period(period.calendar, index)
            unit = terms.units.get(name)
            if unit is not None:
                at = period if index == period.number else numbered(period.calendar, index)
                yield from _of_unit(situation(terms, unit, recorded, at, now_us))


def _periods(plan: Plan, account: Account, value_unit_id: str, period: Period, now_us: int) -> range:
    """Where use is carried, a late event changes what later periods had."""
    if not plan.carries(value_unit_id):
        return range(period.number, period.number + 1)
    used = _numbers(plan, account, value_unit_id, period.calendar)
    return range(period.number, max(period.number, period.calendar.number(now_us), *used) + 1)


def _numbers(plan: Plan, account: Account, value_unit_id: str, calendar: Calendar) -> Iterable[int]:
    """The periods with use to which use of a unit in an earlier one matters: of any unit, where credits are carried."""
    if not plan.lineage.sells_credits:
        return by_number(calendar, account.of_unit(value_unit_id))
    return {number for periods in account.used.values() for number in by_number(calendar, periods)}


def _of_unit(found: Situation) -> Iterator[Firing]:
    for threshold in found.plan.rails.thresholds:
        if has_reached(found, threshold):
            yield _threshold(found, threshold)
    for threshold in reached_by_spend(found):
        yield _threshold(found, threshold)
    if _over_cap(found):
        yield _spend_cap(found)
    graduates = _graduates_beyond(found)
    if graduates is not None and found.taken > graduates:
        yield Firing(GRADUATED, found.period, None, "exploration_graduated", _graduation(found))


def _threshold(found: Situation, threshold: Threshold) -> Firing:
    context: dict[str, Any] = {
        "percent": threshold.percent,
        "action": threshold.action,
        "value_unit_id": found.unit.unit.value_unit_id,
    }
    if threshold.scope == SPEND_SCOPE:
        context["monthly_spend_cap_usd"] = unscaled(found.plan.rails.spend_cap or 0)
    else:
        context["pool_id"] = found.unit.last_pool.pool_id
        context["used_quantity"] = unscaled(found.taken)
        context["included_quantity"] = unscaled(found.allowance)
    return _firing(found, threshold_key(threshold.percent, threshold.action), threshold.action, context)


def _over_cap(found: Situation) -> bool:
    return is_capped(found) and most_billed(found) > (found.plan.rails.spend_cap or 0) * SCALE


def _cap_at(found: Situation) -> int | None:
    """From which use of the unit on the bill exceeds the cap, unless that was reported; None: never."""
    rails = found.plan.rails
    if not is_capped(found) or fired_mark(found.period.key, spend_cap_key(rails.at_cap_action)) in found.account.fired:
        return None
    return _billed_beyond(found, (rails.spend_cap or 0) * SCALE)


def _spend_at(found: Situation) -> Iterator[int | None]:
    """From which use of the unit on the bill comes to a percentage of the cap, of those that were not reported."""
    if found.unit.price.is_free:
        return
    for threshold in found.plan.of_spend:
        if not _has_fired(found, threshold):
            yield _billed_beyond(found, share_of_cap(found.plan, threshold) - 1)


def _has_fired(found: Situation, threshold: Threshold) -> bool:
    return fired_mark(found.period.key, threshold_key(threshold.percent, threshold.action)) in found.account.fired


def _billed_beyond(found: Situation, amount: int) -> int | None:
    """From which recorded use of the unit on the whole bill exceeds the amount; None: never."""
    room = room_within(found, amount, most_of_others(found))
    if room is None:
        return None
    return -NEVER if room < 0 else found.allowance + room + 1


def _spend_cap(found: Situation) -> Firing:
    rails = found.plan.rails
    context = {
        "monthly_spend_cap_usd": unscaled(rails.spend_cap or 0),
        "action": rails.at_cap_action,
        "value_unit_id": found.unit.unit.value_unit_id,
    }
    return _firing(found, spend_cap_key(rails.at_cap_action), rails.at_cap_action, context)


def _firing(found: Situation, key: str, action: str | None, context: Mapping[str, Any]) -> Firing:
    return Firing(key, found.period, action, EVENT_TYPES.get(action or ""), context)


def _graduates_beyond(found: Situation) -> int | None:
    """They graduate who use more of a unit than exploration gives, in a period after the one they began in, from pools
    meant for that; None: nobody does here.
    """
    began = found.plan.began_us(found.account)
    if began is None or not found.plan.exploration.enabled or found.unit.last_pool.is_exploration:
        return None
    if found.period.start_us < began:
        return None
    return sum(has for pool, has in zip(found.unit.pools, found.pools, strict=True) if pool.is_exploration)


def _graduation_at(found: Situation) -> int | None:
    beyond = None if GRADUATED in found.account.fired else _graduates_beyond(found)
    return None if beyond is None else beyond + 1


def _graduation(found: Situation) -> Mapping[str, Any]:
    return {
        "graduation_signal": found.plan.exploration.graduation_signal,
        "value_unit_id": found.unit.unit.value_unit_id,
    }

"""Counting: every change of an account together with the events it fires, neither without the other."""

import logging
import secrets
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

from avs_brain_client import usage
from avs_brain_client.account import Account, Hold
from avs_brain_client.clock import DAY_US
from avs_brain_client.counters import Ledger, Matter
from avs_brain_client.decide import Decision
from avs_brain_client.errors import CountersUnavailable
from avs_brain_client.events import Outgoing
from avs_brain_client.metering import UsageEvent, adds_nothing, distinct_value, matches
from avs_brain_client.metering import quantity as metered
from avs_brain_client.numbers import unscaled
from avs_brain_client.periods import Calendar
from avs_brain_client.plan import Plan
from avs_brain_client.reporting import Reporter
from avs_brain_client.usage import Change, Firing

log = logging.getLogger("avs_brain_client")

T = TypeVar("T")
REMEMBERED_US = 90 * DAY_US
"""For how long the same event_id is recognised."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a record: `duplicate` when this event_id was counted before (then nothing else happened),
    `counted` quantities by unit, `fired` what was reached for the first time in this period, `adds_nothing` the reason
    by unit, where a unit sums a field that the event lacks or that is no number in it.
    """

    duplicate: bool
    counted: Mapping[str, Decimal]
    fired: tuple[Firing, ...]
    adds_nothing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Quantity set aside, or not: see `decision.allow`. Commit what the work came to, or release it."""

    reservation_id: str
    customer_id: str
    decision: Decision
    hold: Hold


NOTHING = Recorded(True, {}, ())
UNCHANGED = Change(None, ())


class Bookkeeper:
    """Works on one ledger. Any method may raise CountersUnavailable; a call repeated with its event_id counts once."""

    def __init__(self, ledger: Ledger, reporter: Reporter, calendar: Calendar) -> None:
        self._ledger, self._reporter, self._calendar = ledger, reporter, calendar
        self._units_that_lacked: set[str] = set()

    def record(
        self,
        plan: Plan | None,
        customer_id: str,
        value_unit_id: str,
        quantity: int,
        event: str | None,
        at: int,
        now: int,
    ) -> Recorded:
        """Count a scaled quantity at `at`; times in µs."""
        mark = f"e:{value_unit_id}:{event}"
        marks = {} if event is None else {mark: now + REMEMBERED_US}
        period = self._calendar.period(at)
        unit = None if plan is None else plan.in_period(period).units.get(value_unit_id)

        def edit(account: Account, known: frozenset[str]) -> tuple[Change, Recorded]:
            if known:
                return UNCHANGED, NOTHING
            if unit is not None:
                account = account.seeing(unit.unit.meter.event_type, at)
            change = usage.count(plan, account, {value_unit_id: quantity}, period, now)
            return change, Recorded(False, {value_unit_id: unscaled(quantity)}, change.firings)

        return self._update(plan, customer_id, marks, now, edit, ("record", value_unit_id, period))

    def record_event(self, plan: Plan, event: UsageEvent, now: int) -> Recorded:
        """Meter an event by the terms of its period for every unit that it fits, and note it for exploration."""
        period = self._calendar.period(event.at_us)
        units = plan.in_period(period).units
        meters = {name: unit.unit.meter for name, unit in units.items() if matches(unit.unit.meter, event)}
        distinct = {
            name: f"d:{name}:{period}:{value}"
            for name, meter in meters.items()
            if (value := distinct_value(meter, event)) is not None
        }
        lacking = {name: reason for name, meter in meters.items() if (reason := adds_nothing(meter, event)) is not None}
        self._say_once(lacking)
        own = None if event.event_id is None else f"e::{event.event_id}"
        marks = dict.fromkeys([*distinct.values(), *([own] if own else [])], max(now, event.at_us) + REMEMBERED_US)

        def edit(account: Account, known: frozenset[str]) -> tuple[Change, Recorded]:
            if own in known:
                return UNCHANGED, NOTHING
            counted = {name: metered(meter, event) for name, meter in meters.items() if distinct.get(name) not in known}
            seen = account.seeing(event.event_type, event.at_us)
            change = usage.count(plan, seen, counted, period, now)
            quantities = {name: unscaled(n) for name, n in counted.items()}
            return change, Recorded(False, quantities, change.firings, lacking)

        return self._update(plan, event.customer_id, marks, now, edit, ("event", *meters, period))

    def _say_once(self, lacking: Mapping[str, str]) -> None:
        """Log the first event of each unit that adds nothing to it; every one is in its `Recorded`."""
        for value_unit_id, reason in lacking.items():
            if value_unit_id not in self._units_that_lacked:
                self._units_that_lacked.add(value_unit_id)
                log.warning("An event adds nothing to %s: %s.", value_unit_id, reason)

    def reserve(
        self, plan: Plan | None, customer_id: str, hold: Hold, *, now: int, state: str, otherwise: Decision
    ) -> Reservation:
        """Set a quantity aside if it is allowed: one step, so that parallel requests never overshoot."""
        name = secrets.token_hex(12)

        def edit(account: Account, known: frozenset[str]) -> tuple[Change, Decision]:
            after, decision = usage.reserve(plan, account, name, hold, now_us=now, state=state, otherwise=otherwise)
            return Change(after, ()) if decision.allow else UNCHANGED, decision

        course = ("reserve", hold.value_unit_id, hold.period, state)
        return Reservation(name, customer_id, self._update(plan, customer_id, {}, now, edit, course), hold)

    def commit(self, plan: Plan | None, reservation: Reservation, quantity: int, now: int) -> Recorded:
        """Count what the work came to, once, also when the reservation has lapsed meanwhile: the work was done."""
        name, hold = reservation.reservation_id, reservation.hold

        def edit(account: Account, known: frozenset[str]) -> tuple[Change, Recorded]:
            if known:
                return UNCHANGED, NOTHING
            change = usage.commit(plan, account, name, hold, quantity, now)
            return change, Recorded(False, {hold.value_unit_id: unscaled(quantity)}, change.firings)

        marks, course = {f"c:{name}": now + REMEMBERED_US}, ("commit", hold.value_unit_id, hold.period)
        return self._update(plan, reservation.customer_id, marks, now, edit, course, name)

    def release(self, reservation: Reservation, now: int) -> None:
        """Give back what was set aside; a second time, or after the commit, this does nothing."""

        def edit(account: Account, known: frozenset[str]) -> tuple[Change, None]:
            name = reservation.reservation_id
            return Change(account.letting_go(name), ()) if name in account.holds else UNCHANGED, None

        self._update(None, reservation.customer_id, {}, now, edit, ("release",), reservation.reservation_id)

    def approve(self, customer_id: str, value_unit_id: str, now: int) -> None:
        """Let a customer go on with a unit where rails want approval, until the period ends."""
        mark = f"{self._calendar.period(now)}:{value_unit_id}"

        def edit(account: Account, known: frozenset[str]) -> tuple[Change, None]:
            if mark in account.approved:
                return UNCHANGED, None
            return Change(account.with_(approved=account.approved | {mark}), ()), None

        self._update(None, customer_id, {}, now, edit, ("approve",))

    def _update(
        self,
        plan: Plan | None,
        customer_id: str,
        marks: Mapping[str, int],
        now: int,
        edit: Callable[[Account, frozenset[str]], tuple[Change, T]],
        course: Hashable,
        reservation: str = "",
    ) -> T:
        """Events are written down before a count that survives this process, and let go after it."""
        held: dict[str, Outgoing] = {}

        def edited(account: Account, known: frozenset[str]) -> tuple[Account | None, tuple[Change, T]]:
            change, answer = edit(account, known)
            return change.account, (change, answer)

        def events(change: Change) -> Sequence[Outgoing]:
            return self._reporter.events(plan, customer_id, change.firings, now) if plan and change.firings else []

        def hold(outcome: tuple[Change, T]) -> None:
            if self._ledger.survives and (fired := events(outcome[0])):
                self._reporter.hold(fired)
                held.update({event.event_id: event for event in fired})

        matter = Matter(plan, course, reservation, hold)
        try:
            change, answer = self._ledger.update(customer_id, marks, now, edited, matter)
        except CountersUnavailable:
            raise  # whether it was counted is not known yet: what is held is settled later
        except BaseException:
            self._reporter.discard(held.values())
            raise
        fired = events(change)
        self._reporter.release(fired)
        self._reporter.discard(event for name, event in held.items() if name not in {e.event_id for e in fired})
        return answer

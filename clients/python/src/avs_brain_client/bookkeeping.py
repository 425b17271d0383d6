"""Counting: every change of an account together with the events it fires, neither without the other."""

from __future__ import annotations  # those of functions within functions would cost more at each call than the call

import logging
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict
from typing import TypeVar

from avs_brain_client import usage
from avs_brain_client.account import Account, Hold
from avs_brain_client.counters import Ledger, Matter
from avs_brain_client.counters.steady import SteadyLedger
from avs_brain_client.decide import Decision, outside_config
from avs_brain_client.errors import CountersUnavailable
from avs_brain_client.events import Outgoing
from avs_brain_client.keeping import Keeper, Keeping
from avs_brain_client.metering import UsageEvent, adds_nothing, distinct_value, matches
from avs_brain_client.metering import quantity as metered
from avs_brain_client.names import fresh_name
from avs_brain_client.periods import Period, PeriodSetting, mark_of, period_at, period_of
from avs_brain_client.plan import Force, Plan
from avs_brain_client.records import NO_REASONS, Recorded, Reservation, not_counted_yet
from avs_brain_client.reporting import Reporter
from avs_brain_client.standing import counted, stand
from avs_brain_client.unavailable import uncounted
from avs_brain_client.usage import Firing

log = logging.getLogger("avs_brain_client")

T = TypeVar("T")
_new = tuple.__new__
_NO_MARKS: Mapping[str, int] = {}


Edited = tuple[Account | None, tuple[T, Sequence[Firing]]]
"""The account as it shall be (None: as it is, and nothing is written), what the caller is told, and what fired."""
DUPLICATE: tuple[Recorded, Sequence[Firing]] = Recorded(True, {}), ()


class Bookkeeper:
    """Works on one ledger. Any method may raise CountersUnavailable; a call repeated with its event_id counts once.

    `keeper` keeps what cannot be counted, where the ledger may fail. `again` is the attempt of what it kept.
    `setting` cuts periods while there is no document; `remembered_us`: for how long an event_id, a commit and a
    distinct value are recognised.
    """

    def __init__(
        self,
        ledger: Ledger,
        reporter: Reporter,
        setting: PeriodSetting,
        remembered_us: int,
        keeper: Keeper | None = None,
    ) -> None:
        self._reporter, self._remembered_us, self._keeper = reporter, remembered_us, keeper
        self._ledger = ledger if keeper is None else keeper.ledger
        self._own, self._key_of_numbered = setting.calendars(None), setting.key_of_numbered
        self._units_that_lacked: set[str] = set()

    def record(
        self,
        force: Force,
        customer_id: str,
        value_unit_id: str,
        quantity: int,
        event: str | None,
        at: int,
        now: int,
        again: str = "",
    ) -> Recorded:
        """Count a scaled quantity at `at`; times in µs."""
        marks = _NO_MARKS if event is None else {f"e:{value_unit_id}:{event}": now + self._remembered_us}
        plan = force.plan

        def edit(account: Account, known: frozenset[str]) -> Edited[Recorded]:
            if account.numbered:
                account = self.keyed(account)
            if known:
                return None, DUPLICATE
            standing = None
            if plan is not None:
                standing = stand(force, plan, account, customer_id, value_unit_id, now)
            recorded = _new(Recorded, (False, {value_unit_id: quantity}, (), NO_REASONS, False))
            if standing is not None:
                frame = standing.frame
                used = standing.used + quantity
                if used < frame.fires_at and frame.start_us < at <= frame.end_us and frame.started_us <= at:
                    return counted(account, standing, used, standing.held, account.holds), (recorded, ())
            period = self.period(plan, account, customer_id, at)
            unit = None if plan is None else plan.in_period(period.calendar, period.number).units.get(value_unit_id)
            if unit is not None:
                account = account.seeing(unit.unit.meter.event_type, at)
            change = usage.count(
                _of(plan, customer_id), account.using_since(at), {value_unit_id: quantity}, period, now
            )
            return change.account, (recorded._replace(fired=change.firings), change.firings)

        course: Hashable = None
        if self._ledger.survives:
            snapshot = self._ledger.snapshots.get(customer_id, self._ledger.newcomer)
            course = "record", value_unit_id, self.period(plan, snapshot, customer_id, at).key

        def keeping() -> Keeping:
            return Keeping("record", {"of": [customer_id, value_unit_id, str(quantity), event, at]})

        return self._update(force, customer_id, marks, now, edit, course, keeping=keeping, again=again)

    def record_event(self, force: Force, plan: Plan, event: UsageEvent, now: int, again: str = "") -> Recorded:
        """Meter an event by the terms of its period for every unit that it fits, and note it for exploration."""
        period = self._period_of(plan, event)
        units = plan.in_period(period.calendar, period.number).units
        meters = {name: unit.unit.meter for name, unit in units.items() if matches(unit.unit.meter, event)}
        distinct = {
            name: f"d:{name}:{mark_of(period)}:{value}"
            for name, meter in meters.items()
            if (value := distinct_value(meter, event)) is not None
        }
        lacking = {name: reason for name, meter in meters.items() if (reason := adds_nothing(meter, event)) is not None}
        self._say_once(lacking)
        own = None if event.event_id is None else f"e::{event.event_id}"
        until_us = max(now, event.at_us) + self._remembered_us
        marks = dict.fromkeys([*distinct.values(), *([own] if own else [])], until_us)

        def edit(account: Account, known: frozenset[str]) -> Edited[Recorded]:
            if account.numbered:
                account = self.keyed(account)
            if own in known:
                return None, DUPLICATE
            quantities = {
                name: metered(meter, event) for name, meter in meters.items() if distinct.get(name) not in known
            }
            account = account.seeing(event.event_type, event.at_us)
            if quantities:
                account = account.using_since(event.at_us)
            change = usage.count(_of(plan, event.customer_id), account, quantities, period, now)
            return change.account, (Recorded(False, quantities, change.firings, lacking), change.firings)

        def keeping() -> Keeping:
            return Keeping("event", {"of": asdict(event)})

        course = "event", *meters, period.key
        return self._update(force, event.customer_id, marks, now, edit, course, keeping=keeping, again=again)

    def reserve(
        self,
        force: Force,
        customer_id: str,
        value_unit_id: str,
        quantity: int,
        until: int,
        now: int,
        otherwise: Decision,
    ) -> Reservation:
        """Set a scaled quantity aside until a moment if it is allowed: one step, so that parallel requests never
        overshoot. `otherwise` decides while there is no plan. What is refused changes nothing.
        """
        name, plan = fresh_name(), force.plan

        def edit(account: Account, known: frozenset[str]) -> Edited[Reservation]:
            if account.numbered:
                account = self.keyed(account)
            standing = None if plan is None else stand(force, plan, account, customer_id, value_unit_id, now)
            if standing is not None:
                decision = standing.decision(quantity)
                hold = _new(Hold, (value_unit_id, standing.frame.key, quantity, until))
            else:
                decision = otherwise if plan is None else outside_config(plan)
                hold = Hold(value_unit_id, self.period(plan, account, customer_id, now).key, quantity, until)
            made = _new(Reservation, (name, customer_id, decision, hold))
            if not decision.allow:
                return None, (made, ())
            if standing is not None and account.since_us is not None and now < until:
                holds = {**account.holds, name: hold}
                return counted(account, standing, standing.used, standing.held + quantity, holds, until), (made, ())
            return account.without_lapsed(now).using_since(now).holding(name, hold), (made, ())

        try:
            return self._update(force, customer_id, _NO_MARKS, now, edit, ("reserve", value_unit_id))
        except CountersUnavailable:
            if self._keeper is None:
                raise
            return self._reserved_uncounted(self._keeper.ledger, force, customer_id, value_unit_id, edit)

    def commit(self, force: Force, reservation: Reservation, quantity: int, now: int, again: str = "") -> Recorded:
        """Count what the work came to, once, also when the reservation has lapsed meanwhile: the work was done."""
        name, customer_id, _, hold = reservation
        value_unit_id, key, held, _ = hold
        plan = force.plan

        def edit(account: Account, known: frozenset[str]) -> Edited[Recorded]:
            if account.numbered:
                account = self.keyed(account)
            if known:
                return None, DUPLICATE
            recorded = _new(Recorded, (False, {value_unit_id: quantity}, (), NO_REASONS, False))
            standing = None
            if plan is not None and name in account.holds:
                standing = stand(force, plan, account, customer_id, value_unit_id, now)
            if standing is not None and standing.frame.key == key:
                used = standing.used + quantity
                if used < standing.frame.fires_at and account.holds[name].until_us > now:
                    holds = dict(account.holds)
                    del holds[name]
                    return counted(account, standing, used, standing.held - held, holds), (recorded, ())
            period = self.period_named(plan, account, customer_id, key, now)
            freed = account.letting_go(name).using_since(now)
            if period is None:  # of a calendar that the document no longer goes by: nothing of it can fire
                return freed.adding(value_unit_id, key, quantity), (recorded, ())
            change = usage.count(_of(plan, customer_id), freed, {value_unit_id: quantity}, period, now)
            return change.account, (recorded._replace(fired=change.firings), change.firings)

        marks = {f"c:{name}": now + self._remembered_us}

        def keeping() -> Keeping:
            return Keeping("commit", {"of": [name, customer_id, value_unit_id, key, str(held), str(quantity)]})

        course = "commit", value_unit_id, key
        return self._update(force, customer_id, marks, now, edit, course, name, keeping, again)

    def release(self, reservation: Reservation, now: int, again: str = "") -> None:
        """Give back what was set aside; a second time, or after the commit, this does nothing."""

        def edit(account: Account, known: frozenset[str]) -> Edited[None]:
            if account.numbered:
                account = self.keyed(account)
            after = account.letting_go(reservation.reservation_id)
            return None if after is account else after, (None, ())

        def keeping() -> Keeping:
            name, customer_id, _, (unit, key, quantity, _) = reservation
            return Keeping("release", {"of": [name, customer_id, unit, key, str(quantity)]})

        name = reservation.reservation_id
        self._update(None, reservation.customer_id, _NO_MARKS, now, edit, ("release",), name, keeping, again)

    def approve(self, plan: Plan | None, customer_id: str, value_unit_id: str, now: int, again: str = "") -> None:
        """Let a customer go on with a unit where rails want approval, until the period ends."""

        def edit(account: Account, known: frozenset[str]) -> Edited[None]:
            if account.numbered:
                account = self.keyed(account)
            mark = f"{self.period(plan, account, customer_id, now).key}:{value_unit_id}"
            if mark in account.approved:
                return None, (None, ())
            return account.with_(approved=account.approved | {mark}), (None, ())

        def keeping() -> Keeping:
            return Keeping("approve", {"of": [customer_id, value_unit_id, now]})

        self._update(None, customer_id, _NO_MARKS, now, edit, ("approve",), keeping=keeping, again=again)

    def account(self, customer_id: str) -> Account:
        """As it is now, every period by its key."""
        return self.keyed(self._ledger.read(customer_id))

    def glance(self, customer_id: str) -> Account:
        """As it is now or was a moment ago, every period by its key."""
        return self.keyed(self._ledger.glance(customer_id))

    def keyed(self, account: Account) -> Account:
        """The account, with keys for periods that an earlier version of this library knew by their number."""
        return account.renamed(self._key_of_numbered) if account.numbered else account

    def period(self, plan: Plan | None, account: Account, customer_id: str, at: int) -> Period:
        """The customer's period at a moment, by what is in force or, without a document, by the client's setting."""
        calendars = self._own if plan is None else plan.calendars
        return period_at(calendars.of(customer_id, account.since_us, at), at)

    def period_named(self, plan: Plan | None, account: Account, customer_id: str, key: str, now: int) -> Period | None:
        """The customer's period with this key; None for a key of a calendar that is no longer gone by."""
        calendars = self._own if plan is None else plan.calendars
        return period_of(calendars.of(customer_id, account.since_us, now), key)

    def _period_of(self, plan: Plan, event: UsageEvent) -> Period:
        """The account is read only where the customer's own day may follow from it."""
        newcomer = self._ledger.newcomer
        account = newcomer if plan.calendars.common is not None else self.account(event.customer_id)
        return self.period(plan, account, event.customer_id, event.at_us)

    def _say_once(self, lacking: Mapping[str, str]) -> None:
        """Log the first event of each unit that adds nothing to it; every one is in its `Recorded`."""
        for value_unit_id, reason in lacking.items():
            if value_unit_id not in self._units_that_lacked:
                self._units_that_lacked.add(value_unit_id)
                log.warning("An event adds nothing to %s: %s.", value_unit_id, reason)

    def _update(
        self,
        force: Force | None,
        customer_id: str,
        marks: Mapping[str, int],
        now: int,
        edit: Callable[[Account, frozenset[str]], Edited[T]],
        course: Hashable,
        reservation: str = "",
        keeping: Callable[[], Keeping] | None = None,
        again: str = "",
    ) -> T:
        """Events are written down before a count that survives this process, and let go after it. What cannot be
        counted is kept as `keeping` says.
        """
        if not self._ledger.survives:
            return self._counted_here(force, customer_id, marks, now, edit)
        held: dict[str, Outgoing] = {}

        def hold(outcome: tuple[T, Sequence[Firing]]) -> None:
            if outcome[1] and self._ledger.survives:
                events = self._events(force, customer_id, outcome[1], now)
                self._reporter.hold(events)
                held.update({event.event_id: event for event in events})

        matter = Matter(force, course, reservation, hold, again)
        keeper = self._keeper
        update = keeper.ledger.update_now if keeper is not None and again else self._ledger.update
        try:
            answer, firings = update(customer_id, marks, now, edit, matter)
        except CountersUnavailable as problem:  # whether it was counted is not known: what is held is settled later
            if keeper is None or keeping is None or again:
                raise
            try:
                if not keeper.answers_again():
                    raise
                matter = matter._replace(attempt=problem.attempt)
                answer, firings = update(customer_id, marks, now, edit, matter)
            except CountersUnavailable as lasting:
                lasting.attempt = lasting.attempt or problem.attempt
                answer, _ = keeper.keep(lasting, customer_id, marks, edit, keeping())
                return not_counted_yet(answer)
        except BaseException:
            self._reporter.discard(held.values())
            raise
        if firings or held:
            events = self._events(force, customer_id, firings, now)
            self._reporter.release(events)
            names = {event.event_id for event in events}
            self._reporter.discard(event for name, event in held.items() if name not in names)
        return answer

    def _counted_here(
        self,
        force: Force | None,
        customer_id: str,
        marks: Mapping[str, int],
        now: int,
        edit: Callable[[Account, frozenset[str]], Edited[T]],
    ) -> T:
        """In this process only: a count that dies with it has no use for events written down before."""
        answer, firings = self._ledger.update(customer_id, marks, now, edit)
        if firings:
            self._reporter.release(self._events(force, customer_id, firings, now))
        return answer

    def _reserved_uncounted(
        self,
        ledger: SteadyLedger,
        force: Force,
        customer_id: str,
        value_unit_id: str,
        edit: Callable[[Account, frozenset[str]], Edited[Reservation]],
    ) -> Reservation:
        """By what was seen last, for as long as it may be used; then as each rail says."""
        if ledger.snapshot(customer_id) is not None:
            return ledger.keep(customer_id, _NO_MARKS, edit)[0]
        _, (made, _) = edit(ledger.newcomer, frozenset())
        decision = None if force.plan is None else uncounted(force, force.plan, value_unit_id, made.hold.period)
        return made if decision is None else made._replace(decision=decision)

    def _events(self, force: Force | None, customer_id: str, firings: Sequence[Firing], now: int) -> Sequence[Outgoing]:
        if force is None or force.plan is None:
            return ()
        return self._reporter.events(force.plan, customer_id, firings, now)


def _of(plan: Plan | None, customer_id: str) -> Plan | None:
    """The plan of a customer, by whose contract it may be."""
    return None if plan is None else plan.of(customer_id)

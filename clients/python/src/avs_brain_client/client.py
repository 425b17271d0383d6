"""The client: what an app calls. Deciding and counting happen in this process; the network is other threads' work."""

import logging
import os
import sqlite3
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from avs_brain_client.account import Account
from avs_brain_client.background import Background
from avs_brain_client.bookkeeping import Bookkeeper, Recorded, Reservation
from avs_brain_client.brain import Brain
from avs_brain_client.cache import DiskCache
from avs_brain_client.clock import SECOND_US, Clock, microseconds
from avs_brain_client.config import ConfigHolder
from avs_brain_client.counters import CounterStore, MemoryCounters
from avs_brain_client.decide import Decision, outside_config
from avs_brain_client.decide import without_config as without_config_decision
from avs_brain_client.deliver import Sender
from avs_brain_client.document import Document, Subject
from avs_brain_client.errors import CountersUnavailable, NeverLoaded, Unreachable
from avs_brain_client.events import EventQueue
from avs_brain_client.follow import LONGEST_BACKOFF_SECONDS, Follower
from avs_brain_client.metering import usage_event
from avs_brain_client.numbers import LIMIT, SCALE, Quantity, used
from avs_brain_client.paths import cache_path, queue_path, secure
from avs_brain_client.periods import ANCHOR, CustomerDay, PeriodSetting
from avs_brain_client.plan import Force, Plan
from avs_brain_client.published import Published, is_http, source_of
from avs_brain_client.reading import period_anchor as read_anchor
from avs_brain_client.reporting import Reporter
from avs_brain_client.standing import stand
from avs_brain_client.statement import Statement, statement

log = logging.getLogger("avs_brain_client")

FRESH_SECONDS = {"poll": 2.5, "longpoll": 75.0, "stream": 60.0, "manual": 60.0}
"""For how long a confirmed config counts as fresh; of "poll" in multiples of its interval."""
MOST_PAUSE = 30.0
"""Seconds between two looks at what is published while AVS Brain does not answer."""
RESERVED_SECONDS = 600
REMEMBERED = timedelta(days=90)
"""For how long the same event_id is recognised unless a client is told otherwise."""
NUMBERED_EVENTS = True
"""Whether enforcement events carry client_id and sequence unless a client is told otherwise."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the client is doing. `state` is fresh, stale, expired or never_loaded; `problem` is what went wrong last.

    `config_version_id` and `sequence` are of the config that was delivered last, which may let the running period go on
    by the terms before it.
    """

    state: str
    config_version_id: str | None
    sequence: int | None
    age_seconds: float | None
    problem: str | None
    events_waiting: int
    events_refused: int


class Client:
    """Enforces the active config of one subject.

    `base_url` is AVS Brain; `published` is where it publishes (an https address, a file:// URL or a folder), which is
    polled while AVS Brain does not answer, or always when there is no `base_url`; events keep waiting then.
    `directory` keeps the last-known-good config and the event queue; without it both live in memory only.
    `mode`: stream, longpoll, poll (every `poll_seconds`) or manual (`refresh` asks, `flush` sends).
    `keys`: the JSON Web Key Set to trust and no other; without it the keys that the server publishes, which needs https
    or a server on this machine.
    `without_config`: whether to allow ("open") or refuse ("closed") before the first config.
    `period_anchor`: how periods are cut where the document does not say: 30 days from a moment on, or the document's
    member as a mapping. `customer_day`: the day of the month on which a customer's own periods begin, by customer_id;
    None: the day of their first use.
    `accrues_from`: from when every customer's unused allowance rolls over; None: from their own first use.
    `remember_operations`: for how long an event_id, a commit and a distinct value are recognised as counted.
    `numbered_events`: whether events carry client_id and sequence.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        published: str | os.PathLike[str] | None = None,
        workspace_id: str,
        segment: str,
        stage: str,
        target_environment: str = "production",
        directory: str | os.PathLike[str] | None = None,
        counters: CounterStore | None = None,
        mode: str = "stream",
        poll_seconds: float = 30,
        keys: Mapping[str, Any] | None = None,
        token: str | None = None,
        without_config: str = "open",
        period_anchor: datetime | Mapping[str, Any] = ANCHOR,
        customer_day: CustomerDay | None = None,
        accrues_from: datetime | None = None,
        remember_operations: timedelta = REMEMBERED,
        numbered_events: bool = NUMBERED_EVENTS,
        flush_seconds: float = 5,
        clock: Clock | None = None,
    ) -> None:
        _refuse_unknown(mode, without_config)
        location = None if published is None else os.fspath(published)
        if keys is None:
            _refuse_untrusted(base_url, location)
        subject = self._subject = Subject(workspace_id, segment, stage, target_environment)
        folder = None if directory is None else Path(directory)
        cache = None if folder is None else DiskCache(cache_path(folder, subject))
        if base_url is None and mode != "manual":
            mode = "poll"
        fresh_seconds, longest_pause = _pace(mode, poll_seconds, base_url is not None and location is not None)
        namespace = f"{workspace_id}/{target_environment}"
        self._clock = clock or Clock()
        self._monotonic_ns = self._clock.monotonic_ns
        anchor = period_anchor if isinstance(period_anchor, datetime) else read_anchor(period_anchor)
        setting = PeriodSetting(anchor, accrues_from, customer_day)
        self._brain = None if base_url is None else Brain(base_url, token)
        self._source = source_of(self._brain, None if location is None else Published(location))
        self._config = ConfigHolder(
            subject, setting, self._source, cache, pinned=keys, fresh_seconds=fresh_seconds, clock=self._clock
        )
        self._store = counters or MemoryCounters()
        self._ledger = self._store.ledger(namespace)
        self._snapshots, self._newcomer = self._ledger.snapshots, self._ledger.newcomer
        self._queue = _queue(folder, subject)
        self._reporter = Reporter(self._queue, subject, namespace)
        self._books = Bookkeeper(self._ledger, self._reporter, setting, _microseconds_of(remember_operations))
        self._sender = Sender(self._queue, self._brain, numbered=numbered_events)
        self._unloaded = without_config_decision(without_config == "open")
        self._follower = Follower(self._source, self._config, subject, mode, poll_seconds, longest_pause)
        followed = None if mode == "manual" else self._follower
        self._background = Background(followed, self._config.current, self.flush, flush_seconds)
        self._config.load()

    def start(self) -> "Client":
        """Follow the config and send events in the background; returns at once."""
        self._background.start()
        return self

    def wait_until_loaded(self, timeout_seconds: float | None = None) -> bool:
        """Wait for the first config, from disk or from AVS Brain; whether it came in time."""
        return self._config.loaded.wait(timeout_seconds)

    def check(self, customer_id: str, value_unit_id: str, quantity: Quantity = 1) -> Decision:
        """What to do about this quantity: decided here and now, from memory, without counting anything.

        ValueError for a quantity that is a float or negative; nothing else is ever raised.
        """
        standing = self._snapshots.get(customer_id, self._newcomer).standings.get(value_unit_id)
        if (
            standing is not None
            and standing.frame.force is self._config.force
            and quantity.__class__ is int
            and 0 <= quantity < LIMIT
            and self._monotonic_ns() < standing.until_ns
        ):
            total = standing.taken + quantity * SCALE
            at = bisect_left(standing.frame.beyond, total) - 1
            decision: Decision | None = standing.decisions[at]
            if decision is not None:
                return decision
            decision = standing.decide(at)
            if decision.action != "block":  # a refusal is reported
                return decision
        return self._look(customer_id, value_unit_id, quantity)

    def record(
        self,
        customer_id: str,
        value_unit_id: str,
        quantity: Quantity = 1,
        *,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> Recorded:
        """Count use that happened, whatever the rails say about it. The same event_id counts once per unit."""
        now = self._clock.wall_us()
        amount = quantity * SCALE if quantity.__class__ is int and 0 <= quantity < LIMIT else used(quantity, "quantity")
        moment = now if at is None else microseconds(at)
        force = self._config.at(now, self._monotonic_ns())
        return self._books.record(force, customer_id, value_unit_id, amount, event_id, moment, now)

    def record_event(self, event: Mapping[str, Any]) -> Recorded:
        """Count a usage event for every unit whose event_mapping it fits; exploration notes it too.

        The event has event_type, customer_id, its dimensions, and event_id and ts where there are any. Raises
        NeverLoaded without a config: nothing says what the event counts for.
        """
        now, force = self._clock.wall_us(), self._config.current()
        plan = force.plan
        if plan is None:
            raise NeverLoaded("There is no config yet that says what this event counts for.")
        return self._books.record_event(force, plan, usage_event(event, self._subject, now), now)

    def reserve(
        self, customer_id: str, value_unit_id: str, quantity: Quantity = 1, *, seconds: float = RESERVED_SECONDS
    ) -> Reservation:
        """Set a quantity aside for work whose cost is known afterwards; `decision.allow` says whether it may begin.

        Reserve the most that it can come to, then `commit` what it did. What nobody commits lapses after `seconds`.
        """
        now = self._clock.wall_us()
        amount = quantity * SCALE if quantity.__class__ is int and 0 <= quantity < LIMIT else used(quantity, "quantity")
        force, until = self._config.at(now, self._monotonic_ns()), now + int(seconds * SECOND_US)
        made = self._books.reserve(force, customer_id, value_unit_id, amount, until, now, self._unloaded)
        if made.decision.action == "block":
            self._refused(force, customer_id, value_unit_id, amount, made.decision, now)
        return made

    def commit(self, reservation: Reservation, quantity: Quantity | None = None) -> Recorded:
        """Count what the reserved work came to (all of it when not said), once."""
        amount = reservation.hold.quantity if quantity is None else used(quantity, "quantity")
        now = self._clock.wall_us()
        return self._books.commit(self._config.at(now, self._monotonic_ns()), reservation, amount, now)

    def release(self, reservation: Reservation) -> None:
        """The work was not done: give back what was set aside."""
        self._books.release(reservation, self._clock.wall_us())

    def approve(self, customer_id: str, value_unit_id: str, *, approved_by: str) -> None:
        """Let a customer go on where rails ask for approval, until the period ends; reported as override_approved."""
        now = self._clock.wall_us()
        self._books.approve(self._plan(), customer_id, value_unit_id, now)
        self._say(customer_id, "override_approved", {"value_unit_id": value_unit_id, "approved_by": approved_by}, now)

    def quality_failed(self, customer_id: str, value_unit_id: str, signal_id: str, value: Quantity) -> None:
        """Report that a quality signal said no (quality_proxy_failed); it changes no decision."""
        context = {"value_unit_id": value_unit_id, "signal_id": signal_id, "value": value}
        self._say(customer_id, "quality_proxy_failed", context, self._clock.wall_us())

    def usage(self, customer_id: str, *, at: datetime | None = None) -> Statement:
        """Where a customer stands in the period of `at`, or now. Raises NeverLoaded and CountersUnavailable."""
        plan, now = self._plan(), self._clock.wall_us()
        if plan is None:
            raise NeverLoaded("There is no config yet that says what this customer has.")
        account = self._books.account(customer_id)
        period = self._books.period(plan, account, customer_id, now if at is None else microseconds(at))
        return statement(plan, account, period, now)

    def refresh(self) -> None:
        """Ask for the config once, now. Raises Unreachable or DocumentRefused; what is held stays in force then."""
        self._follower.refresh()

    def flush(self) -> int:
        """Send waiting events now; how many were taken. Raises Unreachable; what was not taken keeps waiting."""
        self._reporter.catch_up()
        self._queue.settle(self._happened)
        return self._sender.flush()

    @property
    def document(self) -> Document | None:
        """The config whose terms hold in the running period, parsed; None before the first one. Where customers have
        their own days, of those whose day is the first.
        """
        plan = self._plan()
        if plan is None:
            return None
        calendar = plan.calendars.usual
        return plan.in_period(calendar, calendar.number(self._clock.wall_us())).document

    @property
    def state(self) -> str:
        """fresh, stale, expired or never_loaded."""
        return self._config.current().state

    @property
    def status(self) -> Status:
        """How the client is doing, for health checks and dashboards."""
        force = self._config.current()
        plan, problem = force.plan, self._follower.problem or self._background.problem or self._reporter.problem
        return Status(
            state=force.state,
            config_version_id=None if plan is None else plan.config_version_id,
            sequence=None if plan is None else plan.document.delivery.sequence,
            age_seconds=self._config.age_seconds,
            problem=None if problem is None else str(problem),
            events_waiting=len(self._queue) + self._reporter.overflowing,
            events_refused=len(self._queue.refused()),
        )

    def close(self) -> None:
        """Send what waits if AVS Brain answers, stop the threads, give back files and connections."""
        self._background.close()
        try:
            self.flush()
        except (Unreachable, CountersUnavailable, sqlite3.Error) as problem:
            log.info("Enforcement events keep waiting: %s", problem)
        self._source.close()
        self._queue.close()

    def __enter__(self) -> "Client":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self, customer_id: str, value_unit_id: str, quantity: Quantity) -> Decision:
        """The slow half of `check`: decide, and report a refusal."""
        amount = used(quantity, "quantity")
        now, now_ns = self._clock.wall_us(), self._monotonic_ns()
        force = self._config.at(now, now_ns)
        plan = force.plan
        if plan is None:
            return self._unloaded
        account = self._account(customer_id)
        standing = stand(force, plan, account, customer_id, value_unit_id, now)
        if standing is None:
            return outside_config(plan)
        until_ns = min(force.until_ns, now_ns + (standing.until_us - now) * 1000)
        if self._ledger.view_ns is not None:
            until_ns = min(until_ns, now_ns + self._ledger.view_ns)
        standing.until_ns = until_ns
        decision = standing.decision(amount)
        if decision.action == "block":
            self._refused(force, customer_id, value_unit_id, amount, decision, now)
        return decision

    def _refused(
        self, force: Force, customer_id: str, value_unit_id: str, amount: int, decision: Decision, now: int
    ) -> None:
        """Report a refusal, once per customer, period and reason."""
        if force.plan is None:
            return
        account = self._snapshots.get(customer_id, self._newcomer)
        period = self._books.period(force.plan, account, customer_id, now)
        self._reporter.refused(force.plan, customer_id, period, value_unit_id, amount, decision, now)

    def _account(self, customer_id: str) -> Account:
        """As it is now; where the counters do not answer, as they were last seen."""
        try:
            return self._books.glance(customer_id)
        except CountersUnavailable as problem:
            self._background.problem = problem
            return self._books.keyed(self._snapshots.get(customer_id, self._newcomer))

    def _plan(self) -> Plan | None:
        return self._config.current().plan

    def _say(self, customer_id: str, event_type: str, context: Mapping[str, Any], now: int) -> None:
        plan = self._plan()
        if plan is None:
            raise NeverLoaded("There is no config yet that this could be reported about.")
        account = self._snapshots.get(customer_id, self._newcomer)
        period = self._books.period(plan, account, customer_id, now)
        self._reporter.say(plan, customer_id, period, event_type, context, now)

    def _happened(self, namespace: str, customer_id: str, mark: str) -> bool:
        return mark in self._store.ledger(namespace).read(customer_id).fired


def _refuse_unknown(mode: str, without_config: str) -> None:
    if mode not in FRESH_SECONDS:
        raise ValueError(f"mode is {mode!r}: allowed are {', '.join(FRESH_SECONDS)}")
    if without_config not in ("open", "closed"):
        raise ValueError(f"without_config is {without_config!r}: allowed are open, closed")


def _microseconds_of(window: timedelta) -> int:
    if window <= timedelta(0):
        raise ValueError(f"remember_operations is {window}: it must be longer than nothing")
    return window // timedelta(microseconds=1)


def _pace(mode: str, poll_seconds: float, falls_back: bool) -> tuple[float, float]:
    """For how long a confirmed config counts as fresh, and the longest pause between attempts: with somewhere to fall
    back to, short enough to stay fresh by it, however long AVS Brain takes not to answer.
    """
    fresh_seconds = FRESH_SECONDS[mode] * (poll_seconds if mode == "poll" else 1)
    if not falls_back:
        return fresh_seconds, LONGEST_BACKOFF_SECONDS
    return max(fresh_seconds, FRESH_SECONDS["manual"]), min(poll_seconds, MOST_PAUSE)


def _refuse_untrusted(base_url: str | None, published: str | None) -> None:
    """Without pinned keys every place that they may come from must vouch for them; a folder is its owner's."""
    for url in (base_url, published if published is not None and is_http(published) else None):
        if url is not None:
            secure(url)


def _queue(folder: Path | None, subject: Subject) -> EventQueue:
    """On disk where there is one that can be written; an app must start without it too."""
    try:
        return EventQueue(None if folder is None else queue_path(folder, subject))
    except (OSError, sqlite3.Error) as problem:
        log.error("Enforcement events are kept in memory only: %s", problem)
        return EventQueue(None)

"""What a client consists of, and its life: made, followed, forked, flushed and closed."""

import logging
import os
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from avs_brain_client.again import make_again
from avs_brain_client.background import Background
from avs_brain_client.bookkeeping import Bookkeeper
from avs_brain_client.brain import Brain
from avs_brain_client.cache import DiskCache
from avs_brain_client.clock import Clock
from avs_brain_client.config import ConfigHolder
from avs_brain_client.counters import CounterStore, MemoryCounters
from avs_brain_client.counters.steady import COUNTING
from avs_brain_client.decide import without_config as without_config_decision
from avs_brain_client.deliver import Sender
from avs_brain_client.document import Document, Subject
from avs_brain_client.errors import AvsError, CountersUnavailable
from avs_brain_client.events import COUNTED
from avs_brain_client.exits import close_at_exit, forget
from avs_brain_client.follow import Follower
from avs_brain_client.forking import renew_after_fork
from avs_brain_client.journal import Journal, Kept
from avs_brain_client.keeping import Keeper
from avs_brain_client.mending import is_damage, mend, queue_in
from avs_brain_client.paths import cache_path, journal_path
from avs_brain_client.periods import ANCHOR, CustomerDay, PeriodSetting
from avs_brain_client.plan import Plan
from avs_brain_client.problems import COUNTERS_UNAVAILABLE, Problems
from avs_brain_client.published import Published, source_of
from avs_brain_client.reading import period_anchor as read_anchor
from avs_brain_client.reporting import Reporter
from avs_brain_client.settings import microseconds_of, pace, refuse_unknown, refuse_untrusted
from avs_brain_client.status import Status
from avs_brain_client.unknown_units import UnknownUnits
from avs_brain_client.usage_events import UsageEvents, remembers
from avs_brain_client.watching import Listener, Standing, Watchers

log = logging.getLogger("avs_brain_client")

CLOSING_SECONDS = 5.0
"""For how long `close`, and the end of the process, wait for events to be sent."""
REMEMBERED = timedelta(days=90)
"""For how long the same event_id is recognised unless a client is told otherwise."""
SNAPSHOT_SECONDS = 60
"""For how long decisions go by what was seen last while the counters do not answer."""
NUMBERED_EVENTS = True
"""Whether enforcement events carry client_id and sequence unless a client is told otherwise."""


class Core:
    """The parts of a client, put together from the settings that `Client` explains."""

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
        keys: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        token: str | None = None,
        without_config: str = "open",
        unknown_unit: str | None = None,
        period_anchor: datetime | Mapping[str, Any] = ANCHOR,
        customer_day: CustomerDay | None = None,
        accrues_from: datetime | None = None,
        remember_operations: timedelta = REMEMBERED,
        snapshot_seconds: float = SNAPSHOT_SECONDS,
        numbered_events: bool = NUMBERED_EVENTS,
        send_usage: bool = False,
        flush_seconds: float = 5,
        clock: Clock | None = None,
    ) -> None:
        refuse_unknown(mode, without_config, unknown_unit)
        location = None if published is None else os.fspath(published)
        if keys is None:
            refuse_untrusted(base_url, location)
        subject = self._subject = Subject(workspace_id, segment, stage, target_environment)
        folder = None if directory is None else Path(directory)
        cache = None if folder is None else DiskCache(cache_path(folder, subject))
        if base_url is None and mode != "manual":
            mode = "poll"
        fresh_seconds, longest_pause = pace(mode, poll_seconds, base_url is not None and location is not None)
        namespace = f"{workspace_id}/{target_environment}"
        self._clock = clock or Clock()
        self._monotonic_ns = self._clock.monotonic_ns
        self._problems = Problems(self._clock)
        self._unknown = UnknownUnits(unknown_unit, target_environment, self._problems)
        anchor = period_anchor if isinstance(period_anchor, datetime) else read_anchor(period_anchor)
        setting = PeriodSetting(anchor, accrues_from, customer_day)
        self._brain = None if base_url is None else Brain(base_url, token)
        self._source = source_of(self._brain, None if location is None else Published(location))
        self._config = ConfigHolder(
            subject,
            setting,
            self._source,
            cache,
            pinned=keys if keys is None or isinstance(keys, Mapping) else Path(keys),
            fresh_seconds=fresh_seconds,
            clock=self._clock,
            problems=self._problems,
            changed=self._tick,
        )
        self._store = counters or MemoryCounters()
        self._namespace, self._ledger = namespace, self._store.ledger(namespace)
        self._keeper: Keeper | None = None
        if self._ledger.survives:
            journal = Journal(None if folder is None else journal_path(folder, subject))
            self._keeper = Keeper(self._ledger, journal, self._clock, snapshot_seconds, self._tell_of_counters)
            self._ledger = self._keeper.ledger
        self._snapshots, self._newcomer = self._ledger.snapshots, self._ledger.newcomer
        self._queue = queue_in(folder, subject, self._problems)
        self._reporter = Reporter(self._queue, subject, namespace, self._problems)
        self._usage_events = UsageEvents(subject, namespace, self._reporter, self._ledger, always=send_usage)
        remembered_us = microseconds_of(remember_operations)
        self._books = Bookkeeper(self._ledger, self._reporter, setting, remembered_us, self._keeper)
        self._sender = Sender(self._queue, self._brain, self._problems, numbered=numbered_events)
        self._unloaded = without_config_decision(without_config == "open")
        self._follower = Follower(
            self._source, self._config, subject, mode, poll_seconds, longest_pause, problems=self._problems
        )
        followed = None if mode == "manual" else self._follower
        self._background = Background(followed, self._tick, self.flush, flush_seconds)
        self._watchers = Watchers(self._standing())
        self._config.load()
        self._tick()
        if self._keeper is not None:
            self._keeper.redo = self._make_again
            self._keeper.settle_if_any()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """In the child, after all that belongs to the client: its end must not be missed either."""
        if self._background.running:
            close_at_exit(self)

    def wait_until_loaded(self, timeout_seconds: float | None = None) -> bool:
        """Wait for the first config, from disk or from AVS Brain; whether it came in time."""
        return self._config.loaded.wait(timeout_seconds)

    def refresh(self) -> None:
        """Ask for the config once, now. Raises Unreachable or DocumentRefused; what is held stays in force then."""
        self._follower.refresh()

    def flush(self) -> int:
        """Send waiting events now; how many were taken. Raises Unreachable; what was not taken keeps waiting."""
        try:
            self._reporter.catch_up()
            self._settle()
            return self._sender.flush()
        except sqlite3.DatabaseError as problem:
            if not is_damage(problem):
                raise
            mend(self._queue, self._problems)
            return 0

    def watch(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(before, now)` when the state or the version changes, from a thread; the answer ends that.

        What only time changes (a config that grows stale) is noticed within `flush_seconds` once `start` was called.
        """
        return self._watchers.add(listener)

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
        plan, problems = force.plan, self._problems.listed()
        return Status(
            state=force.state,
            config_version_id=None if plan is None else plan.config_version_id,
            sequence=None if plan is None else plan.document.delivery.sequence,
            age_seconds=self._config.age_seconds,
            problem=problems[-1].text if problems else None,
            events_waiting=self._queue.count() + self._reporter.overflowing,
            events_refused=self._queue.count_refused(),
            counters=COUNTING if self._keeper is None else self._keeper.status(),
            problems=problems,
        )

    def close(self, timeout_seconds: float = CLOSING_SECONDS) -> None:
        """Stop the threads, send what waits if AVS Brain answers in time, give back files and connections.

        Happens by itself when the process ends, to a client that was started. `start` begins again.
        """
        forget(self)
        running = self._background.running
        in_time = self._background.close(timeout_seconds)
        if not running:
            self._send_at_last()
        self._say_what_stays(in_time)
        if self._keeper is not None:
            self._keeper.close()
        self._source.close()
        self._queue.close()

    def _send_at_last(self) -> None:
        try:
            self.flush()
        except (AvsError, sqlite3.Error) as problem:
            log.info("Events keep waiting: %s", problem)

    def _say_what_stays(self, in_time: bool) -> None:
        """Events on disk are sent by whoever uses the folder next; those in memory end here."""
        waiting = self._queue.count() + self._reporter.overflowing if in_time else 0
        if self._queue.in_memory and waiting:
            log.error("%d events were not sent and are lost: they were in memory only.", waiting)

    def _tick(self) -> None:
        self._watchers.look(self._standing())

    def _standing(self) -> Standing:
        force = self._config.current()
        return Standing(force.state, None if force.plan is None else force.plan.config_version_id)

    def _plan(self) -> Plan | None:
        return self._config.current().plan

    @property
    def _in_outage(self) -> bool:
        """Whether the counters do not answer."""
        return self._keeper is not None and self._keeper.ledger.breaker.problem is not None

    def _settle(self) -> None:
        """Count what is kept, then let events go whose counts were made; both wait while the counters do not answer."""
        if self._keeper is not None:
            self._keeper.settle_if_any()
        try:
            self._queue.settle(self._happened)
        except CountersUnavailable as problem:
            log.info("Events wait for their counts: %s", problem)

    def _make_again(self, kept: Kept) -> None:
        make_again(self._books, self._config.current(), kept, self._clock.wall_us())

    def _tell_of_counters(self, problem: str | None) -> None:
        if problem is None:
            self._problems.end(COUNTERS_UNAVAILABLE)
        else:
            text = f"{problem}. Decisions go by what was seen last, and what is recorded is kept until they answer."
            self._problems.begin(COUNTERS_UNAVAILABLE, text)

    def _happened(self, namespace: str, customer_id: str, mark: str) -> bool:
        ledger = self._ledger if namespace == self._namespace else self._store.ledger(namespace)
        if mark.startswith(COUNTED):
            return remembers(ledger, customer_id, mark.removeprefix(COUNTED), self._clock.wall_us())
        return mark in ledger.read(customer_id).fired

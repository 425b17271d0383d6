"""From what fired to enforcement events in the queue: once each, and not lost when the disk is full."""

import secrets
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from avs_brain_client.clock import timestamp
from avs_brain_client.decide import Decision
from avs_brain_client.document import PERIOD_DAYS, Subject
from avs_brain_client.events import EventQueue, Outgoing, event_id, outgoing
from avs_brain_client.forking import renew_after_fork
from avs_brain_client.numbers import unscaled
from avs_brain_client.periods import Period
from avs_brain_client.plan import Plan
from avs_brain_client.problems import EVENTS_LOST, QUEUE_NOT_WRITTEN, Problems
from avs_brain_client.usage import GRADUATED, Firing, threshold_key

MOST_OVERFLOW = 10_000
MOST_REMEMBERED = 100_000


Later = Callable[[Callable[[], object]], object]
"""Has something done, now or in a thread."""


def at_once(call: Callable[[], object]) -> None:
    """Where waiting is allowed."""
    call()


class Reporter:
    """Makes the events of one subject; `namespace` is the ledger's, for the proof that a count was made."""

    def __init__(self, queue: EventQueue, subject: Subject, namespace: str, problems: Problems) -> None:
        self._queue, self._subject, self._namespace, self._problems = queue, subject, namespace, problems
        self._overflow: deque[Outgoing] = deque(maxlen=MOST_OVERFLOW)
        self._lost = 0
        self._refusals: set[str] = set()
        self._lock = threading.Lock()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """What is in memory only stays with the parent, which sends it."""
        self._lock = threading.Lock()
        self._overflow.clear()

    def events(self, plan: Plan, customer_id: str, firings: Iterable[Firing], now_us: int) -> list[Outgoing]:
        """The events of what fired; what is not reported by itself has none."""
        return [
            self._event(
                plan.in_period(firing.of.calendar, firing.period),
                customer_id,
                firing.event_type,
                firing.context,
                now_us,
                *_once(firing),
            )
            for firing in firings
            if firing.event_type is not None
        ]

    def refused(
        self,
        plan: Plan,
        customer_id: str,
        period: Period,
        value_unit_id: str,
        quantity: int,
        decision: Decision,
        now_us: int,
        later: Later = at_once,
    ) -> None:
        """Report that a customer was blocked: once per customer, period and reason, however often they try. Writing it
        down is given to `later`.
        """
        if decision.action != "block":
            return
        mark = f"{period.key}:{_refusal_key(value_unit_id, decision)}"
        with self._lock:
            known = f"{customer_id}\n{mark}"
            if known in self._refusals:
                return
            if len(self._refusals) >= MOST_REMEMBERED:
                self._refusals.clear()
            self._refusals.add(known)
        context = {
            "reason_code": decision.reason_code,
            "action": "block",
            "value_unit_id": value_unit_id,
            "pool_id": decision.pool_id,
            "wanted_quantity": unscaled(quantity),
            "remaining_quantity": decision.remaining,
            **({} if decision.threshold is None else {"percent": decision.threshold}),
        }
        once = _of_period(period), _refusal_key(value_unit_id, decision)
        terms = plan.in_period(period.calendar, period.number)
        blocked = self._event(terms, customer_id, "hard_cap_blocked", context, now_us, mark, *once)
        later(lambda: self.release([blocked]))

    def say(
        self, plan: Plan, customer_id: str, period: Period, event_type: str, context: Mapping[str, Any], now_us: int
    ) -> None:
        """Report something that the app tells; every call is an event of its own."""
        terms = plan.in_period(period.calendar, period.number)
        self.release([self._event(terms, customer_id, event_type, context, now_us, "", secrets.token_hex(12))])

    def hold(self, events: Sequence[Outgoing]) -> None:
        """Before the count; a full disk does not stop the count, the events are then kept in memory after it."""
        if events:
            self._try(lambda: self._queue.hold(events))

    def hold_usage(self, event: Outgoing) -> bool:
        """Before the count of a usage event; whether nobody had it held before."""
        new = False

        def hold() -> None:
            nonlocal new
            new = self._queue.hold_new(event)

        self._try(hold)
        return new

    def release(self, events: Sequence[Outgoing]) -> None:
        """After the count."""
        if events and not self._try(lambda: self._queue.release(events)):
            lost = len(self._overflow) + len(events) - MOST_OVERFLOW
            if lost > 0:
                self._lost += lost
                text = (
                    f"{self._lost:,} events are lost: memory keeps {MOST_OVERFLOW:,}, and the queue cannot be written."
                )
                self._problems.begin(EVENTS_LOST, text)
            self._overflow.extend(events)

    def discard(self, events: Iterable[Outgoing]) -> None:
        """There was no count."""
        names = [event.event_id for event in events]
        if names:
            self._try(lambda: self._queue.discard(names))

    def catch_up(self) -> None:
        """Write down what did not fit on the disk before."""
        while self._overflow:
            event = self._overflow[0]
            if not self._try(lambda event=event: self._queue.release([event])):
                return
            self._overflow.popleft()

    @property
    def overflowing(self) -> int:
        """How many events are in memory only."""
        return len(self._overflow)

    def _try(self, write: Any) -> bool:
        try:
            write()
        except sqlite3.Error as problem:
            self._problems.begin(
                QUEUE_NOT_WRITTEN, f"The event queue cannot be written, events wait in memory: {problem}"
            )
            return False
        self._problems.end(QUEUE_NOT_WRITTEN)
        return True

    def _event(
        self,
        plan: Plan,
        customer_id: str,
        event_type: str,
        context: Mapping[str, Any],
        now_us: int,
        mark: str,
        *once: object,
    ) -> Outgoing:
        subject = self._subject
        named = event_id(subject.workspace_id, subject.target_environment, customer_id, *once)
        event = {
            "enforcement_event_id": named,
            "workspace_id": subject.workspace_id,
            "customer_id": customer_id,
            "config_version_id": plan.config_version_id,
            "occurred_at": timestamp(now_us),
            "event_type": event_type,
            "context": context,
        }
        return outgoing(event, (self._namespace, customer_id, mark))


def _once(firing: Firing) -> tuple[str, object, object]:
    """The firing's mark, and what its id is made of: a graduation once for ever, the rest once a period."""
    return firing.mark, "" if firing.key == GRADUATED else _of_period(firing.of), firing.key


def _of_period(period: Period) -> object:
    """What an event's id has of a period: the start where there are 30 days from it, else the whole key."""
    return period.start_us if period.key.startswith(f"{PERIOD_DAYS}d@") else period.key


def _refusal_key(value_unit_id: str, decision: Decision) -> str:
    """Reaching a blocking threshold or cap and being refused by it are one thing."""
    if decision.reason_code == "usage_threshold":
        return threshold_key(decision.threshold, decision.action)
    if decision.reason_code == "spend_cap":
        return f"spend_cap:{decision.action}"
    return f"refused:{decision.reason_code}:{value_unit_id}"

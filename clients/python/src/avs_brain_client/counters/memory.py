"""Counters in this process: the fastest, shared by its threads, gone with it."""

import threading
from collections.abc import Mapping
from typing import TypeVar

from avs_brain_client.account import Account
from avs_brain_client.counters.matter import NOTHING_SPECIAL, Edit, Matter
from avs_brain_client.forking import renew_after_fork

T = TypeVar("T")
NOTHING_KNOWN: frozenset[str] = frozenset()
MINUTE_US = 60_000_000
STRIPES = 64
PRUNE_EVERY = 10_000


class MemoryLedger:
    """Accounts are replaced, never changed, so readers need no lock; writers of one customer queue on one."""

    view_ns: int | None = None
    survives = False
    lost: str | None = None

    def __init__(self) -> None:
        self.snapshots: dict[str, Account] = {}
        self.newcomer = Account()
        self._marks: dict[str, int] = {}
        self._last_minute = 0
        self._locks = tuple(threading.Lock() for _ in range(STRIPES))
        self._prune_at = PRUNE_EVERY
        renew_after_fork(self)

    def after_fork(self) -> None:
        """The child goes on from a copy of the counts, and counts for itself."""
        self._locks = tuple(threading.Lock() for _ in range(STRIPES))

    def read(self, customer_id: str) -> Account:
        return self.snapshots.get(customer_id, self.newcomer)

    glance = read

    def probe(self) -> None:
        """Memory always answers."""

    def update(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Edit[T],
        matter: Matter[T] = NOTHING_SPECIAL,
    ) -> T:
        with self._locks[hash(customer_id) % STRIPES]:
            before = self.snapshots.get(customer_id, self.newcomer)
            known = NOTHING_KNOWN
            for mark in marks:
                if self._marks.get(f"{customer_id}\n{mark}", 0) * MINUTE_US > now_us:
                    known |= {mark}
            after, answer = edit(before, known)
            if after is not None:
                for mark, until in marks.items():
                    self._marks[f"{customer_id}\n{mark}"] = self._minute(until)
                self.snapshots[customer_id] = after
        if marks and len(self._marks) > self._prune_at:
            self._prune(now_us)
        return answer

    def _minute(self, until_us: int) -> int:
        """The minute, counted from 1970, that a moment is within at the latest: one object for all marks of a minute,
        because there may be very many.
        """
        minute, last = -(-until_us // MINUTE_US), self._last_minute
        if minute == last:
            return last
        self._last_minute = minute
        return minute

    def _prune(self, now_us: int) -> None:
        """Forget marks whose time is over."""
        for key in [key for key, until in self._marks.copy().items() if until * MINUTE_US <= now_us]:
            self._marks.pop(key, None)
        self._prune_at = len(self._marks) + PRUNE_EVERY


class MemoryCounters:
    """A store for one process; give the same one to several clients to let them share."""

    def __init__(self) -> None:
        self._ledgers: dict[str, MemoryLedger] = {}
        self._lock = threading.Lock()
        renew_after_fork(self)

    def after_fork(self) -> None:
        self._lock = threading.Lock()

    def ledger(self, namespace: str) -> MemoryLedger:
        with self._lock:
            return self._ledgers.setdefault(namespace, MemoryLedger())

    def close(self) -> None:
        """Nothing to give back."""

"""Counters in this process: the fastest, shared by its threads, gone with it."""

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from avs_brain_client.account import Account
from avs_brain_client.counters.matter import NOTHING_SPECIAL, Matter

T = TypeVar("T")
NOTHING_KNOWN: frozenset[str] = frozenset()
STRIPES = 64
PRUNE_EVERY = 10_000


class MemoryLedger:
    """Accounts are replaced, never changed, so readers need no lock; writers of one customer queue on one."""

    view_ns: int | None = None
    survives = False

    def __init__(self) -> None:
        self.snapshots: dict[str, Account] = {}
        self.newcomer = Account()
        self._marks: dict[tuple[str, str], int] = {}
        self._locks = tuple(threading.Lock() for _ in range(STRIPES))
        self._prune_at = PRUNE_EVERY

    def read(self, customer_id: str) -> Account:
        return self.snapshots.get(customer_id, self.newcomer)

    glance = read

    def update(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Callable[[Account, frozenset[str]], tuple[Account | None, T]],
        matter: Matter[T] = NOTHING_SPECIAL,
    ) -> T:
        with self._locks[hash(customer_id) % STRIPES]:
            before = self.snapshots.get(customer_id, self.newcomer)
            known = self._known(customer_id, marks, now_us) if marks else NOTHING_KNOWN
            after, answer = edit(before, known)
            if after is not None:
                if marks:
                    self._marks.update({(customer_id, mark): until for mark, until in marks.items()})
                self.snapshots[customer_id] = after
        if marks and len(self._marks) > self._prune_at:
            self._prune(now_us)
        return answer

    def _known(self, customer_id: str, marks: Mapping[str, int], now_us: int) -> frozenset[str]:
        return frozenset(mark for mark in marks if self._marks.get((customer_id, mark), 0) > now_us)

    def _prune(self, now_us: int) -> None:
        """Forget marks whose time is over."""
        for key in [key for key, until in self._marks.copy().items() if until <= now_us]:
            self._marks.pop(key, None)
        self._prune_at = len(self._marks) + PRUNE_EVERY


class MemoryCounters:
    """A store for one process; give the same one to several clients to let them share."""

    def __init__(self) -> None:
        self._ledgers: dict[str, MemoryLedger] = {}
        self._lock = threading.Lock()

    def ledger(self, namespace: str) -> MemoryLedger:
        with self._lock:
            return self._ledgers.setdefault(namespace, MemoryLedger())

    def close(self) -> None:
        """Nothing to give back."""

"""One way for all stores to fail: a ledger that asks its store through a breaker and knows what it saw last.

While the store does not answer every call raises CountersUnavailable at once. `snapshot` is then the customer's account
as it was seen last, with what this process did since, for as long as it may be used.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from avs_brain_client.account import Account
from avs_brain_client.breaker import Breaker
from avs_brain_client.clock import Clock, moment_of
from avs_brain_client.counters import Ledger
from avs_brain_client.counters.matter import NOTHING_SPECIAL, Edit, Matter
from avs_brain_client.errors import CountersUnavailable

T = TypeVar("T")
Told = Callable[[str | None], object]
"""Called with what is wrong when an outage begins, and with None when it is over."""
OK, SNAPSHOT, UNAVAILABLE = "ok", "snapshot", "unavailable"
MOST_SNAPSHOTS = 100_000


@dataclass(frozen=True, slots=True)
class CountersStatus:
    """`state`: ok, snapshot (the store does not answer, decisions go by what was seen last) or unavailable (not even
    that is recent enough, each rail does as `on_counters_unavailable` says).

    `since`: when the outage began; `problem`: what the store answered last, or what it lost. `kept`: how many changes
    wait to be counted, `kept_in_memory` how many of them would be lost with the process.
    """

    state: str
    since: datetime | None
    problem: str | None
    kept: int
    kept_in_memory: int


COUNTING = CountersStatus(OK, None, None, 0, 0)
"""How counters are that cannot fail."""


class Snapshot(NamedTuple):
    """An account as it was seen, by the monotonic clock."""

    account: Account
    seen_ns: int


class SteadyLedger:
    """A ledger of a store that may fail. `snapshot_seconds`: for how long decisions may go by what was seen last.

    `settle` counts what was kept, once the store answers and before anybody else may ask it, and then calls what it is
    given, which ends the outage.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        snapshot_seconds: float,
        settle: Callable[[Callable[[], None]], object],
        told: Told,
    ) -> None:
        self._ledger, self._clock = ledger, clock
        self.view_ns, self.survives = ledger.view_ns, ledger.survives
        self.newcomer, self.snapshots = ledger.newcomer, ledger.snapshots
        self._usable_ns = int(snapshot_seconds * 1_000_000_000)
        self._last: dict[str, Snapshot] = {}
        self._kept: dict[str, Snapshot] = {}
        self._lock = threading.Lock()
        self._kept_marks: set[tuple[str, str]] = set()
        self._told = told
        self._since: tuple[int, int] | None = None
        self.breaker = Breaker(ledger.probe, settle, self._begun, self._over)

    @property
    def lost(self) -> str | None:
        return self._ledger.lost

    def read(self, customer_id: str) -> Account:
        return self._asked(customer_id, self._ledger.read)

    def glance(self, customer_id: str) -> Account:
        return self._asked(customer_id, self._ledger.glance)

    def probe(self) -> None:
        self._ledger.probe()

    def update(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Edit[T],
        matter: Matter[T] = NOTHING_SPECIAL,
    ) -> T:
        self._refuse_in_outage()
        return self.update_now(customer_id, marks, now_us, edit, matter)

    def update_now(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Edit[T],
        matter: Matter[T] = NOTHING_SPECIAL,
    ) -> T:
        """`update`, though the outage may not be over yet: for settling."""
        last = self.newcomer

        def edit_and_see(account: Account, known: frozenset[str]) -> tuple[Account | None, T]:
            nonlocal last
            after, answer = edit(account, known)
            last = account if after is None else after
            return after, answer

        asked_ns = self._clock.monotonic_ns()
        try:
            answer = self._ledger.update(customer_id, marks, now_us, edit_and_see, matter)
        except CountersUnavailable as problem:
            self.breaker.open(problem)
            raise
        self._saw(customer_id, self.snapshots.get(customer_id, last), asked_ns)
        return answer

    def snapshot(self, customer_id: str) -> Account | None:
        """The account as it was seen last; None when that is too long ago, or never was."""
        last = self._kept.get(customer_id) or self._last.get(customer_id)
        if last is None or self._clock.monotonic_ns() - last.seen_ns > self._usable_ns:
            return None
        return last.account

    def keep(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        edit: Edit[T],
    ) -> T:
        """Change what decisions go by in an outage; the store learns of it later. A mark that was kept is known."""
        with self._lock:
            last = self._kept.get(customer_id) or self._last.get(customer_id, Snapshot(self.newcomer, 0))
            known = frozenset(mark for mark in marks if (customer_id, mark) in self._kept_marks)
            after, answer = edit(last.account, known)
            if after is not None:
                self._kept_marks.update((customer_id, mark) for mark in marks)
                if customer_id in self._last:
                    self._kept[customer_id] = Snapshot(after, last.seen_ns)
        return answer

    def status(self, kept: int, kept_in_memory: int) -> CountersStatus:
        """How the store is doing; how many changes are kept is the journal's to say."""
        since, problem = self._since, self.breaker.problem
        if since is None or problem is None:
            return CountersStatus(OK, None, self._ledger.lost, kept, kept_in_memory)
        fresh = self._clock.monotonic_ns() - since[1] <= self._usable_ns
        return CountersStatus(
            SNAPSHOT if fresh else UNAVAILABLE, moment_of(since[0]), str(problem), kept, kept_in_memory
        )

    def close(self) -> None:
        """Ask the store no more."""
        self.breaker.close()

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self.breaker.after_fork()

    def _asked(self, customer_id: str, ask: Callable[[str], Account]) -> Account:
        self._refuse_in_outage()
        asked_ns = self._clock.monotonic_ns()
        try:
            account = ask(customer_id)
        except CountersUnavailable as problem:
            self.breaker.open(problem)
            raise
        self._saw(customer_id, account, asked_ns)
        return account

    def _refuse_in_outage(self) -> None:
        if self.breaker.problem is not None:
            raise CountersUnavailable(str(self.breaker.problem))

    def _saw(self, customer_id: str, account: Account, seen_ns: int) -> None:
        if len(self._last) >= MOST_SNAPSHOTS:
            self._last.clear()
        self._last[customer_id] = Snapshot(account, seen_ns)

    def _begun(self, problem: CountersUnavailable) -> None:
        self._since = self._clock.wall_us(), self._clock.monotonic_ns()
        self._told(str(problem))

    def _over(self) -> None:
        self._since = None
        self._kept_marks.clear()
        self._kept.clear()
        self._told(None)

"""What becomes of counting while the counters do not answer: it is kept, and settled once when they answer again."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from avs_brain_client.account import Account
from avs_brain_client.clock import Clock
from avs_brain_client.counters import Edit, Ledger
from avs_brain_client.counters.steady import CountersStatus, SteadyLedger, Told
from avs_brain_client.errors import CountersUnavailable, NeverLoaded
from avs_brain_client.forking import renew_after_fork
from avs_brain_client.journal import Journal, Kept, fresh_attempt

log = logging.getLogger("avs_brain_client")

T = TypeVar("T")
PATIENCE_SECONDS = 0.25
FEW = 50
"""So many changes in a pass are few: the next passes may be the last."""
HEAD_START_SECONDS = 1.0
"""For so long what is kept is counted while more is kept: busy threads keep as fast as one thread counts."""


class Keeping(NamedTuple):
    """A change as it is written down: its kind, and what it takes to make it again."""

    kind: str
    body: Mapping[str, Any]


class Keeper:
    """Keeps changes in the journal, and has `redo` make them again, in their order, as soon as the store answers."""

    def __init__(self, ledger: Ledger, journal: Journal, clock: Clock, snapshot_seconds: float, told: Told) -> None:
        self.ledger = SteadyLedger(ledger, clock, snapshot_seconds, self.heal, told)
        self._last_pass = threading.Lock()
        self._journal = journal
        self.redo: Callable[[Kept], object] = _nobody
        renew_after_fork(self)

    def keep(
        self,
        problem: CountersUnavailable,
        customer_id: str,
        marks: Mapping[str, int],
        edit: Edit[T],
        keeping: Keeping,
    ) -> T:
        """The answer of a change that is not counted yet. Raises CountersUnavailable when it could not be kept."""
        attempt, changes = problem.attempt or fresh_attempt(), False

        def noted(account: Account, known: frozenset[str]) -> tuple[Account | None, T]:
            nonlocal changes
            after, answer = edit(account, known)
            changes = after is not None or not known
            return after, answer

        answer = self.ledger.keep(customer_id, marks, noted)
        if changes:
            self._journal.add(Kept(attempt, keeping.kind, keeping.body))
        return answer

    def answers_again(self) -> bool:
        """Whether the outage is over; waits a moment where only what is kept has to be counted."""
        if self._last_pass.acquire(timeout=PATIENCE_SECONDS):
            self._last_pass.release()
        return self.ledger.breaker.problem is None

    def heal(self, end: Callable[[], None]) -> None:
        """Count what is kept and end the outage, with nothing left: whoever comes meanwhile waits for the last passes,
        which begin when little is left, or after the head start.
        """
        last_pass_at = time.monotonic() + HEAD_START_SECONDS
        while self._pass() > FEW and time.monotonic() < last_pass_at:
            pass
        with self._last_pass:
            self.settle()
            end()

    def settle(self) -> None:
        """Count all that is kept. Raises CountersUnavailable when the store stops to answer; the rest stays kept, and
        so does what cannot be taken out of the journal.
        """
        before, left = None, len(self._journal)
        while left and left != before and self._pass():
            before, left = left, len(self._journal)

    def _pass(self) -> int:
        """Make some of what is kept again, the oldest first; how many of it were made."""
        made: list[Kept] = []
        try:
            for kept in self._journal.oldest():
                if self._made_again(kept):
                    made.append(kept)
        finally:
            self._journal.done(made)
        return len(made)

    def _made_again(self, kept: Kept) -> bool:
        try:
            self.redo(kept)
        except CountersUnavailable:
            raise
        except NeverLoaded as problem:
            log.info("A change stays kept: %s", problem)
            return False
        except Exception:
            log.exception("A change that was kept cannot be counted and stays kept: %s", kept)
            return False
        return True

    def settle_if_any(self) -> None:
        """What another process, or this one before its end, has kept; nothing during an outage."""
        if self.ledger.breaker.problem is None and len(self._journal):
            try:
                self.settle()
            except CountersUnavailable as problem:
                log.info("What is kept cannot be counted yet: %s", problem)

    def status(self) -> CountersStatus:
        return self.ledger.status(len(self._journal), self._journal.in_memory)

    def after_fork(self) -> None:
        """What is kept in memory is the parent's to settle."""
        self._last_pass = threading.Lock()
        self._journal.after_fork()
        self.ledger.after_fork()

    def close(self) -> None:
        self.settle_if_any()
        self.ledger.close()
        if self._journal.in_memory:
            log.error("%s changes that were kept in memory are lost: they were never counted.", self._journal.in_memory)
        self._journal.close()


def _nobody(kept: Kept) -> None:
    raise CountersUnavailable("Nobody can make this change again yet.")

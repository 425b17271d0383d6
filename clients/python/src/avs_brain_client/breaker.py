"""A circuit breaker: whoever does not answer is not asked again by requests, but by a thread, until they answer."""

import logging
import threading
from collections.abc import Callable

from avs_brain_client.errors import CountersUnavailable

log = logging.getLogger("avs_brain_client")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two probes: twice as long each time."""


class Breaker:
    """Closed until `open`, then open until `probe` succeeds and `healed` has done what waited for that, and closed it.

    `probe` and `healed` raise CountersUnavailable where the outage goes on; both are called by one thread, which lives
    as long as the outage. `healed` is given what closes. `begun` and `over` are told once each.
    """

    def __init__(
        self,
        probe: Callable[[], object],
        healed: Callable[[Callable[[], None]], object],
        begun: Callable[[CountersUnavailable], object],
        over: Callable[[], object],
    ) -> None:
        self._probe, self._healed, self._begun, self._over = probe, healed, begun, over
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: CountersUnavailable | None = None

    def open(self, problem: CountersUnavailable) -> None:
        """There was no answer; a second time this does nothing."""
        with self._lock:
            if self.problem is not None:
                return
            if self._closed.is_set():
                self._closed = threading.Event()
            self.problem = problem
            self._begun(problem)
            self._start()

    def after_fork(self) -> None:
        """Threads stay with the parent: in an outage the child begins to ask for itself."""
        self._lock, self._closed = threading.Lock(), threading.Event()
        if self.problem is not None:
            self._start()

    def close(self) -> None:
        """Ask no more, until there is no answer again; the thread ends by itself."""
        self._closed.set()

    def _start(self) -> None:
        arguments = (self._closed,)
        self._thread = threading.Thread(target=self._ask, args=arguments, name="avs-counters", daemon=True)
        self._thread.start()

    def _ask(self, closed: threading.Event) -> None:
        pause = FIRST_PAUSE
        while not closed.wait(pause):
            try:
                self._probe()
                self._healed(self._shut)
            except CountersUnavailable as problem:
                self.problem = problem
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception:
                log.exception("Settling with the counters failed in a way that was not foreseen.")
                pause = LONGEST_PAUSE
            else:
                return

    def _shut(self) -> None:
        with self._lock:
            self.problem = None
            self._over()

"""The threads behind a client: one follows the config, one sends events and tidies up. Both are daemons."""

import logging
import threading
import time
from collections.abc import Callable

from avs_brain_client.errors import AvsError
from avs_brain_client.follow import Backoff, Follower

log = logging.getLogger("avs_brain_client")


class Background:
    """`tick` is called every `seconds` and must be quick; so is `send`, but more and more seldom while it fails.

    `problem` is what `send` failed with last.
    """

    def __init__(
        self, follower: Follower | None, tick: Callable[[], object], send: Callable[[], object], seconds: float
    ) -> None:
        self._follower, self._tick, self._send, self._seconds = follower, tick, send, seconds
        self._closed = threading.Event()
        self._threads: list[threading.Thread] = []
        self._backoff = Backoff()
        self._send_at = 0.0
        self.problem: AvsError | None = None

    def start(self) -> None:
        """Once; a second call does nothing."""
        if self._threads:
            return
        targets = [("avs-events", self._run)]
        if self._follower is not None:
            targets.append(("avs-config", self._follower.run))
        self._threads = [threading.Thread(target=target, name=name, daemon=True) for name, target in targets]
        for thread in self._threads:
            thread.start()

    def close(self, timeout_seconds: float = 2) -> None:
        """Ask the threads to end, and wait for the one that may be writing; the other may wait for the network."""
        self._closed.set()
        if self._follower is not None:
            self._follower.close()
        for thread in self._threads[:1]:
            thread.join(timeout_seconds)

    def _run(self) -> None:
        while not self._closed.wait(self._seconds):
            self._tick()
            if time.monotonic() >= self._send_at:
                self._try_to_send()

    def _try_to_send(self) -> None:
        try:
            self._send()
            self.problem = None
            self._backoff.succeeded()
        except AvsError as problem:
            self._failed(problem)
        except Exception as problem:
            log.exception("Sending enforcement events failed in a way that was not foreseen.")
            self._failed(AvsError(repr(problem)))

    def _failed(self, problem: AvsError) -> None:
        self.problem = problem
        self._send_at = time.monotonic() + self._backoff.failed()

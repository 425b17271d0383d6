"""The threads behind a client: one follows the config, one sends events and tidies up. Both are daemons."""

import logging
import threading
import time
from collections.abc import Callable

from avs_brain_client.errors import AvsError
from avs_brain_client.follow import Backoff, Follower
from avs_brain_client.forking import renew_after_fork

log = logging.getLogger("avs_brain_client")


class Background:
    """`tick` is called every `seconds` and must be quick; so is `send`, but more and more seldom while it fails, and
    once more at the end.
    """

    def __init__(
        self, follower: Follower | None, tick: Callable[[], object], send: Callable[[], object], seconds: float
    ) -> None:
        self._follower, self._tick, self._send, self._seconds = follower, tick, send, seconds
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._sending: threading.Thread | None = None
        self._backoff = Backoff()
        self._send_at = 0.0
        renew_after_fork(self)

    @property
    def running(self) -> bool:
        """Whether it was started, and not closed since."""
        return self._sending is not None

    def start(self) -> None:
        """Does nothing while it runs; after `close`, or in a forked child, it begins again."""
        with self._lock:
            if self._sending is not None:
                return
            closed = self._closed = threading.Event()
            self._sending = threading.Thread(target=self._run, args=(closed,), name="avs-events", daemon=True)
            self._sending.start()
            if self._follower is not None:
                threading.Thread(target=self._follower.run, args=(closed,), name="avs-config", daemon=True).start()

    def close(self, timeout_seconds: float) -> bool:
        """Ask the threads to end, and wait until what waits was sent, or could not be; whether that was in time."""
        with self._lock:
            sending, self._sending = self._sending, None
            self._closed.set()
        if sending is None:
            return True
        sending.join(timeout_seconds)
        return not sending.is_alive()

    def after_fork(self) -> None:
        """Threads stay with the parent: where there were some, the child gets its own."""
        self._lock = threading.Lock()
        self._closed = threading.Event()
        running, self._sending = self.running, None
        if running:
            self.start()

    def _run(self, closed: threading.Event) -> None:
        while not closed.wait(self._seconds):
            self._tick()
            if time.monotonic() >= self._send_at:
                self._try_to_send()
        self._try_to_send()

    def _try_to_send(self) -> None:
        try:
            self._send()
            self._backoff.succeeded()
        except Exception as problem:
            if not isinstance(problem, AvsError):
                log.exception("Sending events failed in a way that was not foreseen.")
            self._send_at = time.monotonic() + self._backoff.failed()

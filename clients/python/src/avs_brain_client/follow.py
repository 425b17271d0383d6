"""Staying up to date in the background: poll, long poll or stream, with jittered exponential backoff."""

import logging
import random
import threading
import time
from collections.abc import Callable

from avs_brain_client.config import ConfigHolder
from avs_brain_client.document import Subject
from avs_brain_client.errors import AvsError
from avs_brain_client.published import Source

log = logging.getLogger("avs_brain_client")

LONG_POLL_SECONDS = 30
HELD_SECONDS = 1.0
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 10.0


class Backoff:
    """Full jitter: anything from 0 to a bound that doubles with every failure, so that many clients spread out."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self.failures = 0

    def succeeded(self) -> None:
        self.failures = 0

    def failed(self) -> float:
        """How many seconds to wait before the next attempt."""
        self.failures += 1
        bound = min(FIRST_BACKOFF_SECONDS * 2 ** min(self.failures, 16), LONGEST_BACKOFF_SECONDS)
        return self._uniform(0.0, bound)


class Follower:
    """Keeps a ConfigHolder up to date until it is closed. `problem` is what went wrong last, None when nothing did.

    `longest_pause` bounds the time between two attempts, however many failed.
    """

    def __init__(
        self,
        source: Source,
        holder: ConfigHolder,
        subject: Subject,
        mode: str,
        poll_seconds: float,
        longest_pause: float = LONGEST_BACKOFF_SECONDS,
    ) -> None:
        self._source, self._holder, self._subject = source, holder, subject
        self._longest_pause = longest_pause
        self._poll_seconds = poll_seconds
        self._rounds = {"poll": self._poll, "longpoll": self._long_poll, "stream": self._stream}
        self._mode = mode
        self._backoff = Backoff()
        self._closed = threading.Event()
        self.problem: AvsError | None = None

    def refresh(self) -> None:
        """Ask once, now. Raises Unreachable or DocumentRefused; what is held stays in force then."""
        self._ask(0)

    def run(self) -> None:
        """Until `close`; nothing that goes wrong ends it."""
        while not self._closed.is_set():
            try:
                pause = self._rounds[self._mode]()
                self.problem = None
                self._backoff.succeeded()
            except AvsError as problem:
                pause = self._failed(problem)
            except Exception as problem:
                log.exception("Following the config failed in a way that was not foreseen.")
                pause = self._failed(AvsError(repr(problem)))
            self._closed.wait(pause)

    def close(self) -> None:
        self._closed.set()

    def _failed(self, problem: AvsError) -> float:
        self.problem = problem
        pause = min(self._backoff.failed(), self._longest_pause)
        log.info("No config from AVS Brain (%s); next attempt in %.1f s.", problem, pause)
        return pause

    def _ask(self, wait_seconds: int) -> bool:
        """Whether there was another document."""
        delivered = self._source.config(self._subject, self._holder.etag, wait_seconds)
        if delivered is None:
            self._holder.confirm()
        else:
            self._holder.adopt(delivered)
        return delivered is not None

    def _poll(self) -> float:
        self._ask(0)
        return self._poll_seconds * random.uniform(0.9, 1.1)  # noqa: S311

    def _long_poll(self) -> float:
        """No pause between rounds: the server holds each until something changed or its time is over. One that does
        not hold them is polled.
        """
        began = time.monotonic()
        changed = self._ask(LONG_POLL_SECONDS)
        return 0.0 if changed or time.monotonic() - began >= HELD_SECONDS else self._poll_seconds

    def _stream(self) -> float:
        """Asks once over the plain endpoint, so that a config is there even where streams are not let through; where
        they end at once, it is polled.
        """
        self._ask(0)
        began = time.monotonic()
        with self._source.stream(self._subject, self._holder.etag) as arriving:
            for delivered in arriving:
                if self._closed.is_set():
                    break
                if delivered is None:
                    self._holder.confirm()
                else:
                    self._holder.adopt(delivered)
                self.problem = None
                self._backoff.succeeded()
        held = time.monotonic() - began >= HELD_SECONDS
        return random.uniform(0.0, 1.0) if held else self._poll_seconds  # noqa: S311

"""Staying up to date in the background: poll, long poll or stream, with jittered exponential backoff."""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping

from avs_brain_client.config import ConfigHolder
from avs_brain_client.document import Subject
from avs_brain_client.errors import AvsError, DocumentRefused, TokenRefused
from avs_brain_client.problems import CONFIG_REFUSED, NEVER_LOADED, TOKEN_REFUSED, UNREACHABLE, Problems
from avs_brain_client.published import Source

log = logging.getLogger("avs_brain_client")

LONG_POLL_SECONDS = 30
HELD_SECONDS = 1.0
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 10.0
JITTER = random.SystemRandom()
"""Without a state that processes which were forked would share."""
PROBLEMS: Mapping[type[AvsError], str] = {
    TokenRefused: TOKEN_REFUSED,
    DocumentRefused: CONFIG_REFUSED,
    AvsError: UNREACHABLE,
}
"""How what goes wrong is told; the first kind that fits."""


class Backoff:
    """Full jitter: anything from 0 to a bound that doubles with every failure, so that many clients spread out."""

    def __init__(self, uniform: Callable[[float, float], float] = JITTER.uniform) -> None:
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
    """Keeps a ConfigHolder up to date until it is closed, and tells `problems` what goes wrong.

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
        *,
        problems: Problems,
    ) -> None:
        self._source, self._holder, self._subject, self._problems = source, holder, subject, problems
        self._longest_pause = longest_pause
        self._poll_seconds = poll_seconds
        self._rounds = {"poll": self._poll, "longpoll": self._long_poll, "stream": self._stream}
        self._mode = mode
        self._backoff = Backoff()

    def refresh(self) -> None:
        """Ask once, now. Raises Unreachable or DocumentRefused; what is held stays in force then."""
        try:
            self._ask(0)
        except AvsError as problem:
            self._tell(problem)
            raise
        self._succeeded()

    def run(self, closed: threading.Event) -> None:
        """Until `closed`; nothing that goes wrong ends it."""
        while not closed.is_set():
            try:
                pause = self._rounds[self._mode](closed)
                self._succeeded()
            except Exception as problem:
                if closed.is_set():  # its connections were closed under it
                    return
                if not isinstance(problem, AvsError):
                    log.exception("Following the config failed in a way that was not foreseen.")
                pause = self._failed(problem if isinstance(problem, AvsError) else AvsError(repr(problem)))
            closed.wait(pause)

    def _succeeded(self) -> None:
        self._backoff.succeeded()
        self._problems.end(*PROBLEMS.values(), NEVER_LOADED)

    def _failed(self, problem: AvsError) -> float:
        self._tell(problem)
        pause = min(self._backoff.failed(), self._longest_pause)
        log.debug("No config from AVS Brain (%s); next attempt in %.1f s.", problem, pause)
        return pause

    def _tell(self, problem: AvsError) -> None:
        kind = next(kind for kind in PROBLEMS if isinstance(problem, kind))
        self._problems.end(*(code for code in PROBLEMS.values() if code != PROBLEMS[kind]))
        self._problems.begin(PROBLEMS[kind], f"No config from AVS Brain: {problem} What is held stays in force.")
        if not self._holder.loaded.is_set():
            self._problems.begin(
                NEVER_LOADED, "There is no config yet, neither from AVS Brain nor on disk: nothing is enforced by one."
            )

    def _ask(self, wait_seconds: int) -> bool:
        """Whether there was another document."""
        delivered = self._source.config(self._subject, self._holder.etag, wait_seconds)
        if delivered is None:
            self._holder.confirm()
        else:
            self._holder.adopt(delivered)
        return delivered is not None

    def _poll(self, closed: threading.Event) -> float:
        self._ask(0)
        return self._poll_seconds * JITTER.uniform(0.9, 1.1)

    def _long_poll(self, closed: threading.Event) -> float:
        """No pause between rounds: the server holds each until something changed or its time is over. One that does
        not hold them is polled.
        """
        began = time.monotonic()
        changed = self._ask(LONG_POLL_SECONDS)
        return 0.0 if changed or time.monotonic() - began >= HELD_SECONDS else self._poll_seconds

    def _stream(self, closed: threading.Event) -> float:
        """Asks once over the plain endpoint, so that a config is there even where streams are not let through; where
        they end at once, it is polled.
        """
        self._ask(0)
        began = time.monotonic()
        with self._source.stream(self._subject, self._holder.etag) as arriving:
            for delivered in arriving:
                if closed.is_set():
                    break
                if delivered is None:
                    self._holder.confirm()
                else:
                    self._holder.adopt(delivered)
                self._succeeded()
        held = time.monotonic() - began >= HELD_SECONDS
        return JITTER.uniform(0.0, 1.0) if held else self._poll_seconds

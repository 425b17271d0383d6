"""The outages of the stores as the log tells them: one line when one begins, one when it is over.

A store in trouble refuses hundreds of requests a second for one reason. The line names the reason and the way on; the
last one says for how long and how many. A process tells of the outages that it met.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.errors import Unavailable

LOOK_SECONDS = 1.0
"""How often it is looked whether a store is well again, while one is not; and how long it must not have refused."""

log = logging.getLogger(__name__)


@dataclass
class _Outage:
    began: float
    refused_at: float
    refused: int


class Outages:
    """The outages under way in one process. `is_well` looks at a store by its name, `Unavailable.store`."""

    def __init__(self, is_well: Callable[[str], bool], *, look_seconds: float = LOOK_SECONDS) -> None:
        self._is_well, self._look_seconds = is_well, look_seconds
        self._open: dict[tuple[str, str], _Outage] = {}
        self._lock = threading.Lock()
        self._watcher = threading.Thread()

    def met(self, refusal: Unavailable, error: BaseException | None = None, *, requests: int = 1) -> None:
        """Count requests that were refused; the first of its kind begins an outage, whose cause is the error."""
        now = time.monotonic()
        with self._lock:
            outage = self._open.get(key := (refusal.store, refusal.code))
            if outage is not None:
                outage.refused, outage.refused_at = outage.refused + requests, now
                return
            self._open[key] = _Outage(now, now, requests)
            if not self._watcher.is_alive():
                self._watcher = threading.Thread(target=self._watch, name="avs-outages", daemon=True)
                self._watcher.start()
        cause = "" if error is None or error is refusal else f" [{in_a_line(error)}]"
        log.error("Outage of %s (%s) begins: %s%s", refusal.store, refusal.code, refusal.detail, cause)

    def is_under_way(self, store: str) -> bool:
        """Whether a store is in trouble, as far as this process knows."""
        with self._lock:
            return any(name == store for name, _ in self._open)

    def _watch(self) -> None:
        """Look until no outage is left; the thread ends with the last one."""
        while True:
            time.sleep(self._look_seconds)
            with self._lock:
                keys = list(self._open)
            for key in keys:
                if self._is_well(key[0]):
                    self._end(key)
            with self._lock:
                if not self._open:
                    self._watcher = threading.Thread()
                    return

    def _end(self, key: tuple[str, str]) -> None:
        now = time.monotonic()
        with self._lock:
            outage = self._open[key]
            if now - outage.refused_at < self._look_seconds:
                return
            del self._open[key]
        log.error(
            "Outage of %s (%s) is over: it lasted %.0f s and refused %d.", *key, now - outage.began, outage.refused
        )


def in_a_line(error: BaseException) -> str:
    """The error by its class and the first line of what it says; drivers add statements and links."""
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}"

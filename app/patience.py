"""How long work waits for what something else holds: a request some seconds, other work as long as it takes.

A request that waited for minutes would hold one of the few threads that answer all others; what works in the background
or on the command line has nobody behind it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.unavailable import BUSY, Store, refusal_of_failure, unavailable

REQUEST_SECONDS = 5.0
"""The longest that a request waits for a database or a folder that is locked; then it is refused with 503."""
INSIST_SECONDS = 1.0
"""How often work in the background tries again what a store in trouble did not take."""
_seconds: ContextVar[float | None] = ContextVar("patience", default=None)


def hurry(seconds: float | None = None) -> None:
    """Let what this thread does from now on wait so long for each lock; a request, `REQUEST_SECONDS`."""
    _seconds.set(REQUEST_SECONDS if seconds is None else seconds)


def deadline() -> float | None:
    """The end of a wait that begins now, on `time.monotonic`; None for one without end."""
    seconds = _seconds.get()
    return None if seconds is None else time.monotonic() + seconds


def left(ends: float | None, otherwise: float) -> float:
    """Seconds until the end of a wait, not below zero; `otherwise` for one without end."""
    return otherwise if ends is None else max(ends - time.monotonic(), 0.0)


def insist(action: Callable[[], None], *, seconds: float) -> None:
    """Do what has to be done as soon as the store in trouble takes it; raises its failure when it has not in time.

    For work in the background: it ends what it has begun. Every other exception is raised at once.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            action()
        except Exception as error:
            if refusal_of_failure(error) is None or time.monotonic() > ends:
                raise
            time.sleep(INSIST_SECONDS)
        else:
            return


@contextmanager
def turn(lock: threading.Lock, ends: float | None, store: Store) -> Iterator[None]:
    """Hold a lock of this process; Unavailable (503) when its turn has not come by the end of the wait."""
    if not lock.acquire(timeout=left(ends, -1)):
        raise unavailable(store, BUSY)
    try:
        yield
    finally:
        lock.release()

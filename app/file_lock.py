"""Locks between processes and threads that the kernel drops when their holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app import patience
from app.unavailable import BUSY, Store, unavailable

_LOOKS_SECONDS = 0.001
"""How often a wait with an end looks whether the lock is free: the kernel has no wait with an end."""


@contextmanager
def exclusive(path: Path, *, wait: bool = True, ends: float | None = None) -> Iterator[bool]:
    """Hold the lock file; yields False at once, holding nothing, when `wait` is false and another holds it.

    Waiters sleep in the kernel instead of polling. Those with an end (`patience.deadline`, else that of the thread's
    patience) look again and again, and get Unavailable (503) when it has come. Not re-entrant.
    """
    ends = patience.deadline() if ends is None else ends
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait and ends is None else fcntl.LOCK_NB))
        except BlockingIOError:
            if wait and ends is not None:
                _look_until(descriptor, ends)
            yield wait
        else:
            yield True
    finally:
        os.close(descriptor)


def _look_until(descriptor: int, ends: float) -> None:
    while time.monotonic() < ends:
        time.sleep(_LOOKS_SECONDS)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        return
    raise unavailable(Store.USAGE, BUSY)

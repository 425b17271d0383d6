"""What must not cross a fork: locks that another thread may hold, open files, connections and threads.

Whoever has any of them signs up with `renew_after_fork` when it is made. SQLite must not even be open while a process
forks (the child would believe in file locks that it does not have), so files are closed before it, once nobody uses
them, and opened again by whoever needs them next, on both sides.
"""

import os
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Protocol, TypeVar, runtime_checkable

PATIENCE_SECONDS = 5.0
"""For how long a fork waits for files that are in use; then the child leaves the parent's alone and opens its own."""


class Renewed(Protocol):
    """Has something that a child must not take over."""

    def after_fork(self) -> None:
        """Make it anew: called in the child, before anything else runs there, in the order of signing up."""


@runtime_checkable
class Closed(Renewed, Protocol):
    """Has files that must be closed while the process forks."""

    lock: threading.Lock
    """Held whenever the files are in use."""

    def before_fork(self) -> None:
        """Close them; `lock` is held."""


Owner = TypeVar("Owner", bound=Renewed)

_owners: "dict[int, weakref.ref[Renewed]]" = {}
_abandoned: list[object] = []
_forking = threading.Lock()
_held: list[threading.Lock] = []


def renew_after_fork(owner: Renewed) -> None:
    """Sign up for as long as the owner lives."""
    key = id(owner)
    _owners[key] = weakref.ref(owner, lambda _: _owners.pop(key, None))


def abandon(thing: object) -> None:
    """Keep what the parent still uses from being closed, or even cleaned up, by the child."""
    _abandoned.append(thing)


def _living() -> list[Renewed]:
    return [owner for reference in list(_owners.values()) if (owner := reference()) is not None]


def _before() -> None:
    _forking.acquire(timeout=PATIENCE_SECONDS)
    owners = [owner for owner in _living() if isinstance(owner, Closed)]
    _held.extend(_all_or_what_there_is([owner.lock for owner in owners]))
    for owner in owners:
        if owner.lock in _held:
            owner.before_fork()


def _all_or_what_there_is(locks: Iterable[threading.Lock]) -> list[threading.Lock]:
    """All of the locks, and none while any is missing, for threads take several in an order of their own; when the
    patience is over, those that are free.
    """
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        mine = [lock for lock in locks if lock.acquire(blocking=False)]
        if len(mine) == len(list(locks)) or time.monotonic() >= ends:
            return mine
        for lock in mine:
            lock.release()
        time.sleep(0.001)


def _after_in_parent() -> None:
    while _held:
        _held.pop().release()
    if _forking.locked():
        _forking.release()


def _after_in_child() -> None:
    global _forking
    _forking = threading.Lock()
    _held.clear()
    for owner in _living():
        owner.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)

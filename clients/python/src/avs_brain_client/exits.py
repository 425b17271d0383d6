"""What runs is closed when its process ends of itself, however Python ends it; a process that is killed is no exit."""

import atexit
import sys
import weakref
from importlib import import_module
from typing import Protocol

_MULTIPROCESSING = ("multiprocessing.util", "billiard.util")
"""Their children end without the handlers of `atexit`, and with finalizers of their own."""


class Closing(Protocol):
    """Something that must not just be forgotten."""

    def close(self) -> None:
        """In bounded time."""


_open: "weakref.WeakSet[Closing]" = weakref.WeakSet()


def close_at_exit(thing: Closing) -> None:
    """Close it when the process ends, unless it is gone by then; once more in every forked child that calls this."""
    _open.add(thing)
    for name in _MULTIPROCESSING:
        if name in sys.modules:
            util = import_module(name)
            util.Finalize(None, _close_all, exitpriority=1)
            util.register_after_fork(thing, _finalize_in_child)  # children forget the finalizers that they find


def forget(thing: Closing) -> None:
    """It is closed."""
    _open.discard(thing)


def _finalize_in_child(thing: Closing) -> None:
    close_at_exit(thing)


def _close_all() -> None:
    for thing in list(_open):
        thing.close()


atexit.register(_close_all)

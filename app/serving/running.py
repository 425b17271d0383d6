"""Becoming the server: from the process of a command to the main process of workers."""

import gc
import os
import resource
import socket
import sys
from collections.abc import Callable
from contextvars import Context
from importlib import import_module

from app.limits import limits
from app.loading import undisturbed
from app.serving.supervisor import Supervisor, listen
from app.serving.worker import APPLICATION


def serve(host: str, port: int, workers: int, ready: Callable[[], None] = lambda: None) -> int:
    """Serve until told to stop; the exit status. `ready` is called once a worker answers. Raises OSError, BadSetting.

    Workers are forks, which find the product loaded and share its memory. Where Python does not fork (macOS), each
    worker loads the product for itself.
    """
    listener = listen(host, port, limits(os.environ).client_seconds)
    with undisturbed():
        import_module(APPLICATION[0])  # by its name, for it stands on a floor above
    gc.freeze()  # the collector would write to every object, and so give each worker a copy of its own
    _allow_open_files()
    sys.stdout.flush()
    without_application = Context()
    return without_application.run(_supervise, listener, workers, ready)


def _supervise(listener: socket.socket, workers: int, ready: Callable[[], None]) -> int:
    return Supervisor(listener, workers, ready).run()


def _allow_open_files() -> None:
    """Raise the limit of open files as far as the machine allows: each listener takes one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

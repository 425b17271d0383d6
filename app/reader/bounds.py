"""The limits that a reading process puts on itself: time, memory, and that it writes no file.

They hold when the server that started it is gone, too: then the process ends at once, and at the latest by its alarm.
"""

import os
import resource
import signal
import sys
import threading
from time import sleep

from app.sizes import MAX_READER_BYTES, MAX_READING_SECONDS

OUT_OF_MEMORY = 3
"""The exit status of a process that went beyond its memory."""
_WATCH_SECONDS = 0.1
_BEHIND = 10  # steps of priority: whoever asks the server for something goes first


def hold(server_pid: int, seconds: int = MAX_READING_SECONDS) -> None:
    """Put the limits on this process, whose libraries are loaded by now, and which the server of this id started."""
    os.nice(_BEHIND)
    signal.alarm(seconds)  # ends the process, whatever it is doing
    for kind, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_DATA, MAX_READER_BYTES),
        (resource.RLIMIT_AS, 2 * MAX_READER_BYTES),  # libraries and their files are addresses, not memory
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _limit(kind, most)
    threading.Thread(target=_watch, args=(server_pid,), daemon=True).start()


def _limit(kind: int, most: int) -> None:
    """Lower a limit; where the system does not know it, as macOS some of memory, the watch has to do."""
    _, hard = resource.getrlimit(kind)
    lowered = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(kind, (lowered, hard))
    except (ValueError, OSError):
        return


def _watch(server_pid: int) -> None:
    """End the process when the server that started it is gone, or when it takes more memory than it may."""
    while True:
        sleep(_WATCH_SECONDS)
        if os.getppid() != server_pid:
            os._exit(1)
        if sys.platform == "darwin" and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MAX_READER_BYTES:
            os._exit(OUT_OF_MEMORY)

"""The main process of the server: it listens, begins the workers, and sees to it that each place has one that works.

worker ended or hung → another one in its place, at once; after failures in a row, later and later
SIGTERM, SIGINT, SIGHUP → every worker stops, within STOPPED_WITHIN seconds; a second signal → at once
main process gone → its workers stop by themselves, within as many seconds (worker.py)
"""

import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import ForkContext, SpawnContext
from multiprocessing.process import BaseProcess

from app.serving.health import answers
from app.serving.worker import BACKLOG, DUMP_SIGNAL, STOPPED_WITHIN, work

LOOK_SECONDS = 1.0
HUNG_SECONDS = 30.0
"""Without a beat for so long a worker hangs: it is killed, and the log says where it was."""
START_SECONDS = 120.0
"""And so long it may take until its first beat."""
STEADY_SECONDS = 10.0
"""A worker that lived so long was no failure, whatever ended it."""
LONGEST_PAUSE = 30.0
DUMP_SECONDS = 0.5
KILLED_WITHIN = 1.0
"""Seconds that a killed worker has to be gone, and the port with it, before the main process ends."""
SAME_SIGNAL_SECONDS = 0.5
"""A signal may come twice, to the process and to its group; what comes later was meant as a second one."""

_logger = logging.getLogger(__name__)
_processes: ForkContext | SpawnContext = (
    multiprocessing.get_context("fork") if sys.platform == "linux" else multiprocessing.get_context("spawn")
)


def listen(host: str, port: int, client_seconds: float) -> socket.socket:
    """The socket that all workers accept from. Raises OSError when the address cannot be had.

    The kernel closes connections whose client has vanished, or takes nothing of what is sent to it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_USER_TIMEOUT", int(client_seconds * 1000)),
        ("TCP_KEEPIDLE", int(client_seconds)),
        ("TCP_KEEPINTVL", max(int(client_seconds / 3), 1)),
        ("TCP_KEEPCNT", 3),
    ):
        if hasattr(socket, option):  # what a system does not have it does in its own way
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return listener


@dataclass
class Place:
    """The place of one worker: its process, None before the next one begins at `due`, and its failures in a row.

    Times are seconds of the monotonic clock.
    """

    number: int
    process: BaseProcess | None = None
    began: float = 0.0
    due: float = 0.0
    failures: int = 0


class Supervisor:
    """Keeps `workers` processes at work on a listener; `ready` is called once, when the health check answers."""

    def __init__(self, listener: socket.socket, workers: int, ready: Callable[[], None] = lambda: None) -> None:
        self._listener, self._ready = listener, ready
        self._places = [Place(number) for number in range(workers)]
        self._beats = _processes.Array("d", workers, lock=False)
        self._is_ready, self._is_announced, self._has_failed = False, False, False
        self._stopped_at: float | None = None
        self._looked_at = time.monotonic()

    def run(self) -> int:
        """Serve until told to stop; the exit status: 1 when no worker ever came to serve."""
        with _waking() as woken:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
                    signal.signal(number, self._told)
            while self._stopped_at is None and not self._has_failed:
                self._look()
                self._sleep(woken, LOOK_SECONDS)
            self._stop()
        return int(self._has_failed)

    def _told(self, _number: int, _frame: object) -> None:
        now = time.monotonic()
        if self._stopped_at is None:
            self._stopped_at = now
        elif now - self._stopped_at > SAME_SIGNAL_SECONDS:
            self._kill_all()
            os._exit(1)

    def _look(self) -> None:
        """Look at every place once."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_SECONDS + HUNG_SECONDS / 2:  # it was this process that stood still
            self._beats[:] = [beat and now for beat in self._beats]
        self._looked_at = now
        for place in self._places:
            if place.process is None:
                if now >= place.due:
                    self._begin(place, now)
            elif not place.process.is_alive():
                self._ended(place, place.process, now)
            elif now - (self._beats[place.number] or place.began + START_SECONDS - HUNG_SECONDS) > HUNG_SECONDS:
                self._kill_hung(place.process)
        self._is_ready = self._is_ready or any(self._beats)
        if self._is_ready and not self._is_announced and answers(self._listener):
            self._is_announced = True
            self._ready()

    def _begin(self, place: Place, now: float) -> None:
        self._beats[place.number] = 0.0
        arguments = (self._listener, place.number, self._beats, os.getpid())
        place.process, place.began = _processes.Process(target=work, args=arguments), now
        place.process.start()

    def _ended(self, place: Place, process: BaseProcess, now: float) -> None:
        """Note the end of a worker, and when the next one begins."""
        lived = now - place.began
        place.failures = 0 if lived >= STEADY_SECONDS else place.failures + 1
        pause = min(2.0 ** (place.failures - 2), LONGEST_PAUSE) if place.failures > 1 else 0.0
        place.process, place.due = None, now + pause
        self._has_failed = not self._is_ready
        following = f"another one begins in {pause:.0f} s" if self._is_ready else "the server stops"
        _logger.error(
            "Worker %d (process %s) ended after %.0f s with %s: %s.",
            place.number + 1,
            process.pid,
            lived,
            _reason(process.exitcode),
            following,
        )
        self._beats[place.number] = 0.0
        process.close()

    def _kill_hung(self, process: BaseProcess) -> None:
        _logger.error("Worker process %s has hung for %.0f s; this is where it was:", process.pid, HUNG_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid or 0, DUMP_SIGNAL)
        process.join(DUMP_SECONDS)
        process.kill()

    def _sleep(self, woken: int, seconds: float) -> None:
        """Until a worker ends, a signal comes, the next worker is due, or the time is over."""
        now = time.monotonic()
        seconds = min([seconds, *(max(place.due - now, 0) for place in self._places if place.process is None)])
        if not self._is_announced:
            seconds = min(seconds, 0.05)
        sentinels = [place.process.sentinel for place in self._places if place.process is not None]
        connection.wait([woken, *sentinels], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4_096)

    def _stop(self) -> None:
        """Tell every worker to stop, and wait for them; kill those that take too long."""
        processes = [place.process for place in self._places if place.process is not None]
        for process in processes:
            process.terminate()
        self._listener.close()
        ends = time.monotonic() + STOPPED_WITHIN
        for process in processes:
            process.join(max(ends - time.monotonic(), 0))
        self._kill_all()

    def _kill_all(self) -> None:
        """Kill every worker that is left, and wait until it is gone: whoever waits for the server may have its port."""
        left = [place.process for place in self._places if place.process is not None and place.process.is_alive()]
        for process in left:
            process.kill()
        ends = time.monotonic() + KILLED_WITHIN
        for process in left:
            process.join(max(ends - time.monotonic(), 0))


def _reason(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"signal {-exitcode}"
    return f"status {exitcode}"


@contextlib.contextmanager
def _waking() -> Iterator[int]:
    """A descriptor that becomes readable with every signal."""
    woken, waking = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waking, False)
    before = signal.set_wakeup_fd(waking)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(waking)

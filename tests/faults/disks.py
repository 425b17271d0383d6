"""A disk that can be filled: a small one in memory where we may mount it, else a limit on the size of every file."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults.running import Server

NONE_LARGER = 4096
"""The limit of sizes: files that are longer can be read, and none can grow."""


@dataclass
class Disk:
    """Where a server keeps its data. `codes` are what it may say of it when it is full."""

    folder: Path
    is_mounted: bool

    @property
    def codes(self) -> tuple[str, ...]:
        """A limit of sizes is an error of writing to SQLite, not a full disk."""
        return ("storage_full",) if self.is_mounted else ("storage_full", "storage_failing")

    def fill(self, server: Server) -> None:
        """Leave no room on it."""
        if not self.is_mounted:
            self._limit(server, NONE_LARGER)
            return
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            for size in (2**20, 4096, 1):
                _write_until_full(ballast.fileno(), size)

    def free(self, server: Server) -> None:
        """Make room on it again."""
        if not self.is_mounted:
            self._limit(server, resource.RLIM_INFINITY)
            return
        (self.folder / "ballast").unlink()

    def _limit(self, server: Server, size: int) -> None:
        assert server.process is not None
        for process in [psutil.Process(server.process.pid), *server.workers()]:
            process.rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _write_until_full(descriptor: int, size: int) -> None:
    try:
        while os.write(descriptor, b"\0" * size) == size:
            pass
    except OSError:
        return


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk of this size at the folder; without the right to mount one, the folder as it is."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield Disk(folder, is_mounted)
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)

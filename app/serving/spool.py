"""Room for what clients send and take at their own speed: a little memory, and beyond it files without names."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, TypeVar, TypeVarTuple, cast

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

PIECE = 1024 * 1024
"""Bytes of one body, or of one answer, that stay in memory; a batch of 1,000 events has a third of that."""
SMALL_PIECE = 8 * 1024
"""And those that do once all of them together hold MAX_HELD."""
MAX_HELD = 32 * 1024 * 1024


class Spool:
    """The room of one process. Its files have no name, so nothing of them outlives the process.

    Files are opened, written, read and closed on one thread of their own, in order: a slow disk stops neither the
    event loop nor what reads documents for apps.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self.held = 0

    @property
    def piece(self) -> int:
        """Bytes that one more body or answer may hold in memory."""
        return PIECE if self.held < MAX_HELD else SMALL_PIECE

    def open(self) -> BinaryIO:
        """A new file; it is gone as soon as it is closed."""
        return cast(BinaryIO, TemporaryFile(dir=self._folder, buffering=0))

    def close(self, file: BinaryIO) -> None:
        """Close a file after what is still to be done with it; what is in memory needs no closing."""
        if not isinstance(file, BytesIO):
            self._disk.submit(file.close)

    async def on_disk(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        """The result of work on a file. Raises OSError, as on a full disk."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)


def write_all(file: BinaryIO, content: bytes) -> None:
    """Write all of it: a file without a buffer may take less at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]

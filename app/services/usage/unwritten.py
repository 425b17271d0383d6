"""Events that the store's disk has no room for as Parquet, so that they can be read all the same.

They are safe in the index's tail. While the store cannot write, a reading gets them from a scratch folder of the
system: the same files, of the same events, and so the same figures and digest.
"""

import shutil
import tempfile
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.services.usage.index import Index, partition
from app.services.usage.soundness import damaged_usage, damages_of
from app.services.usage.stored_file import StoredFile

MAX_FOLDERS = 8
"""How many scratch folders are kept: whoever reads one must have read it when so many newer ones were made."""


@dataclass(frozen=True)
class _Scratch:
    """The tail of a workspace up to a batch as files in a folder; the files' paths are absolute."""

    workspace_id: str
    last: int
    folder: Path
    files: list[StoredFile]


class Unwritten:
    """The scratch folders of one store; each goes when newer ones take its place, or with the process."""

    def __init__(self, root: Path, index: Index) -> None:
        self._root, self._index = root, index
        self._scratches: deque[_Scratch] = deque()
        weakref.finalize(self, _remove, self._scratches)

    def files(self, workspace_id: str) -> list[StoredFile]:
        """The files of the workspace, and its tail as files with absolute paths, as of one instant.

        Raises DamagedUsage when a file is not what was stored.
        """
        with self._index.reading() as connection:
            workspace = partition(connection, workspace_id)
            rows, last = workspace.tail_extent()
            batches = [(events, origin) for _number, _rows, events, origin in workspace.tail(last)] if rows else []
            files = workspace.files()
        if damages := damages_of(self._root, files):
            raise damaged_usage(workspace_id, damages)
        return files + (self._scratch(workspace_id, last, batches) if batches else [])

    def _scratch(self, workspace_id: str, last: int, batches: Sequence[tuple[bytes, str | None]]) -> list[StoredFile]:
        from app.services.usage import parquet  # late: only a workspace with events needs Arrow

        for scratch in tuple(self._scratches):
            if (scratch.workspace_id, scratch.last) == (workspace_id, last):
                return scratch.files
        folder = Path(tempfile.mkdtemp(prefix="avs-unwritten-"))
        written = parquet.write_tail(batches, workspace_id, folder)
        files = [replace(file, path=str(folder / file.path)) for file in written]
        self._scratches.append(_Scratch(workspace_id, last, folder, files))
        _remove(self._scratches, MAX_FOLDERS)
        return files


def _remove(scratches: deque[_Scratch], leaving: int = 0) -> None:
    """Remove the oldest folders until so many are left."""
    while len(scratches) > leaving:
        shutil.rmtree(scratches.popleft().folder, ignore_errors=True)

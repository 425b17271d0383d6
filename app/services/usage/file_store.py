"""The files of the event store: which of them count, whether they are sound, and what to do where they are not.

The store opens only with an index that is that of its files: a lost or an older one is made anew first (reindexing.py).
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import not_found
from app.file_lock import exclusive
from app.services.usage import staging
from app.services.usage.index import Index, partition
from app.services.usage.keeping_up import is_behind, of_another_store, open_index, set_index_aside
from app.services.usage.manifest import Manifest
from app.services.usage.set_aside import TAKEN_IN, TAKEN_OUT, UNKNOWN_TO_INDEX, files_aside, give_reason, set_aside
from app.services.usage.soundness import Damage, damaged_usage, damages_of, with_digest
from app.services.usage.stored_file import FILE_COLUMNS, StoredFile, stored_files

if TYPE_CHECKING:
    from app.services.usage.reindexing import Reindexed, TakenIn

_log = logging.getLogger(__name__)


class FileStore:
    """The files under one folder, with their index and its manifest."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        (self.root / "incoming").mkdir(parents=True, exist_ok=True)
        self.index = open_index(self.root)
        self.manifest = Manifest(self.root)
        self.reindexed = self._reindex_if_behind()
        """What was found when the index had to be made anew on opening; None when it had not."""

    def _reindex_if_behind(self) -> "Reindexed | None":
        """Make the index anew where it is lost or older than the files: two processes that notice it do it once.

        Where a killed process has left the manifest behind, it follows now, unless another process is about to do it.
        """
        if not is_behind(self.root, self.index, self.manifest):
            if self.manifest.lags(self.index):
                with self.maintaining(wait=False):
                    pass  # the end of maintaining is where the manifest follows
            return None
        with self.maintaining():
            if not is_behind(self.root, self.index, self.manifest):
                return None
            if of_another_store(self.index, self.manifest):
                self.index.close()
                set_index_aside(self.root)
                self.index = Index(self.root)
            return self._reindex()

    def _reindex(self) -> "Reindexed":
        from app.services.usage import reindexing

        done = reindexing.reindex(self.root, self.index, self.manifest)
        _log.warning("%s", done.sentence)
        return done

    def reindex(self) -> "Reindexed":
        """Make the index anew from the files, as they are. DamagedUsage when one is not what was stored."""
        with self.index.reading() as connection:
            names = _workspaces(connection)
        for workspace_id in names:
            self.sound_files(workspace_id)
        with self.maintaining():
            self.manifest.follow(self.index)
            return self._reindex()

    def take_in(self, now: datetime) -> "list[TakenIn]":
        """Store the events of the files that were set aside as unknown; each of them is kept, and counts once.

        A file whose events cannot be read stays where it is. `now`: aware.
        """
        from app.services.usage import reindexing

        taken_in = []
        for aside in files_aside(self.root):
            if aside.reason == UNKNOWN_TO_INDEX:
                with self.maintaining():
                    if (done := reindexing.take_in(self.root, self.index, aside)) is not None:
                        taken_in.append(done)
                        give_reason(self.root, aside, now, TAKEN_IN)
        return taken_in

    def take_out(self, path: str, now: datetime) -> "tuple[str, StoredFile]":
        """Let a file's events no longer count and set it aside, where it is; returns its workspace and what it was.

        NotFound for a path, relative to the store, that no file which counts has. `now`: aware.
        """
        from app.services.usage import reindexing

        with self.maintaining():
            with self.index.reading() as connection:
                workspace_id, file = _file_of(connection, path)
            reindexing.forget(self.root, self.index, workspace_id, file)
            if (self.root / path).exists():
                set_aside(self.root, [path], now, TAKEN_OUT)
        return workspace_id, file

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self.index.close()

    def all_damages(self, *, bytes_too: bool, anew: bool = False) -> dict[str, list[Damage]]:
        """The files of each workspace that are not what was stored; see `soundness.damage_of`."""
        with self.index.reading() as connection:
            names = _workspaces(connection)
        return {
            name: damages_of(self.root, self.files_that_count(name), bytes_too=bytes_too, anew=anew) for name in names
        }

    def count_files(self) -> int:
        """How many files count."""
        with self.index.reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM file").fetchone()
        return int(count)

    def damages(self, workspace_id: str) -> list[Damage]:
        """The workspace's files that are not what was stored; most questions find them in the folder alone."""
        return damages_of(self.root, self.files_that_count(workspace_id))

    def sound_files(self, workspace_id: str) -> list[StoredFile]:
        """The workspace's files; DamagedUsage when one is not what was stored. Learns what is not known of old ones."""
        files = self.files_that_count(workspace_id)
        if damages := damages_of(self.root, files):
            raise damaged_usage(workspace_id, damages)
        if any(not file.keyed for file in files):
            from app.services.usage import reindexing

            with self.maintaining():
                reindexing.enter_restored(self.root, self.index, workspace_id)
            files = self.files_that_count(workspace_id)
        if not any(file.sha256 is None for file in files):
            return files
        with self.index.writing() as connection:
            partition(connection, workspace_id).learn_digests(
                with_digest(self.root, file) for file in files if file.sha256 is None
            )
        return self.files_that_count(workspace_id)

    def files_that_count(self, workspace_id: str) -> list[StoredFile]:
        with self.index.reading() as connection:
            return partition(connection, workspace_id).files()

    @contextmanager
    def maintaining(self, *, wait: bool = True) -> Iterator[bool]:
        """Hold the right to move files into, within and out of the store."""
        with exclusive(self.root / "maintenance.lock", wait=wait) as mine:
            try:
                yield mine
            finally:
                if mine:
                    self._follow()

    def _follow(self) -> None:
        """Let the manifest follow the index. What it cannot do now it does the next time: the index alone decides."""
        try:
            self.manifest.follow(self.index)
        except (sqlite3.Error, OSError) as error:
            _log.warning("The manifest of the usage events could not be written: %s", error)

    def sweep(self, now: datetime, grace: timedelta) -> staging.Swept:
        """Delete replaced files that a sweep met at least `grace` ago; set aside files that the index does not know.

        `grace` must outlast the longest reading of files.
        """
        with self.maintaining():
            return staging.sweep(self.root, self.index, now, grace)


def _workspaces(connection: sqlite3.Connection) -> list[str]:
    """The workspaces that the index knows, in order."""
    return [row[0] for row in connection.execute("SELECT workspace_id FROM workspace ORDER BY workspace_id")]


def _file_of(connection: sqlite3.Connection, path: str) -> tuple[str, StoredFile]:
    """The file that counts under a path, with its workspace. NotFound when there is none."""
    rows = connection.execute(
        f"SELECT workspace_id, {FILE_COLUMNS} FROM file JOIN workspace ON workspace.no = file.workspace "  # noqa: S608
        "WHERE path = ?",
        (path,),
    ).fetchall()
    if not rows:
        raise not_found("usage file", path)
    return rows[0][0], stored_files([rows[0][1:]])[0]

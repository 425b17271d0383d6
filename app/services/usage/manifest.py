"""The manifest: a small copy of what the index says of files and imports, from which it can be made anew (spec 4.1).

    <root>/manifest.sqlite      which files count, their digests, and the imports and batches with what became of them

The index stays the one place that decides. After each change of files the manifest follows it, and both count how often
files have changed: an index that knows of fewer changes than the manifest is an older one, put back from a backup. An
index that knows of more was ended between its commit and the manifest's, which follows it the next time. Event ids are
not in it: they stand in the files themselves.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from app.services.usage.index import Index, State
from app.services.usage.stored_file import FILE_COLUMNS, StoredFile, stored_files

ORIGIN_COLUMNS = "usage_import_id, source, received_at, accepted, duplicates, conflicts, undone_at"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, month TEXT NOT NULL, rows INTEGER NOT NULL, min_ts TEXT NOT NULL,
    max_ts TEXT NOT NULL, digest TEXT NOT NULL, dimensions TEXT NOT NULL, numbers TEXT NOT NULL, segments TEXT,
    sha256 TEXT, size INTEGER, keyed INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS origin (
    workspace_id TEXT NOT NULL, usage_import_id TEXT NOT NULL, source TEXT NOT NULL, received_at TEXT NOT NULL,
    accepted INTEGER NOT NULL, duplicates INTEGER NOT NULL, conflicts INTEGER NOT NULL, undone_at TEXT,
    PRIMARY KEY (usage_import_id, workspace_id)
) WITHOUT ROWID;
-- Files that were replaced, by merging or without events that were taken out: they do not count, whoever finds them.
CREATE TABLE IF NOT EXISTS superseded (path TEXT PRIMARY KEY) WITHOUT ROWID;
-- One row: the index that it followed, and the number of the last import that it copied.
CREATE TABLE IF NOT EXISTS state (
    store TEXT NOT NULL, generation INTEGER NOT NULL, edition INTEGER NOT NULL, last_origin INTEGER NOT NULL
);
"""
_OF_INDEX = "FROM idx.file JOIN idx.workspace ON workspace.no = file.workspace"
_OLD_ORIGINS_END = "SELECT max(last_origin) FROM state WHERE (store, edition) = (SELECT store, edition FROM idx.state)"
_FOLLOW = (
    "DELETE FROM file WHERE path NOT IN (SELECT path FROM idx.file)",
    f"INSERT OR REPLACE INTO file (workspace_id, {FILE_COLUMNS}) SELECT workspace_id, {FILE_COLUMNS} {_OF_INDEX} "  # noqa: S608
    f"EXCEPT SELECT workspace_id, {FILE_COLUMNS} FROM file",
    f"INSERT OR REPLACE INTO origin (workspace_id, {ORIGIN_COLUMNS}) SELECT workspace_id, {ORIGIN_COLUMNS} "  # noqa: S608
    "FROM idx.origin JOIN idx.workspace ON workspace.no = origin.workspace "
    f"WHERE undone_at IS NOT NULL OR origin.no > coalesce(({_OLD_ORIGINS_END}), 0)",
    "INSERT OR IGNORE INTO superseded SELECT path FROM idx.superseded",
    "DELETE FROM state",
    "INSERT INTO state SELECT store, generation, edition, (SELECT coalesce(max(no), 0) FROM idx.origin) FROM idx.state",
)


class Manifest:
    """The manifest of the store under a folder. It is written only while the store's maintenance lock is held."""

    def __init__(self, root: Path) -> None:
        self.path = root / "manifest.sqlite"

    def state(self) -> State | None:
        """What it followed last; None when there is no manifest, or none that can be read."""
        if not self.path.exists():
            return None
        try:
            with self._connected() as connection:
                row = connection.execute("SELECT store, generation, edition FROM state").fetchone()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            return None
        return State(*row) if row else None

    def files(self) -> list[tuple[str, StoredFile]]:
        """Every file that counts, with its workspace, by path."""
        with self._connected() as connection:
            rows = connection.execute(f"SELECT workspace_id, {FILE_COLUMNS} FROM file ORDER BY path").fetchall()  # noqa: S608
        return list(zip((row[0] for row in rows), stored_files(row[1:] for row in rows), strict=True))

    def superseded(self) -> list[str]:
        """The paths of files that were replaced, whether or not they are still there."""
        with self._connected() as connection:
            return [row[0] for row in connection.execute("SELECT path FROM superseded ORDER BY path")]

    def origins(self) -> list[tuple[Any, ...]]:
        """Every import and batch, oldest first: its workspace, then ORIGIN_COLUMNS."""
        order = "received_at, usage_import_id, workspace_id"
        with self._connected() as connection:
            return connection.execute(
                f"SELECT workspace_id, {ORIGIN_COLUMNS} FROM origin ORDER BY {order}"  # noqa: S608  constants
            ).fetchall()

    def lags(self, index: Index) -> bool:
        """Whether the index has changed since."""
        state = index.state()
        return state.generation > 0 and self.state() != state

    def follow(self, index: Index) -> None:
        """Copy what has changed in the index since; nothing when nothing has."""
        if not self.lags(index):
            return
        if self.state() is None:
            self.path.unlink(missing_ok=True)  # a copy that nobody can read: the index has all of it
        with self._connected() as connection:
            connection.execute("ATTACH ? AS idx", (str(index.path),))
            connection.execute("BEGIN")
            for statement in _FOLLOW:
                connection.execute(statement)
            connection.execute("COMMIT")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as connection:
            connection.executescript(_SCHEMA)
            yield connection

"""The SQLite index of the event store: committed files, taken event ids, and the tail of events that wait for Parquet.

One transaction of it is the commit point of every change, so a process killed at any instant leaves the old state or
the new one. WAL with synchronous=FULL: an accepted batch survives the loss of power too, not only of the process.
"""

import json
import os
import queue
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from app.file_lock import exclusive

_SCHEMA = """
CREATE TABLE IF NOT EXISTS workspace (no INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL UNIQUE);
-- The ids of all events in Parquet. Those of the tail stand beside it and come here, sorted, when it is flushed:
-- random ids one batch at a time would rewrite most of this tree's pages with each batch.
CREATE TABLE IF NOT EXISTS event_key (
    workspace INTEGER NOT NULL REFERENCES workspace, event_id TEXT NOT NULL, PRIMARY KEY (workspace, event_id)
) WITHOUT ROWID;
-- Accepted batches not yet in Parquet; AUTOINCREMENT because readers remember how far they have read.
CREATE TABLE IF NOT EXISTS tail (
    no INTEGER PRIMARY KEY AUTOINCREMENT, workspace INTEGER NOT NULL REFERENCES workspace, rows INTEGER NOT NULL,
    event_ids TEXT NOT NULL, events BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS tail_by_workspace ON tail (workspace, no, rows);
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, workspace INTEGER NOT NULL REFERENCES workspace, month TEXT NOT NULL, rows INTEGER NOT NULL,
    min_ts TEXT NOT NULL, max_ts TEXT NOT NULL, digest TEXT NOT NULL, dimensions TEXT NOT NULL, numbers TEXT NOT NULL,
    segments TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_by_workspace ON file (workspace, month);
-- Replaced files, kept for those who are reading them; seen_at is when a sweep first met them.
CREATE TABLE IF NOT EXISTS superseded (path TEXT PRIMARY KEY, seen_at TEXT) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class SegmentShare:
    """The events of one segment in a file: how many, and the XOR of their digests."""

    segment: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One committed Parquet file: path relative to the store, rows, times (naive UTC), and its columns.

    `digest`: XOR of the SHA-256 of its events, 64 hexadecimal digits. `dimensions` have a `d_` column in it, `numbers`
    an `n_` column too. `segments` are the parts of it by segment, in order; None for a file that was written before
    the index kept them.
    """

    path: str
    month: str
    rows: int
    min_ts: datetime
    max_ts: datetime
    digest: str
    dimensions: tuple[str, ...]
    numbers: tuple[str, ...]
    segments: tuple[SegmentShare, ...] | None = None


def combine(digests: Iterable[str]) -> str:
    """The digest of the union of disjoint sets of events."""
    total = 0
    for digest in digests:
        total ^= int(digest, 16)
    return f"{total:064x}"


class Index:
    """Connections to the index, safe for threads, processes and forks."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "index.sqlite"
        self._lock = directory / "index.lock"
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._process = os.getpid()
        with exclusive(self._lock), self._connection() as connection:
            connection.executescript(_SCHEMA)
            _add_segments(connection)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the index, for reading only."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; an exception rolls it back.

        Writers queue at a lock file, in the kernel: SQLite's own waiting polls, and gives up as "database is locked".
        """
        with exclusive(self._lock), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Close the idle connections; the index opens new ones when it is used again."""
        while not self._idle.empty():
            self._idle.get().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._process != os.getpid():  # a fork must not use its parent's connections
            self._idle, self._process = queue.SimpleQueue(), os.getpid()
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._open()
        try:
            yield connection
        finally:
            if connection.in_transaction:  # a commit or rollback that failed: start afresh
                connection.close()
            else:
                self._idle.put(connection)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000"):
            connection.execute(f"PRAGMA {setting}")
        return connection


@dataclass(frozen=True, slots=True)
class Partition:
    """One workspace's part of the index, within the transaction of `connection`.

    The index knows a workspace by a small number. One that has no events yet has the number 0, which no row has.
    """

    connection: sqlite3.Connection
    number: int

    def taken_ids(self, event_ids: Sequence[str]) -> list[str]:
        """Those of the ids that an event in Parquet already has. Ids past the greatest one, made in order, are free."""
        (greatest,) = self.connection.execute(
            "SELECT max(event_id) FROM event_key WHERE workspace = ?", (self.number,)
        ).fetchone()
        event_ids = [event_id for event_id in event_ids if greatest is not None and event_id <= greatest]
        return event_ids and [
            row[0]
            for row in self.connection.execute(
                "SELECT value FROM json_each(?) WHERE EXISTS "
                "(SELECT 1 FROM event_key WHERE workspace = ? AND event_id = value)",
                (_json(event_ids), self.number),
            )
        ]

    def take_ids(self, event_ids: Sequence[str]) -> int:
        """Take ids for events in Parquet; returns how many of them were free."""
        return self.connection.execute(
            "INSERT OR IGNORE INTO event_key SELECT ?, value FROM json_each(?)", (self.number, _json(event_ids))
        ).rowcount

    def files(self) -> list[StoredFile]:
        """The committed files by month and path."""
        rows = self.connection.execute(
            "SELECT path, month, rows, min_ts, max_ts, digest, dimensions, numbers, segments FROM file "
            "WHERE workspace = ? ORDER BY month, path",
            (self.number,),
        )
        return [
            StoredFile(
                path, month, count, datetime.fromisoformat(first), datetime.fromisoformat(last), digest,
                tuple(json.loads(dimensions)), tuple(json.loads(numbers)),
                None if segments is None else tuple(SegmentShare(*share) for share in json.loads(segments)),
            )
            for path, month, count, first, last, digest, dimensions, numbers, segments in rows
        ]  # fmt: skip

    def add_files(self, files: Iterable[StoredFile]) -> None:
        """Commit files, so that they count."""
        self.connection.executemany(
            "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    file.path, self.number, file.month, file.rows, file.min_ts.isoformat(), file.max_ts.isoformat(),
                    file.digest, json.dumps(file.dimensions), json.dumps(file.numbers),
                    _shares(file),
                )
                for file in files
            ],
        )  # fmt: skip

    def learn_segments(self, files: Iterable[StoredFile]) -> None:
        """Keep the segments of files that were written before the index did."""
        shares = [(_shares(file), file.path) for file in files]
        self.connection.executemany("UPDATE file SET segments = ? WHERE path = ?", shares)

    def append_to_tail(self, event_ids: Sequence[str], events: bytes) -> None:
        """Add a batch of events, as an Arrow IPC stream, to those that wait for Parquet."""
        self.connection.execute(
            "INSERT INTO tail (workspace, rows, event_ids, events) VALUES (?, ?, ?, ?)",
            (self.number, len(event_ids), _json(event_ids), events),
        )

    def tail_extent(self) -> tuple[int, int]:
        """How many rows wait, and the number of the last batch of them; 0 and 0 for none."""
        rows, last = self.connection.execute(
            "SELECT coalesce(sum(rows), 0), coalesce(max(no), 0) FROM tail WHERE workspace = ?", (self.number,)
        ).fetchone()
        return rows, last

    def tail(self, until: int) -> Iterator[tuple[int, int, bytes]]:
        """Number, rows and events of each batch that waits, oldest first, up to a number."""
        yield from self.connection.execute(
            "SELECT no, rows, events FROM tail WHERE workspace = ? AND no <= ? ORDER BY no", (self.number, until)
        )

    def end_tail(self, last: int) -> None:
        """Take the batches up to a number out of the tail, and their ids as those of events in Parquet."""
        self.connection.execute(  # no OR IGNORE: an id already taken would be a bug, and must not pass
            "INSERT INTO event_key SELECT ?, value FROM tail, json_each(tail.event_ids) "
            "WHERE workspace = ? AND no <= ? ORDER BY value",
            (self.number, self.number, last),
        )
        self.connection.execute("DELETE FROM tail WHERE workspace = ? AND no <= ?", (self.number, last))

    def tail_has_taken_ids(self) -> bool:
        """Whether an event that waits has the id of an event in Parquet."""
        row = self.connection.execute(
            "SELECT 1 FROM tail, json_each(tail.event_ids) WHERE tail.workspace = ?1 AND EXISTS "
            "(SELECT 1 FROM event_key WHERE workspace = ?1 AND event_id = value)",
            (self.number,),
        ).fetchone()
        return row is not None


def partition(connection: sqlite3.Connection, workspace_id: str, *, create: bool = False) -> Partition:
    """The workspace's part of the index; `create` gives it a number if it has none."""
    if create:
        connection.execute("INSERT OR IGNORE INTO workspace (workspace_id) VALUES (?)", (workspace_id,))
    row = connection.execute("SELECT no FROM workspace WHERE workspace_id = ?", (workspace_id,)).fetchone()
    return Partition(connection, row[0] if row else 0)


def supersede_files(connection: sqlite3.Connection, files: Iterable[StoredFile]) -> None:
    """Take files out of the store, to be deleted by a later sweep."""
    paths = [(file.path,) for file in files]
    connection.executemany("DELETE FROM file WHERE path = ?", paths)
    connection.executemany("INSERT INTO superseded (path) VALUES (?)", paths)


def _add_segments(connection: sqlite3.Connection) -> None:
    """Give an index of an earlier version the column of segments; what its files hold of each stays unknown."""
    if "segments" not in {row[1] for row in connection.execute("PRAGMA table_info(file)")}:
        connection.execute("ALTER TABLE file ADD COLUMN segments TEXT")


def _shares(file: StoredFile) -> str | None:
    return None if file.segments is None else json.dumps([astuple(share) for share in file.segments])


def _json(event_ids: Sequence[str]) -> str:
    return orjson.dumps(event_ids).decode()


class TailIds:
    """The ids of each workspace's tail, kept in memory and brought up to date from what is committed.

    Use it only inside `Index.writing`: the write lock keeps it up to date and keeps threads apart. Ids that have since
    moved to event_key may still be in it: they are duplicates all the same.
    """

    _MAX_IDS = 1_000_000

    def __init__(self) -> None:
        self._read: dict[int, tuple[int, set[str]]] = {}  # workspace → the last batch read, and the ids up to it

    def current(self, partition: Partition) -> set[str]:
        """All ids of the workspace's tail, perhaps some more that are in event_key."""
        last, ids = self._read.get(partition.number, (0, set()))
        if len(ids) > self._MAX_IDS:
            last, ids = 0, set()
        for number, added in partition.connection.execute(
            "SELECT no, event_ids FROM tail WHERE workspace = ? AND no > ? ORDER BY no", (partition.number, last)
        ):
            ids.update(orjson.loads(added))
            last = number
        self._read[partition.number] = (last, ids)
        return ids

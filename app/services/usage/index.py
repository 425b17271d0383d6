"""The SQLite index of the event store: committed files, taken event ids, and the tail of events that wait for Parquet.

Beside each id stand a digest of what its event says, so that an id sent again with other content is noticed, and the
number of its origin, the import or batch that it came in with (see origins.py). Events of stores that were begun
before these were kept have neither.

One transaction of it is the commit point of every change, so a process killed at any instant leaves the old state or
the new one. WAL with synchronous=FULL: an accepted batch survives the loss of power too, not only of the process.
"""

import json
import os
import queue
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from app import patience
from app.file_lock import exclusive
from app.services.usage.fields import SOURCE_SEPARATOR
from app.unavailable import Store

BUSY_SECONDS = 60.0
"""How long work that nobody waits for waits for other programs at the index; a request's patience is shorter."""

DIGEST_LENGTH = 12
"""Hexadecimal digits of the digest of what an event says: 48 bits."""
UNKNOWN = " " * DIGEST_LENGTH
"""Stands for the digest of an event that was stored before digests were kept."""

_SCHEMA = """
-- withdrawals counts how often ids of the workspace became free again: what is remembered of them is stale then.
CREATE TABLE IF NOT EXISTS workspace (
    no INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL UNIQUE, withdrawals INTEGER NOT NULL DEFAULT 0
);
-- The ids of all events in Parquet. Those of the tail stand beside it and come here, sorted, when it is flushed:
-- random ids one batch at a time would rewrite most of this tree's pages with each batch.
CREATE TABLE IF NOT EXISTS event_key (
    workspace INTEGER NOT NULL REFERENCES workspace, event_id TEXT NOT NULL, content TEXT, origin INTEGER,
    PRIMARY KEY (workspace, event_id)
) WITHOUT ROWID;
-- Accepted batches not yet in Parquet; AUTOINCREMENT because readers remember how far they have read. event_keys are
-- the events' digests, each with the id after it.
CREATE TABLE IF NOT EXISTS tail (
    no INTEGER PRIMARY KEY AUTOINCREMENT, workspace INTEGER NOT NULL REFERENCES workspace, rows INTEGER NOT NULL,
    event_keys TEXT NOT NULL, events BLOB NOT NULL, origin INTEGER
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
-- Imports and batches that events came in with; stored is how many of them still count.
CREATE TABLE IF NOT EXISTS origin (
    no INTEGER PRIMARY KEY AUTOINCREMENT, workspace INTEGER NOT NULL REFERENCES workspace,
    usage_import_id TEXT NOT NULL, source TEXT NOT NULL, received_at TEXT NOT NULL, accepted INTEGER NOT NULL,
    duplicates INTEGER NOT NULL, conflicts INTEGER NOT NULL, stored INTEGER NOT NULL, undone_at TEXT,
    UNIQUE (usage_import_id, workspace)
);
CREATE INDEX IF NOT EXISTS origin_by_workspace ON origin (workspace, received_at, usage_import_id);
"""
# An index that was begun before digests and origins were kept, brought to the tables above.
_FROM_IDS_ALONE = (
    "ALTER TABLE workspace ADD COLUMN withdrawals INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE event_key ADD COLUMN content TEXT",
    "ALTER TABLE event_key ADD COLUMN origin INTEGER",
    "ALTER TABLE tail RENAME COLUMN event_ids TO event_keys",
    "ALTER TABLE tail ADD COLUMN origin INTEGER",
    f"UPDATE tail SET event_keys = (SELECT json_group_array('{UNKNOWN}' || value) FROM json_each(event_keys))",  # noqa: S608
)


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
        self._turn = threading.Lock()
        with exclusive(self._lock), self._connection() as connection:
            _bring_up_to_date(connection)
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

        Writers queue at a lock file, in the kernel: SQLite's own waiting polls. Those of requests wait for their turn
        in this process first, and only as long as a request may; then the store is busy, Unavailable (503).
        """
        ends = patience.deadline()
        with (
            nullcontext() if ends is None else patience.turn(self._turn, ends, Store.USAGE),
            exclusive(self._lock, ends=ends),
            self._connection() as connection,
        ):
            connection.execute(f"PRAGMA busy_timeout={round(patience.left(ends, BUSY_SECONDS) * 1000)}")
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
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000"):
            connection.execute(f"PRAGMA {setting}")
        return connection


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Add what an index lacks that was begun by an earlier version; all of it or nothing."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(event_key)")}
    if not columns or "content" in columns:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _FROM_IDS_ALONE:
            connection.execute(statement)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@dataclass(frozen=True, slots=True)
class Partition:
    """One workspace's part of the index, within the transaction of `connection`.

    The index knows a workspace by a small number. One that has no events yet has the number 0, which no row has.
    `withdrawals`: how often ids of it became free again.
    """

    connection: sqlite3.Connection
    number: int
    withdrawals: int

    def taken(self, event_ids: Sequence[str], waiting: Mapping[str, str]) -> dict[str, str]:
        """Those of the ids that an event in Parquet or a `waiting` one has, each with the digest of what it says.

        Events were once stored under a CloudEvent's id alone. Such a one may be the event that now comes with its
        source, so it takes that id too.
        """
        taken = self._taken(event_ids, waiting)
        sourced = {
            event_id: event_id.partition(SOURCE_SEPARATOR)[2]
            for event_id in event_ids
            if SOURCE_SEPARATOR in event_id and event_id not in taken
        }
        if sourced:
            bare = self._taken(sorted(set(sourced.values())), waiting)
            taken |= {event_id: UNKNOWN for event_id, name in sourced.items() if bare.get(name) == UNKNOWN}
        return taken

    def _taken(self, event_ids: Sequence[str], waiting: Mapping[str, str]) -> dict[str, str]:
        """Ids past the greatest one, made in order, are free without a look at each."""
        (greatest,) = self.connection.execute(
            "SELECT max(event_id) FROM event_key WHERE workspace = ?", (self.number,)
        ).fetchone()
        taken = {event_id: waiting[event_id] for event_id in event_ids if event_id in waiting}
        event_ids = [event_id for event_id in event_ids if greatest is not None and event_id <= greatest]
        if event_ids:
            taken.update(
                self.connection.execute(
                    "SELECT event_id, coalesce(content, ?) FROM json_each(?) "
                    "CROSS JOIN event_key ON workspace = ? AND event_id = value",
                    (UNKNOWN, _json(event_ids), self.number),
                )
            )
        return taken

    def take_ids(self, keys: Iterable[tuple[str, str]], origin: int | None) -> int:
        """Take ids for events in Parquet, each with the event's digest; returns how many of them were free."""
        return self.connection.executemany(
            "INSERT OR IGNORE INTO event_key VALUES (?, ?, ?, ?)",
            [(self.number, event_id, content, origin) for event_id, content in keys],
        ).rowcount

    def stored_ids(self, event_ids: Sequence[str]) -> list[str]:
        """Those of the ids that an event in Parquet has."""
        return list(self._taken(event_ids, {}))

    def ids_of(self, origin: int) -> list[str]:
        """The ids of the events in Parquet that came in with an origin, in order."""
        return [
            row[0]
            for row in self.connection.execute(
                "SELECT event_id FROM event_key WHERE workspace = ? AND origin = ? ORDER BY event_id",
                (self.number, origin),
            )
        ]

    def release_ids(self, event_ids: Sequence[str]) -> None:
        """Free the ids of events that leave Parquet, so that they may come again; their origins count fewer."""
        parameters = (self.number, _json(event_ids))
        counts = self.connection.execute(
            "SELECT count(*), origin FROM event_key WHERE workspace = ? "
            "AND event_id IN (SELECT value FROM json_each(?)) AND origin IS NOT NULL GROUP BY origin",
            parameters,
        ).fetchall()
        self.connection.executemany("UPDATE origin SET stored = stored - ? WHERE no = ?", counts)
        self.connection.execute(
            "DELETE FROM event_key WHERE workspace = ? AND event_id IN (SELECT value FROM json_each(?))", parameters
        )
        self.connection.execute("UPDATE workspace SET withdrawals = withdrawals + 1 WHERE no = ?", (self.number,))

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

    def append_to_tail(self, event_keys: Sequence[str], events: bytes, origin: int | None) -> None:
        """Add a batch of events, as an Arrow IPC stream, to those that wait for Parquet."""
        self.connection.execute(
            "INSERT INTO tail (workspace, rows, event_keys, events, origin) VALUES (?, ?, ?, ?, ?)",
            (self.number, len(event_keys), _json(event_keys), events, origin),
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
            "INSERT INTO event_key "
            "SELECT ?1, substr(value, ?3 + 1) AS event_id, nullif(substr(value, 1, ?3), ?4), origin "
            "FROM tail, json_each(tail.event_keys) WHERE workspace = ?1 AND no <= ?2 ORDER BY event_id",
            (self.number, last, DIGEST_LENGTH, UNKNOWN),
        )
        self.connection.execute("DELETE FROM tail WHERE workspace = ? AND no <= ?", (self.number, last))

    def tail_has_taken_ids(self) -> bool:
        """Whether an event that waits has the id of an event in Parquet."""
        row = self.connection.execute(
            "SELECT 1 FROM tail, json_each(tail.event_keys) WHERE tail.workspace = ?1 AND EXISTS "
            "(SELECT 1 FROM event_key WHERE workspace = ?1 AND event_id = substr(value, ?2 + 1))",
            (self.number, DIGEST_LENGTH),
        ).fetchone()
        return row is not None


def partition(connection: sqlite3.Connection, workspace_id: str, *, create: bool = False) -> Partition:
    """The workspace's part of the index; `create` gives it a number if it has none."""
    if create:
        connection.execute("INSERT OR IGNORE INTO workspace (workspace_id) VALUES (?)", (workspace_id,))
    row = connection.execute("SELECT no, withdrawals FROM workspace WHERE workspace_id = ?", (workspace_id,)).fetchone()
    return Partition(connection, *(row or (0, 0)))


def names_of_files(connection: sqlite3.Connection) -> set[str]:
    """The paths of all files that count or that somebody may still read."""
    return {row[0] for row in connection.execute("SELECT path FROM file UNION SELECT path FROM superseded")}


def supersede_files(connection: sqlite3.Connection, files: Iterable[StoredFile]) -> None:
    """Take files out of the store, to be deleted by a later sweep."""
    paths = [(file.path,) for file in files]
    connection.executemany("DELETE FROM file WHERE path = ?", paths)
    # A file may come to life again, when what was taken from it comes again; its grace then starts anew.
    connection.executemany("INSERT OR REPLACE INTO superseded (path) VALUES (?)", paths)


def _add_segments(connection: sqlite3.Connection) -> None:
    """Give an index of an earlier version the column of segments; what its files hold of each stays unknown."""
    if "segments" not in {row[1] for row in connection.execute("PRAGMA table_info(file)")}:
        connection.execute("ALTER TABLE file ADD COLUMN segments TEXT")


def _shares(file: StoredFile) -> str | None:
    return None if file.segments is None else json.dumps([astuple(share) for share in file.segments])


def _json(texts: Sequence[str]) -> str:
    return orjson.dumps(texts).decode()

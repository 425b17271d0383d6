"""The SQLite index of the event store: committed files, taken event ids, and the tail of events that wait for Parquet.

Beside each id stand a digest of what its event says, so that an id sent again with other content is noticed, and the
number of its origin, the import or batch that it came in with (see origins.py). Events of stores that were begun
before these were kept have neither.

One transaction of it is the commit point of every change, so a process killed at any instant leaves the old state or
the new one. WAL with synchronous=FULL: an accepted batch survives the loss of power too, not only of the process.
"""

import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import repeat
from operator import contains
from pathlib import Path
from typing import NamedTuple

import orjson

from app import patience
from app.errors import Unavailable
from app.file_lock import exclusive
from app.services.usage.fields import SOURCE_SEPARATOR
from app.services.usage.index_schema import DIGEST_LENGTH, UNKNOWN, bring_up_to_date
from app.services.usage.stored_file import FILE_COLUMNS, StoredFile, row_of, shares_of, stored_files
from app.unavailable import Store

BUSY_SECONDS = 60.0
"""How long work that nobody waits for waits for other programs at the index; a request's patience is shorter."""


class State(NamedTuple):
    """Which store an index is of, how often its files have changed, and how often it was made anew."""

    store: str
    generation: int
    edition: int


class Index:
    """Connections to the index, safe for threads, processes and forks."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "index.sqlite"
        self._lock = directory / "index.lock"
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._inode: int | None = None
        with exclusive(self._lock), self._connection() as connection:
            bring_up_to_date(connection)
            self._inode = self.path.stat().st_ino

    def state(self) -> State:
        """Which store it is of, how often its files have changed, and how often it was made anew."""
        with self.reading() as connection:
            return State(*connection.execute("SELECT store, generation, edition FROM state").fetchone())

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
        self._require_the_same()
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

    def _require_the_same(self) -> None:
        """Refuse to go on where the file was removed or another one put in its place: what is written would be lost."""
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            inode = 0
        if self._inode not in (None, inode):
            raise Unavailable(
                f"{self.path.name} of the usage events was {'replaced' if inode else 'removed'} while the server ran, "
                "and nothing is stored until it is started again: then the index is made anew from the files.",
                code="usage_index_replaced",
                store="usage",
            )

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000"):
            connection.execute(f"PRAGMA {setting}")
        return connection


Waiting = Callable[[Iterable[str]], dict[str, str]]
"""Gives those of some ids that an event has which waits for Parquet, each with the digest of what it says."""


def nothing_waits(_event_ids: Iterable[str]) -> dict[str, str]:
    """None of the ids, as where the tail was written before."""
    return {}


@dataclass(frozen=True, slots=True)
class Partition:
    """One workspace's part of the index, within the transaction of `connection`.

    The index knows a workspace by a small number. One that has no events yet has the number 0, which no row has.
    `withdrawals`: how often ids of it became free again.
    """

    connection: sqlite3.Connection
    number: int
    withdrawals: int

    def taken(self, event_ids: Sequence[str], waiting: Waiting = nothing_waits) -> dict[str, str]:
        """Those of the ids that an event in Parquet or a `waiting` one has, each with the digest of what it says.

        Events were once stored under a CloudEvent's id alone. Such a one may be the event that now comes with its
        source, so it takes that id too.
        """
        taken = self._taken(event_ids, waiting)
        if any(map(contains, event_ids, repeat(SOURCE_SEPARATOR))):
            sourced = {
                event_id: event_id.partition(SOURCE_SEPARATOR)[2]
                for event_id in event_ids
                if SOURCE_SEPARATOR in event_id and event_id not in taken
            }
            bare = self._taken(sorted(set(sourced.values())), waiting)
            taken |= {event_id: UNKNOWN for event_id, name in sourced.items() if bare.get(name) == UNKNOWN}
        return taken

    def _taken(self, event_ids: Sequence[str], waiting: Waiting) -> dict[str, str]:
        """Ids past the greatest one, made in order, are free without a look at each."""
        (greatest,) = self.connection.execute(
            "SELECT max(event_id) FROM event_key WHERE workspace = ?", (self.number,)
        ).fetchone()
        taken = waiting(event_ids)
        if greatest is not None and min(event_ids, default=greatest) <= greatest:
            event_ids = [event_id for event_id in event_ids if event_id <= greatest]
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
        return list(self._taken(event_ids, nothing_waits))

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
        return stored_files(
            self.connection.execute(
                f"SELECT {FILE_COLUMNS} FROM file WHERE workspace = ? ORDER BY month, path",  # noqa: S608  a constant
                (self.number,),
            )
        )

    def add_files(self, files: Iterable[StoredFile]) -> None:
        """Commit files, so that they count."""
        files = list(files)
        self.connection.executemany(
            f"INSERT INTO file (workspace, {FILE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            [(self.number, *row_of(file)) for file in files],
        )
        self.connection.executemany("DELETE FROM placing WHERE path = ?", [(file.path,) for file in files])

    def learn_digests(self, files: Iterable[StoredFile]) -> None:
        """Keep the SHA-256 and the size of files that were written before the index kept them."""
        rows = [(file.sha256, file.size, file.path) for file in files]
        self.connection.executemany("UPDATE file SET sha256 = ?, size = ? WHERE path = ?", rows)

    def learn_segments(self, files: Iterable[StoredFile]) -> None:
        """Keep the segments of files that were written before the index did."""
        shares = [(shares_of(file), file.path) for file in files]
        self.connection.executemany("UPDATE file SET segments = ? WHERE path = ?", shares)

    def append_to_tail(self, event_keys: Sequence[str], events: bytes, origin: int | None) -> str:
        """Add a batch of events, as an Arrow IPC stream, to those that wait for Parquet; returns its keys as kept."""
        kept = _json(event_keys)
        self.connection.execute(
            "INSERT INTO tail (workspace, rows, event_keys, events, origin) VALUES (?, ?, ?, ?, ?)",
            (self.number, len(event_keys), kept, events, origin),
        )
        return kept

    def tail_extent(self) -> tuple[int, int]:
        """How many rows wait, and the number of the last batch of them; 0 and 0 for none."""
        rows, last = self.connection.execute(
            "SELECT coalesce(sum(rows), 0), coalesce(max(no), 0) FROM tail WHERE workspace = ?", (self.number,)
        ).fetchone()
        return rows, last

    def tail(self, until: int) -> Iterator[tuple[int, int, bytes, str | None]]:
        """Number, rows, events and the id of the origin of each batch that waits, oldest first, up to a number."""
        yield from self.connection.execute(
            "SELECT tail.no, rows, events, usage_import_id FROM tail LEFT JOIN origin ON origin.no = tail.origin "
            "WHERE tail.workspace = ? AND tail.no <= ? ORDER BY tail.no",
            (self.number, until),
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


def names_of_placing(connection: sqlite3.Connection) -> set[str]:
    """The paths of files that were on their way into the store."""
    return {row[0] for row in connection.execute("SELECT path FROM placing")}


def note_placing(connection: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Note files that are about to be put into the store, to be known after a crash as never committed."""
    connection.executemany("INSERT OR IGNORE INTO placing VALUES (?)", [(path,) for path in paths])


def supersede_files(connection: sqlite3.Connection, files: Iterable[StoredFile]) -> None:
    """Take files out of the store, to be deleted by a later sweep."""
    paths = [(file.path,) for file in files]
    connection.executemany("DELETE FROM file WHERE path = ?", paths)
    # A file may come to life again, when what was taken from it comes again; its grace then starts anew.
    connection.executemany("INSERT OR REPLACE INTO superseded (path) VALUES (?)", paths)


def _json(texts: Sequence[str]) -> str:
    return orjson.dumps(texts).decode()

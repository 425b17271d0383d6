"""The queue of events: on disk (SQLite, WAL), none lost, none sent as two. Enforcement events have an id and a number,
usage events an id.

An event that belongs to a count is first *held*, then the count is made, then the event is released: whatever dies in
between, `settle` finds out afterwards from the counters whether it happened.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avs_brain_client.json_text import exact_json, parse_exact
from avs_brain_client.sqlite_file import SqliteFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS numbering (one INTEGER PRIMARY KEY CHECK (one = 1), client_id TEXT, last INTEGER);
INSERT OR IGNORE INTO numbering VALUES (1, 'cli_' || lower(hex(randomblob(12))), 0);
CREATE TABLE IF NOT EXISTS waiting (sequence INTEGER PRIMARY KEY, event_id TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS usage (place INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS held (event_id TEXT PRIMARY KEY, body TEXT NOT NULL, proof TEXT NOT NULL, since REAL);
CREATE TABLE IF NOT EXISTS sent (event_id TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refused (event_id TEXT PRIMARY KEY, body TEXT NOT NULL, problem TEXT NOT NULL);
"""
LONGEST_COUNT_SECONDS = 120
REMEMBERED = 100_000
"""How many ids of sent events are kept, so that what fires again is not sent again."""


COUNTED = "counted:"
"""How the mark of a usage event's proof begins; what follows is the mark that the counters remember."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way: its id, its JSON without numbering, and `proof` (namespace, customer, mark) of its count."""

    event_id: str
    body: str
    proof: tuple[str, str, str]

    @property
    def is_usage(self) -> bool:
        return self.proof[2].startswith(COUNTED)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A waiting event: `sequence` counts from 1, per queue and kind; without gaps where it is an enforcement event."""

    sequence: int
    event_id: str
    body: Mapping[str, Any]


def outgoing(event: Mapping[str, Any], proof: tuple[str, str, str]) -> Outgoing:
    """An event ready for the queue; its enforcement_event_id names what happened, so the same thing twice is one."""
    return Outgoing(event["enforcement_event_id"], exact_json(event), proof)


def event_id(*what: object) -> str:
    """The id of something that happens once: the same parts, the same id, in every process."""
    digest = hashlib.sha256("\n".join(map(str, what)).encode()).hexdigest()
    return f"enf_{digest[:32]}"


class EventQueue:
    """Waiting events in `path` (its folder is made), or in memory when there is none. `in_memory`: they end with it.

    Several processes may share one file: they are one client to AVS Brain, with one numbering. sqlite3.Error passes
    through when the disk is full or broken.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._file = SqliteFile(path, _SCHEMA)

    @property
    def in_memory(self) -> bool:
        return self.path is None

    def hold(self, events: Iterable[Outgoing]) -> None:
        """Write events down before the count that they belong to is made."""
        with self._file.writing() as database:
            database.executemany(
                "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)",
                [(event.event_id, event.body, json.dumps(event.proof), time.time()) for event in events],
            )

    def hold_new(self, event: Outgoing) -> bool:
        """Write an event down before its count, unless it is already; whether it was not."""
        with self._file.writing() as database:
            row = (event.event_id, event.body, json.dumps(event.proof), time.time())
            return database.execute("INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?)", row).rowcount == 1

    def release(self, events: Iterable[Outgoing]) -> None:
        """The count was made: number the events and let them go. An id that waits or was sent is not taken again."""
        with self._file.writing() as database:
            for event in events:
                database.execute("DELETE FROM held WHERE event_id = ?", (event.event_id,))
                (_line_up if event.is_usage else _number)(database, event.event_id, event.body)

    def discard(self, event_ids: Iterable[str]) -> None:
        """The count was not made: forget the events."""
        with self._file.writing() as database:
            database.executemany("DELETE FROM held WHERE event_id = ?", [(name,) for name in event_ids])

    def settle(self, happened: Callable[[str, str, str], bool]) -> None:
        """Release or discard what a process that died left held; `happened(namespace, customer, mark)` knows which.

        What did not happen may still be about to: it is discarded only when no count can take that long.
        """
        with self._file.reading() as database:
            rows = database.execute("SELECT event_id, body, proof, since FROM held").fetchall()
        for name, body, proof, since in rows:
            event = Outgoing(name, body, tuple(json.loads(proof)))
            if happened(*event.proof):
                self.release([event])
            elif time.time() - since > LONGEST_COUNT_SECONDS:
                self.discard([name])

    def waiting(self, most: int) -> Sequence[Numbered]:
        """The oldest events, in order of their numbers."""
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT sequence, event_id, body FROM waiting ORDER BY sequence LIMIT ?", (most,)
            ).fetchall()
        return [Numbered(sequence, name, parse_exact(body)) for sequence, name, body in rows]

    def waiting_usage(self, most: int) -> Sequence[Numbered]:
        """The oldest usage events."""
        with self._file.reading() as database:
            rows = database.execute(
                "SELECT place, event_id, body FROM usage ORDER BY place LIMIT ?", (most,)
            ).fetchall()
        return [Numbered(place, name, parse_exact(body)) for place, name, body in rows]

    def done(self, events: Iterable[Numbered]) -> None:
        """AVS Brain has these enforcement events now."""
        with self._file.writing() as database:
            for event in events:
                database.execute("DELETE FROM waiting WHERE sequence = ?", (event.sequence,))
                database.execute("INSERT OR IGNORE INTO sent VALUES (?, ?)", (event.event_id, event.sequence))
            newest = database.execute("SELECT last FROM numbering").fetchone()[0]
            database.execute("DELETE FROM sent WHERE sequence <= ?", (newest - REMEMBERED,))

    def done_usage(self, events: Iterable[Numbered]) -> None:
        """AVS Brain has these usage events now; it knows them by their ids."""
        with self._file.writing() as database:
            database.executemany("DELETE FROM usage WHERE event_id = ?", [(event.event_id,) for event in events])

    def refuse(self, event: Numbered, problem: str) -> None:
        """AVS Brain will never take this one: keep it aside with the reason, so that it does not hold up the others."""
        with self._file.writing() as database:
            for table in ("waiting", "usage"):
                database.execute(f"DELETE FROM {table} WHERE event_id = ?", (event.event_id,))  # noqa: S608
            database.execute(
                "INSERT OR REPLACE INTO refused VALUES (?, ?, ?)", (event.event_id, exact_json(event.body), problem)
            )

    def refused(self) -> Sequence[tuple[str, str]]:
        """(event id, why) of every event that AVS Brain did not take."""
        with self._file.reading() as database:
            return database.execute("SELECT event_id, problem FROM refused ORDER BY event_id").fetchall()

    def count(self) -> int:
        """How many events wait; 0 while that cannot be read, which is a problem of its own."""
        try:
            return len(self)
        except sqlite3.Error:
            return 0

    def count_refused(self) -> int:
        """How many events are set aside; 0 while that cannot be read."""
        try:
            return len(self.refused())
        except sqlite3.Error:
            return 0

    @property
    def client_id(self) -> str:
        """Who this queue is to AVS Brain, made when the file was."""
        with self._file.reading() as database:
            return str(database.execute("SELECT client_id FROM numbering").fetchone()[0])

    def __len__(self) -> int:
        with self._file.reading() as database:
            count = "SELECT (SELECT count(*) FROM waiting) + (SELECT count(*) FROM usage)"
            return int(database.execute(count).fetchone()[0])

    def close(self) -> None:
        self._file.close()


def _number(database: sqlite3.Connection, name: str, body: str) -> None:
    for table in ("waiting", "sent", "refused"):
        if database.execute(f"SELECT 1 FROM {table} WHERE event_id = ?", (name,)).fetchone():  # noqa: S608
            return
    last = database.execute("UPDATE numbering SET last = last + 1 RETURNING last").fetchone()[0]
    database.execute("INSERT INTO waiting VALUES (?, ?, ?)", (last, name, body))


def _line_up(database: sqlite3.Connection, name: str, body: str) -> None:
    """A usage event that was sent may come again: AVS Brain takes it once."""
    if not database.execute("SELECT 1 FROM refused WHERE event_id = ?", (name,)).fetchone():
        database.execute("INSERT OR IGNORE INTO usage (event_id, body) VALUES (?, ?)", (name, body))

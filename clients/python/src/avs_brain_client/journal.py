"""What could not be counted yet, kept until it is: in a file beside the queue of events, else in memory."""

import json
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avs_brain_client.errors import CountersUnavailable
from avs_brain_client.names import fresh_name
from avs_brain_client.sqlite_file import SqliteFile

log = logging.getLogger("avs_brain_client")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (number INTEGER PRIMARY KEY, attempt TEXT UNIQUE, kind TEXT NOT NULL,
    body TEXT NOT NULL);
"""
MOST_IN_MEMORY = 10_000
BATCH = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """A change that waits. `attempt` is the name under which it is made once; `kind` and `body` say what it is."""

    attempt: str
    kind: str
    body: Mapping[str, Any]


def fresh_attempt() -> str:
    """The name of a change that was never tried."""
    return f"{fresh_name()} 1"


class Journal:
    """Changes in the order in which they happened, in `path`; in memory where there is none, or it cannot be written.

    Several processes may share a file: what two of them settle is counted once, by the name of the attempt.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._lock = path, threading.Lock()
        self._file: SqliteFile | None = None
        self._memory: deque[Kept] = deque()
        self.problem: str | None = None

    def add(self, kept: Kept) -> None:
        """Raises CountersUnavailable when there is no room: then the change is neither counted nor kept."""
        if self._write(kept):
            return
        with self._lock:
            if len(self._memory) >= MOST_IN_MEMORY:
                raise CountersUnavailable(f"{MOST_IN_MEMORY} changes wait in memory already: this one was not kept.")
            self._memory.append(kept)

    def oldest(self) -> Sequence[Kept]:
        """Some of those that wait, the oldest first; none when nothing waits."""
        file = self._there()
        if file is not None:
            try:
                with file.reading() as database:
                    rows = database.execute(
                        "SELECT attempt, kind, body FROM kept ORDER BY number LIMIT ?", (BATCH,)
                    ).fetchall()
                if rows:
                    return [Kept(attempt, kind, json.loads(body)) for attempt, kind, body in rows]
            except sqlite3.Error as problem:
                self._failed(problem)
        with self._lock:
            return [self._memory[at] for at in range(min(BATCH, len(self._memory)))]

    def done(self, counted: Sequence[Kept]) -> None:
        """These were counted; what cannot be taken out is counted again, under the same name, which is once."""
        with self._lock:
            in_memory = [kept for kept in counted if kept in self._memory]
            for kept in in_memory:
                self._memory.remove(kept)
        in_file = [(kept.attempt,) for kept in counted if kept not in in_memory]
        if self._file is not None and in_file:
            try:
                with self._file.writing() as database:
                    database.executemany("DELETE FROM kept WHERE attempt = ?", in_file)
            except sqlite3.Error as problem:
                self._failed(problem)

    def __len__(self) -> int:
        waiting = 0
        file = self._there()
        if file is not None:
            try:
                with file.reading() as database:
                    waiting = int(database.execute("SELECT count(*) FROM kept").fetchone()[0])
            except sqlite3.Error as problem:
                self._failed(problem)
        return waiting + len(self._memory)

    @property
    def in_memory(self) -> int:
        """How many would be lost with the process."""
        return len(self._memory)

    def after_fork(self) -> None:
        """A child keeps for itself: what its parent has in memory is not its own."""
        self._lock = threading.Lock()
        self._memory.clear()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, kept: Kept) -> bool:
        file = self._opened()
        if file is None:
            return False
        try:
            with file.writing() as database:
                database.execute(
                    "INSERT OR IGNORE INTO kept (attempt, kind, body) VALUES (?, ?, ?)",
                    (kept.attempt, kept.kind, json.dumps(kept.body)),
                )
        except sqlite3.Error as problem:
            self._failed(problem)
            return False
        self.problem = None
        return True

    def _there(self) -> SqliteFile | None:
        """The file, if anybody has kept something in it."""
        return self._opened() if self._path is not None and self._path.exists() else None

    def _opened(self) -> SqliteFile | None:
        """The file, made when something is kept for the first time."""
        if self._file is None and self._path is not None:
            try:
                self._file = SqliteFile(self._path, _SCHEMA)
            except (OSError, sqlite3.Error) as problem:
                self._failed(problem)
        return self._file

    def _failed(self, problem: Exception) -> None:
        text = f"What is not counted yet cannot be written to {self._path}, and is kept in memory only: {problem}"
        if self.problem is None:
            log.error(text)
        self.problem = text

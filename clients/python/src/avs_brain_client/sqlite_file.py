"""One SQLite file in WAL mode, used by the threads of a process one at a time, and safe to use after a fork."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = ":memory:"
BUSY_SECONDS = 30


class SqliteFile:
    """`schema` is run on every opening. `synchronous`: FULL survives a power cut, NORMAL only the process's death.

    sqlite3.Error passes through when the disk is full or broken; a transaction that fails leaves nothing behind.
    """

    def __init__(self, path: str | os.PathLike[str] | None, schema: str, synchronous: str = "FULL") -> None:
        self._path = MEMORY if path is None else str(path)
        self._schema, self._synchronous = schema, synchronous
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._abandoned: list[sqlite3.Connection] = []
        self._open()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for a statement that changes nothing."""
        self._reopen_after_fork()
        with self._lock:
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection inside a transaction that nobody else can write during; committed at the end."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _open(self) -> None:
        self._pid, self._lock = os.getpid(), threading.Lock()
        self._connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        self._connection.executescript(self._schema)

    def _reopen_after_fork(self) -> None:
        """A connection must not cross a fork, not even to be closed: the parent's stays where it is."""
        if self._pid != os.getpid():
            self._abandoned.append(self._connection)
            self._open()

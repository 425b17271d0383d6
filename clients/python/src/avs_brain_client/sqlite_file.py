"""One SQLite file in WAL mode, used by the threads of a process one at a time, and safe to use after a fork."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avs_brain_client.forking import abandon, renew_after_fork

MEMORY = ":memory:"
BUSY_SECONDS = 30


class SqliteFile:
    """`schema` is run on every opening. `synchronous`: FULL survives a power cut, NORMAL only the process's death.
    `busy_seconds`: how long to wait for others who write. `lazily`: opened by its first use, which then raises OSError
    and sqlite3.Error in place of the beginning.

    Closed for the time of a fork and by `close`, it is opened again by the next use; one in memory begins empty then.
    sqlite3.Error passes through when the disk is full or broken; a transaction that fails leaves nothing behind.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        schema: str,
        synchronous: str = "FULL",
        *,
        busy_seconds: float = BUSY_SECONDS,
        lazily: bool = False,
    ) -> None:
        self._path = MEMORY if path is None else str(path)
        self._schema, self._synchronous, self._busy_seconds = schema, synchronous, busy_seconds
        self._pid, self.lock = os.getpid(), threading.Lock()
        self._connection: sqlite3.Connection | None = None if lazily else self._open()
        renew_after_fork(self)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for a statement that changes nothing."""
        if self._pid != os.getpid():  # somebody forked without telling Python
            self.after_fork()
        with self.lock:
            if self._connection is None:
                self._connection = self._open()
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
        with self.lock:
            self._close()

    def before_fork(self) -> None:
        """What is in memory only is the parent's, and stays open."""
        if self._path != MEMORY:
            self._close()

    def after_fork(self) -> None:
        """A connection that could not be closed in time must not be closed by the child either."""
        self._pid, self.lock = os.getpid(), threading.Lock()
        if self._connection is not None:
            abandon(self._connection)
            self._connection = None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._path != MEMORY:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.executescript(self._schema)
        except BaseException:
            connection.close()
            raise
        return connection

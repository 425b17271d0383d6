"""A SQLite file that other people may delete, replace or damage while it is used: noticed before it is written.

A file that was deleted is still there for those who have it open, so the first of them who notices puts it back whole.
A damaged one is set aside, and a new one begun. Neither happens in silence.
"""

import contextlib
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avs_brain_client.sqlite_file import SqliteFile

log = logging.getLogger("avs_brain_client")

Identity = tuple[int, int]
PARTS = ("", "-wal", "-shm")
LOOK_EVERY_NS = 50_000_000
"""What is read may come from a file that was moved this long ago; what is written never goes there."""


class Moved(sqlite3.OperationalError):
    """The file at the path is not the one that is open any more."""


class WatchedFile(SqliteFile):
    """`busy_seconds`: how long one call may wait for others who write. Opened by its first use, so that a client can
    begin without it. `lost` says what was set aside or put back last; None: nothing was.
    """

    def __init__(self, path: str | os.PathLike[str], schema: str, synchronous: str, busy_seconds: float) -> None:
        self.path = Path(path)
        self.lost: str | None = None
        self._identity: Identity | None = None
        self._failed_ns = self._looked_ns = 0
        super().__init__(path, schema, synchronous, busy_seconds=busy_seconds, lazily=True)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Whoever waited for a call that failed fails with it, so that nobody waits twice."""
        began_ns = time.monotonic_ns()
        if began_ns - self._looked_ns > LOOK_EVERY_NS:
            self._look_after()
            self._looked_ns = began_ns
        with super().reading() as connection:
            if self._failed_ns > began_ns:
                raise sqlite3.OperationalError("The call that this one waited for got no answer.")
            try:
                yield connection
            except sqlite3.Error as problem:
                if not isinstance(problem, Moved):
                    self._failed_ns = time.monotonic_ns()
                raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Never into a file that is not at its path any more."""
        with super().writing() as connection:
            if self._identity != _identity(self.path):
                self._looked_ns = 0
                raise Moved(f"{self.path} was moved or deleted.")
            yield connection

    def set_aside(self) -> bool:
        """Whether the file is damaged indeed, and was set aside: what it held is counted no more."""
        with self.lock:
            self._close()
            if _identity(self.path) is None or is_sound(self.path):
                return False
            stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{secrets.token_hex(2)}")
            for part in PARTS:
                with contextlib.suppress(FileNotFoundError):
                    os.replace(f"{self.path}{part}", f"{aside}{part}")
        self._say(f"The counters in {self.path} were damaged and are set aside in {aside}: customers of whom this "
                  "process knows nothing begin at zero.")  # fmt: skip
        return True

    def _open(self) -> sqlite3.Connection:
        try:
            connection = super()._open()
        finally:
            self._identity = _identity(self.path)
        return connection

    def _look_after(self) -> None:
        """Open what is at the path now; put back what was deleted."""
        if self._connection is None or self._identity == _identity(self.path):
            return
        with self.lock:
            if self._connection is None or self._identity == (now := _identity(self.path)):
                return
            try:
                if now is None:
                    self._put_back(self._connection)
            finally:
                self._close()

    def _put_back(self, connection: sqlite3.Connection) -> None:
        """Write what is still open to the path again; whoever comes second finds it there."""
        copy = self.path.with_name(f"{self.path.name}.copy-{secrets.token_hex(8)}")
        connection.execute("BEGIN IMMEDIATE")  # whoever writes has found the file at its path: they are the last
        connection.execute("ROLLBACK")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(copy)) as target:
                connection.backup(target)
            if _identity(self.path) is None:
                for part in PARTS[1:]:
                    Path(f"{self.path}{part}").unlink(missing_ok=True)
                with contextlib.suppress(FileExistsError):
                    os.link(copy, self.path)
                    self._say(f"The counters in {self.path} were deleted while they were used, and put back whole.")
        except OSError as problem:
            raise sqlite3.OperationalError(f"{self.path} was deleted and cannot be put back: {problem}") from problem
        finally:
            with contextlib.suppress(OSError):
                copy.unlink()

    def _say(self, text: str) -> None:
        self.lost = text
        log.error(text)


def is_damage(problem: sqlite3.Error) -> bool:
    """Whether the file is no database, or a broken one; a full disk or a lock is an OperationalError."""
    return type(problem) is sqlite3.DatabaseError


def is_sound(path: Path) -> bool:
    """Whether a file is a database that can be read whole."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=1)) as connection:
            return bool(connection.execute("PRAGMA quick_check").fetchone() == ("ok",))
    except sqlite3.DatabaseError as problem:
        return not is_damage(problem)


def _identity(path: Path) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

"""What the failures of the stores are told as: one rule for every door and every thread (spec 6).

A store fails in few ways, and each driver has its own words for them: SQLite result codes, PostgreSQL SQLSTATEs, errno,
messages of DuckDB. The rule makes of all of them one refusal, which names the store, the trouble and the way on.
"""

import errno
import sqlite3
import sys
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

import sqlalchemy as sa

from app.errors import Unavailable


class Store(Enum):
    """What can be in trouble; the value is what sentences call it."""

    DATABASE = "The control database"
    USAGE = "The usage store"
    FILES = "The data folder"


class Trouble(NamedTuple):
    """One way in which a store fails: its stable code, what is said of the store, and when it is worth to ask again."""

    code: str
    says: str
    retry_after_seconds: int


KEPT = "What was acknowledged before is kept."
FULL = Trouble(
    "storage_full",
    f"{{store}} has no room left: make room on its disk, then try again. {KEPT}",
    30,
)
READ_ONLY = Trouble(
    "storage_read_only",
    f"{{store}} cannot be written: let the server's user write there, then try again. {KEPT}",
    30,
)
FAILING = Trouble(
    "storage_failing",
    "{store} cannot be read or written: look at its disk and at the server's log, then try again.",
    30,
)
DAMAGED = Trouble(
    "storage_damaged",
    "{store} is damaged or was moved away: stop the server and restore it from a backup.",
    120,
)
BUSY = Trouble(
    "storage_busy",
    f"{{store}} is locked by something else: try again in a few seconds. {KEPT}",
    5,
)
AWAY = Trouble(
    "database_unreachable",
    f"{{store}} cannot be reached: try again in a few seconds, and see that its server runs. {KEPT}",
    5,
)

_SQLITE = {
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: FAILING,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_CANTOPEN: FAILING,
    sqlite3.SQLITE_PROTOCOL: BUSY,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_READONLY_DBMOVED: DAMAGED,
}
_SQLSTATES = {
    "08": AWAY,
    "57P": AWAY,
    "53300": AWAY,  # too many connections
    "53100": FULL,
    "25006": READ_ONLY,
    "58": FAILING,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
    "55P03": BUSY,
    "57014": BUSY,
}
"""By SQLSTATE or the beginning of one."""
_ERRNO = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EIO: FAILING,
    errno.ESTALE: FAILING,
}
_WORDS = {"no space left": FULL, "disk quota exceeded": FULL, "file too large": FULL, "read-only file": READ_ONLY}
"""What the columnar engine's messages hold, which has no codes."""


def unavailable(store: Store, trouble: Trouble) -> Unavailable:
    """The refusal of what needs a store that is in trouble, 503."""
    return Unavailable(
        trouble.says.format(store=store.value),
        code=trouble.code,
        store=store.name.lower(),
        retry_after_seconds=trouble.retry_after_seconds,
    )


def refusal_of_failure(error: BaseException, index_of: Store = Store.USAGE) -> Unavailable | None:
    """The refusal that the failure of a store is told as; None for every other exception.

    An error that another one was raised from counts as that one. `index_of`: whose a bare SQLite connection is.
    """
    for each in _causes(error):
        if isinstance(each, Unavailable):
            return each
        if (failure := _failure(each, index_of)) is not None:
            return unavailable(*failure)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _failure(error: BaseException, index_of: Store) -> tuple[Store, Trouble] | None:
    if isinstance(error, sa.exc.DBAPIError):
        trouble = _of_driver(error.orig) or (AWAY if error.connection_invalidated else None)
        return None if trouble is None else (Store.DATABASE, trouble)
    if isinstance(error, sa.exc.TimeoutError):  # every connection of the pool is taken
        return Store.DATABASE, BUSY
    if isinstance(error, sqlite3.Error):
        trouble = _of_sqlite(error)
        return None if trouble is None else (index_of, trouble)
    if _is_of("duckdb", "Error", error):
        trouble = _of_words(str(error))
        return None if trouble is None else (Store.USAGE, trouble)
    if isinstance(error, OSError):
        trouble = _ERRNO.get(error.errno or 0) or (_of_words(str(error)) if error.errno is None else None)
        return None if trouble is None else (Store.FILES, trouble)
    trouble = _of_postgres(error)
    return None if trouble is None else (Store.DATABASE, trouble)


def _of_driver(error: BaseException | None) -> Trouble | None:
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    return None if error is None else _of_postgres(error)


def _of_sqlite(error: sqlite3.Error) -> Trouble | None:
    """By the extended result code, else by its last byte, which is the code itself."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return _SQLITE.get(code) or _SQLITE.get(code & 0xFF)


def _of_postgres(error: BaseException) -> Trouble | None:
    """By SQLSTATE; without one the connection could not be made, or broke."""
    if not _is_of("psycopg", "Error", error):
        return None
    state: str | None = getattr(error, "sqlstate", None)
    if state is not None:
        return next((trouble for begins, trouble in _SQLSTATES.items() if state.startswith(begins)), None)
    is_of_connection = _is_of("psycopg", "OperationalError", error) or _is_of("psycopg", "InterfaceError", error)
    return AWAY if is_of_connection else None


def _is_of(module: str, name: str, error: BaseException) -> bool:
    """Whether the error is of a class of a module; one that nobody has loaded has raised nothing."""
    kind: type | None = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(error, kind)


def _of_words(message: str) -> Trouble | None:
    return next((trouble for words, trouble in _WORDS.items() if words in message.lower()), None)

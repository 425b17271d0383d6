"""The beginning of transactions: readers never wait, writers queue, nobody sees "database is locked".

SQLite upgrades a reading transaction to a writing one only if nobody wrote meanwhile, and answers SQLITE_BUSY at once
otherwise, whatever the timeout. So a unit of work that will write says so before its first statement.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import sqlalchemy as sa

from app.models.base import AnySession

BUSY_TIMEOUT_MS = 30_000

LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
LOCK_SUBJECT_OF = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended("
    "concat_ws(chr(31), workspace_id, segment, stage, target_environment), 0)) "
    "FROM config_versions WHERE config_version_id = :config_version_id"
)

_sqlite_turn = threading.Lock()  # SQLite's own wait is a sleep with backoff; threads of one process queue here instead


def configure_sqlite(engine: sa.Engine) -> None:
    """WAL, foreign keys, full durability and explicit BEGINs for a SQLite engine; other engines are left alone."""
    if engine.dialect.name != "sqlite":
        return

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # this module begins transactions, not the driver
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")


@contextmanager
def write(session: AnySession) -> Iterator[None]:
    """A unit of work that writes: all of it is committed at the end, or none of it.

    Rows that the session had read before are dropped, so that they are read again under the lock.
    """
    session.rollback()
    with _sqlite_turn if session.get_bind().dialect.name == "sqlite" else nullcontext():
        session.connection(execution_options={"write": True})
        try:
            yield
            session.commit()
        except BaseException:
            session.rollback()
            raise


def lock_subject(session: AnySession, subject: tuple[str, ...]) -> None:
    """Make writers of one subject (the values of SUBJECT_FIELDS) take turns until the transaction ends.

    PostgreSQL waits on an advisory lock: the partial unique index alone would turn the losers into retries. On SQLite
    `write` already holds the only write lock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(LOCK, {"key": "\x1f".join(subject)})


def lock_subject_of(session: AnySession, config_version_id: str) -> None:
    """Take `lock_subject` for the subject of a config version, in one statement.

    A config's subject never changes, so that it may be read before the lock is held.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(LOCK_SUBJECT_OF, {"config_version_id": config_version_id})

"""The beginning of transactions: readers never wait, writers queue, and a request queues for so long at most.

SQLite upgrades a reading transaction to a writing one only if nobody wrote meanwhile, and answers SQLITE_BUSY at once
otherwise, whatever the timeout. So a unit of work that will write says so before its first statement.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

from app import patience
from app.models.base import AnySession
from app.unavailable import Store

WRITE = {"write": True}
"""The execution options of a connection whose transaction writes."""
BUSY_SECONDS = 12.0
"""How long work that nobody waits for waits for a locked database; a request's patience is shorter."""
CONNECT_SECONDS = 3
"""How long PostgreSQL has to take a connection, and what it may leave unanswered of one that is there."""

LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
LOCK_SUBJECT_OF = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended("
    "concat_ws(chr(31), workspace_id, segment, stage, target_environment), 0)) "
    "FROM config_versions WHERE config_version_id = :config_version_id"
)

_sqlite_turn = threading.Lock()  # SQLite's own wait is a sleep with backoff; threads of one process queue here instead


def engine_options(url: str) -> dict[str, object]:
    """How the engine is made: one of PostgreSQL looks whether a connection still lives before it gives it out.

    So the connections that a restarted server has forgotten are replaced, and no request gets one. A server that cannot
    be reached is noticed within seconds.
    """
    if not url.startswith("postgresql"):
        return {}
    unanswered = {"keepalives_idle": CONNECT_SECONDS, "keepalives_interval": CONNECT_SECONDS, "keepalives_count": 3}
    timeouts = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": 3000 * CONNECT_SECONDS}
    return {"pool_pre_ping": True, "pool_timeout": patience.REQUEST_SECONDS, "connect_args": unanswered | timeouts}


def configure(engine: sa.Engine) -> None:
    """Say how the engine's connections wait, and, for SQLite, how they keep what is written."""
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine)
    else:
        sa.event.listen(engine, "connect", _wait_for_locks)


def _wait_for_locks(connection: Any, _record: ConnectionPoolEntry) -> None:
    """Let PostgreSQL end a wait for a lock that takes longer than a request waits."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {round(patience.REQUEST_SECONDS * 1000)}")
    connection.commit()


def _configure_sqlite(engine: sa.Engine) -> None:
    """WAL, foreign keys, full durability and explicit BEGINs."""

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # this module begins transactions, not the driver
        _wait_while_busy(connection, BUSY_SECONDS)
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "checkout")
    def on_checkout(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        _wait_while_busy(connection, patience.left(patience.deadline(), BUSY_SECONDS))

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")


def _wait_while_busy(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout={round(seconds * 1000)}")


@contextmanager
def write(session: AnySession) -> Iterator[None]:
    """A unit of work that writes: all of it is committed at the end, or none of it.

    Rows that the session had read before are dropped, so that they are read again under the lock.
    """
    session.rollback()
    with (
        patience.turn(_sqlite_turn, patience.deadline(), Store.DATABASE)
        if session.get_bind().dialect.name == "sqlite"
        else nullcontext()
    ):
        session.connection(execution_options=WRITE)
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

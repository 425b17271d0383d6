"""A seed directory to spoil, and the loaded seed to look at."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from app.extensions import usage_events
from app.models.base import AnySession, db
from app.services.usage.store import EventStore
from seed.loader import SEED_DIR, load_seed
from tests.conftest import fresh_uri
from tests.databases import running_app

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the seed files."""
    copy = tmp_path / "seed"
    copy.mkdir()
    for file in SEED_DIR.glob("*.json"):
        shutil.copy(file, copy)
    return copy


@pytest.fixture
def store(app: Flask) -> EventStore:
    return usage_events().store


@pytest.fixture
def demo(app: Flask, store: EventStore) -> AnySession:
    """The session of a database that holds ws_1049, on both engines."""
    load_seed(db.session, store, now=NOW, with_growth=False)
    return db.session


@pytest.fixture(scope="module")
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnySession]:
    """The session of a SQLite database that holds both workspaces; tests only read it."""
    folder = tmp_path_factory.mktemp("grown")
    for uri in fresh_uri("sqlite", request, folder):
        for _ in running_app(uri, folder / "data"):
            load_seed(db.session, usage_events().store, now=NOW)
            yield db.session

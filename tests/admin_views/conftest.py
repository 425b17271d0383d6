"""A browser-like client of the grids, on a database that holds one row of every table."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_views.register import ASSETS, register
from app import extensions
from app.models.base import AnySession, db
from seed.loader import load_seed
from tests import factories as f
from tests.admin_views.demo import CANDIDATE, simulate
from tests.admin_views.pages import PageClient
from tests.admin_views.rows import add_workspace

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
VERSION = re.compile(r'name="row_version"[^>]*value="([^"]+)"')

HiddenInputs = Callable[[FlaskClient, str], dict[str, str]]
"""The hidden inputs that the form on a page of a client sends along."""


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every client of these tests reads pages as a browser does."""
    monkeypatch.setattr(Flask, "test_client_class", PageClient)


@pytest.fixture
def grids(app: Flask, session: AnySession) -> FlaskClient:
    return _with_grids(app, session)


@pytest.fixture
def sqlite_grids(sqlite_app: Flask) -> FlaskClient:
    return _with_grids(sqlite_app, db.session)


def _with_grids(app: Flask, session: AnySession) -> FlaskClient:
    if ASSETS not in app.blueprints:
        register(app)
    add_workspace(session)
    return app.test_client()


@pytest.fixture
def demo(sqlite_app: Flask) -> FlaskClient:
    """The demo, with its candidate simulated."""
    load_seed(db.session, extensions.usage_events().store, now=f.NOW, with_growth=False)
    db.session.commit()
    simulate(CANDIDATE)
    client = sqlite_app.test_client()
    client.get("/?workspace=ws_1049")
    return client


@pytest.fixture
def hidden() -> HiddenInputs:
    """The hidden inputs that a page's form sends along."""

    def read(client: FlaskClient, url: str) -> dict[str, str]:
        page = client.get(url).text
        found = {"csrf_token": TOKEN.search(page), "row_version": VERSION.search(page)}
        return {name: match[1] for name, match in found.items() if match}

    return read

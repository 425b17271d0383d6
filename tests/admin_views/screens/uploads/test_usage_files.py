"""Files of usage that are damaged, or set aside: Home and the usage screen say which, and what to do."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.extensions import usage_events
from app.models.base import db
from app.models.transactions import write
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of
from tests.services.usage.conftest import event, put


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """A workspace with one stored event."""
    with write(db.session):
        f.foundation(db.session)
        f.config(db.session, "cfg_1")
    put(usage_events().store, event("a"))
    client = sqlite_app.test_client()
    client.get("/?workspace=ws_1")
    return client


def stored_file() -> Path:
    (path,) = usage_events().store.files("ws_1")
    return path


def test_a_damaged_file_is_named_on_home_and_on_the_usage_screen(client: FlaskClient) -> None:
    path = stored_file()
    path.write_bytes(path.read_bytes()[:-1])
    for page in ("/", "/usage"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert path.name in answer.text
        assert "Put the file back from a backup" in text_of(answer.text)


def test_a_file_that_was_set_aside_is_said_on_home_and_on_the_usage_screen(client: FlaskClient) -> None:
    path = stored_file()
    path.with_name("found.parquet").write_bytes(path.read_bytes())
    usage_events().store.sweep(clock.now(), timedelta(hours=1))
    for page in ("/", "/usage"):
        assert "avs usage reindex --take-in" in text_of(client.get(page).text), page


def test_home_is_shown_when_the_usage_index_is_gone(client: FlaskClient) -> None:
    stored_file()
    usage_events().store.index.path.unlink()
    answer = client.get("/")
    assert answer.status_code == 200
    assert "index.sqlite of the usage events was removed" in text_of(answer.text)

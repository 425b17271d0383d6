"""Flow 0B: which files are refused, how that is said, and that nothing of them stays."""

import os
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.models.base import db
from app.models.transactions import write
from app.services.uploads import store as staging
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of
from tests.admin_views.screens.uploads.upload_pages import MULTIPART, URL, USAGE, multipart, previewed, send, staged


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    with write(db.session):
        f.workspace(db.session)
        f.workspace(db.session, "ws_2")
    client = sqlite_app.test_client()
    client.get("/?workspace=ws_1")
    return client


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"", "", "Choose a file first."),
        (b"", "empty.csv", "empty.csv is empty."),
        (b"PK\x03\x04xlsx", "book.xlsx", "book.xlsx is a spreadsheet or a zip archive"),
        (b'[{"ts":1}', "list.json", "list.json is no JSON: it ends where"),
        (b"PAR1 but no more", "cut.parquet", "cut.parquet cannot be read as parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_at_its_field(
    client: FlaskClient, sqlite_app: Flask, content: bytes, name: str, reason: str
) -> None:
    answer = send(client, content=content, name=name)
    assert answer.status_code == 422
    assert reason in text_of(answer.text)
    assert staged(sqlite_app) == []


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(
    client: FlaskClient, sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(staging.MAX_BYTES, "usage", 2**20)
    answer = send(client, content=b"x" * (2**20 + 2**17))
    assert answer.status_code == 413
    assert "This file is larger than 1 MiB. Split it" in text_of(answer.text)
    assert staged(sqlite_app) == []


def test_a_file_larger_than_other_requests_may_be_is_taken(client: FlaskClient, sqlite_app: Flask) -> None:
    row = b"2026-01-02T09:15:00Z,video_render_completed,acct_1,starter,6,HD\n"
    many = USAGE + row * (sqlite_app.config["MAX_CONTENT_LENGTH"] // len(row) + 1)
    assert previewed(client, content=many).startswith(f"{URL}/uploads/up_")


def test_a_file_without_this_pages_token_is_not_kept(client: FlaskClient, sqlite_app: Flask) -> None:
    data = multipart("usage", USAGE, "usage.csv", "of somebody else")
    answer = client.post(f"{URL}/upload/usage", data=data, content_type=MULTIPART)
    assert answer.status_code == 403
    assert staged(sqlite_app) == []


def test_an_upload_belongs_to_its_workspace(client: FlaskClient) -> None:
    address = previewed(client)
    client.get("/?workspace=ws_2")
    assert client.get(address).status_code == 404
    assert client.get(f"{address}/progress").status_code == 404


@pytest.mark.parametrize("upload_id", ["up_" + "0" * 32, "..", "up_..%2f..", "rejects"])
def test_an_upload_that_is_not_there_is_refused(client: FlaskClient, upload_id: str) -> None:
    assert client.get(f"{URL}/uploads/{upload_id}").status_code == 404


def test_an_abandoned_upload_goes_with_the_next_one_a_day_later(client: FlaskClient, sqlite_app: Flask) -> None:
    abandoned = previewed(client).rpartition("/")[2]
    folder = sqlite_app.config["DATA_DIR"] / "uploads" / "ws_1" / abandoned
    long_ago = (clock.now() - timedelta(days=2)).timestamp()
    os.utime(folder, (long_ago, long_ago))
    kept = previewed(client).rpartition("/")[2]
    assert staged(sqlite_app) == [kept]

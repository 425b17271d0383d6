"""Sending files to the data screen like a browser, and reading what became of them."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.extensions import usage_events
from app.models.base import db
from app.services.usage.summary import UsageSummary, usage_summary
from tests.admin_views.screens.decisions.decide_pages import form_of, text_of

URL = "/setup/data-mode"
USAGE = b"""Timestamp,Event Name,Account,Plan,Output Minutes,resolution
2026-01-02T09:15:00Z,video_render_completed,acct_1,starter,6,HD
2026-01-03T09:15:00Z,storyboard_created,acct_2,pro,,
yesterday,video_render_completed,acct_1,starter,1,HD
2026-01-04T09:15:00Z,video_render_completed,,starter,2,HD
"""

MULTIPART = "multipart/form-data; boundary=part"


def multipart(kind: str, content: bytes, name: str, token: str) -> bytes:
    """The bytes that a browser sends."""
    return (
        (
            f'--part\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
            f'--part\r\nContent-Disposition: form-data; name="{kind}"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        + content
        + b"\r\n--part--\r\n"
    )


def send(client: FlaskClient, content: bytes = USAGE, name: str = "usage.csv", kind: str = "usage") -> TestResponse:
    """Send a file; the answer to the upload itself."""
    token = form_of(client.get(URL).text, f"{URL}/upload/{kind}")["csrf_token"]
    return client.post(f"{URL}/upload/{kind}", data=multipart(kind, content, name, token), content_type=MULTIPART)


def previewed(client: FlaskClient, **sent: Any) -> str:
    """Send a file that is taken; the address of its preview."""
    answer = send(client, **sent)
    assert answer.status_code == 303, text_of(answer.text)
    return answer.location


def chosen(client: FlaskClient, address: str, do: str, **typed: str) -> TestResponse:
    return client.post(address, data=form_of(client.get(address).text, "columns") | typed | {"do": do})


def imported(client: FlaskClient, **sent: Any) -> TestResponse:
    """Send a file, take the guess, import it; the page that says what became of it."""
    address = previewed(client, **sent)
    answer = chosen(client, address, "import")
    assert (answer.status_code, answer.location) == (303, address)
    db.session.rollback()
    return client.get(address)


def stored(workspace_id: str = "ws_1") -> UsageSummary:
    return usage_summary(usage_events().store, workspace_id)


def staged(app: Flask) -> list[str]:
    return sorted(path.name for path in (app.config["DATA_DIR"] / "uploads").glob("*/up_*"))

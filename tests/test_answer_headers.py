"""Every answer tells browsers how to take it, whatever route gave it and whatever became of the request."""

import re

import pytest
from flask import Flask
from werkzeug.wrappers import Response

from app.answer_headers import ALWAYS, UNLESS_SAID
from app.models.base import AnySession, db
from tests import factories as f
from tests.present import present

HEADERS = (*ALWAYS, *UNLESS_SAID)
BOOTSTRAP = "bootstrap/bootstrap4/swatch/default/bootstrap.min.css"
KEEPING = re.compile(r"no-store|no-cache|private, no-cache|public, max-age=31536000, immutable")


def check(answer: Response, what: str) -> None:
    """Each header once, and what it says."""
    for name in HEADERS:
        assert len(answer.headers.getlist(name)) == 1, f"{name} of {what}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff", what
    assert answer.headers["X-Frame-Options"] == "DENY", what
    assert answer.headers["Referrer-Policy"] == "same-origin", what
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], what
    assert KEEPING.search(answer.headers["Cache-Control"]), what


@pytest.fixture
def drafted(sqlite_app: Flask) -> AnySession:
    """A workspace with a config that is a draft."""
    f.foundation(db.session)
    db.session.commit()
    return db.session


@pytest.fixture
def established(sqlite_app: Flask) -> AnySession:
    """A workspace with a config that is active."""
    session = db.session
    f.foundation(session)
    f.simulated(session, "cfg_1")
    f.approve(session, "cfg_1", later=0)
    session.commit()
    return session


PARTS = {
    "workspace_id": "ws_1",
    "config_version_id": "cfg_1",
    "cycle_id": "cycle_1",
    "filename": "avs.js",
    "name": "swagger-ui.css",
    "code": "not_found",
}


def address(rule: str) -> str:
    return re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", lambda match: PARTS.get(match[1], "x"), rule)


@pytest.mark.usefixtures("drafted")
def test_every_route_in_every_method(sqlite_app: Flask) -> None:
    sqlite_app.config["PROPAGATE_EXCEPTIONS"] = False
    client = sqlite_app.test_client()
    statuses = set()
    for rule in sqlite_app.url_map.iter_rules():
        for method in sorted(present(rule.methods)):
            with client.open(address(rule.rule), method=method) as answer:
                check(answer, f"{method} {rule.rule}: {answer.status}")
                if rule.rule != "/readyz":  # this folder lacks the keys that a server has, and that is what it says
                    statuses.add(answer.status_code)
    assert {200, 302, 404, 415, 422} <= statuses, "the routes were answered in many ways"
    assert max(statuses) < 500, statuses


@pytest.mark.usefixtures("established")
def test_refusals_files_streams_and_what_has_not_changed(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()
    for path in ("/nothing", "/api/nothing", "/admin/assets/nothing.css", "/configs/none/pools", "/admin/cycles"):
        check(client.get(path), path)
    check(client.put("/healthz"), "405")
    check(client.get("/", headers={"Host": "evil.example"}), "421")
    check(client.get("/api/workspaces", headers={"Host": "evil.example"}), "421 of the API")
    for path in ("/api/runtime/config", "/api/runtime/stream"):
        answer = client.get(path, query_string=f.SUBJECT)
        assert answer.status_code == 200
        check(answer, path)
    for path in ("/api/workspaces/ws_1", "/admin/assets/avs.js", f"/admin/static/{BOOTSTRAP}"):
        with client.get(path) as first:
            assert first.status_code == 200, path
            kept = {"If-None-Match": first.headers["ETag"]}
        with client.get(path, headers=kept) as again:
            assert again.status_code == 304
            check(again, f"304 of {path}")
    sqlite_app.config["API_TOKEN"] = "secret"
    for path in ("/", "/api/workspaces", "/nothing", "/admin/assets/avs.js"):
        answer = client.get(path)
        assert answer.status_code == 401
        check(answer, f"401 of {path}")


def test_a_fault_of_the_server_too(sqlite_app: Flask) -> None:
    sqlite_app.config["PROPAGATE_EXCEPTIONS"] = False
    db.session.execute(db.text("DROP TABLE workspaces"))
    db.session.commit()
    client = sqlite_app.test_client()
    for path in ("/", "/api/workspaces", "/admin/workspaces/"):
        answer = client.get(path)
        assert answer.status_code >= 500
        check(answer, f"{answer.status_code} of {path}")

"""Every refusal is RFC 9457 problem details, whoever refuses."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from api.problem_codes import MEANINGS
from app.models.base import db
from tests import factories
from tests.api.conftest import Api, exact
from tests.databases import running_app

ROOT = Path(__file__).resolve().parents[2]


def is_problem(response: TestResponse, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    problem = exact(response)
    assert problem["type"] == f"/api/problems/{code}"
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["title"]
    assert problem["detail"]


def test_an_unknown_address_is_a_problem(sqlite_api: Api) -> None:
    is_problem(sqlite_api.client.get("/api/nothing"), 404, "not_found")
    is_problem(sqlite_api.client.get("/api/workspaces/"), 404, "not_found")


def test_an_unknown_method_is_a_problem_that_names_the_known_ones(sqlite_api: Api) -> None:
    response = sqlite_api.client.put("/api/workspaces")
    is_problem(response, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


def test_a_snapshot_cannot_be_changed_by_any_method(sqlite_studio: Api) -> None:
    path = sqlite_studio.get("/api/value-unit-snapshots").json["items"][0]["value_unit_snapshot_id"]
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        response = sqlite_studio.client.open(f"/api/value-unit-snapshots/{path}", method=method)
        is_problem(response, 405, "method_not_allowed")


def test_a_fault_of_the_server_is_a_problem_without_its_inside(
    sqlite_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    sqlite_app.config["PROPAGATE_EXCEPTIONS"] = False
    db.session.execute(db.text("DROP TABLE product_events"))
    db.session.commit()
    response = sqlite_app.test_client().post(
        "/api/workspaces", json={"workspace_name": "x", "operator_role": "founder"}
    )
    is_problem(response, 500, "internal_error")
    assert "product_events" not in response.text
    assert "product_events" in caplog.text


@pytest.fixture
def guarded(tmp_path: Path, sqlite_template: Path) -> Iterator[Api]:
    """A server that wants a token."""
    uri = f"sqlite:///{sqlite_template}"
    for app in running_app(uri, tmp_path):
        app.config["API_TOKEN"] = "s3cret"
        yield Api(app)


def test_without_the_token_every_route_asks_for_it(guarded: Api) -> None:
    response = guarded.get("/api/workspaces", 401)
    is_problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert guarded.client.get("/api/docs").status_code == 401
    guarded.get("/api/workspaces", Authorization="Bearer s3cret")


def test_a_refusal_by_a_gate_or_a_state_says_what_to_do(sqlite_studio: Api) -> None:
    factories.active(db.session)
    db.session.commit()
    refused = sqlite_studio.patch("/api/configs/cfg_1", {"price_book_ref": "x"}, 409)
    is_problem(refused, 409, "config_immutable")
    assert "fork it" in refused.json["detail"]


def test_every_code_is_explained_at_the_address_that_its_type_names(sqlite_api: Api) -> None:
    for code, meaning in MEANINGS.items():
        assert sqlite_api.get(f"/api/problems/{code}").json == {"code": code, "meaning": meaning}
        assert meaning.strip()
    sqlite_api.get("/api/problems/unheard_of", 404)


def test_every_code_that_the_source_raises_is_explained() -> None:
    raised = {
        code
        for folder in ("app", "api", "seed")
        for path in (ROOT / folder).rglob("*.py")
        for code in re.findall(r"""\bcode="([a-z_]+)\"""", path.read_text())
    }
    assert raised <= MEANINGS.keys()

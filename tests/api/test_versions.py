"""A client can tell for which version it was written, and hears early of what goes."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from api.blueprint import Operation, make_blueprint
from api.deprecation import Deprecation
from api.resource import plain
from api.spec import openapi
from tests.api.conftest import Api

SINCE = datetime(2027, 1, 1, tzinfo=UTC)


def test_every_answer_says_its_version(sqlite_api: Api) -> None:
    for path in ("/api/workspaces", "/api/nothing", "/api/workspaces?no=thing", "/api/openapi.json", "/api/docs"):
        assert sqlite_api.client.get(path).headers["AVS-API-Version"] == "1", path
    assert "AVS-API-Version" not in sqlite_api.client.get("/healthz").headers


def test_a_request_may_name_the_version_that_it_was_written_for(sqlite_api: Api) -> None:
    sqlite_api.get("/api/workspaces", AVS_API_Version="1")
    problem = sqlite_api.get("/api/workspaces", 400, AVS_API_Version="2").json
    assert problem["code"] == "unknown_api_version"
    assert "Known: 1." in problem["detail"]
    assert problem["errors"][0]["pointer"] == "AVS-API-Version"


def test_an_unknown_version_writes_nothing(sqlite_api: Api) -> None:
    body = {"workspace_id": "ws_new", "workspace_name": "New", "operator_role": "founder"}
    sqlite_api.post("/api/workspaces", body, 400, AVS_API_Version="2027-01-01")
    sqlite_api.get("/api/workspaces/ws_new", 404)


def leaving() -> Operation:
    """An operation that is to go, as it would be declared."""
    deprecation = Deprecation(SINCE, SINCE + timedelta(days=400), "/api/docs")
    return Operation(
        method="GET",
        path="/leaving",
        view=lambda: plain({"so": "long"}),
        tag="Documentation",
        summary="Go",
        answers={200: {"type": "object", "additionalProperties": True}},
        deprecation=deprecation,
    )


def test_what_goes_says_so_in_its_own_answers() -> None:
    app = Flask(__name__)
    app.register_blueprint(make_blueprint((leaving(),)))
    headers = app.test_client().get("/api/leaving").headers
    assert headers["Deprecation"] == "@1798761600"
    assert headers["Sunset"] == "Sat, 05 Feb 2028 00:00:00 GMT"
    assert headers["Link"] == '</api/docs>; rel="deprecation"'


def test_what_goes_is_marked_in_the_description() -> None:
    item = openapi((leaving(),))["paths"]["/api/leaving"]["get"]
    assert item["deprecated"] is True
    assert {"Deprecation", "Sunset", "Link"} <= set(item["responses"]["200"]["headers"])


def test_nothing_goes_without_a_year_of_notice() -> None:
    with pytest.raises(ValueError, match="365 days before"):
        Deprecation(SINCE, SINCE + timedelta(days=30), "/api/docs")

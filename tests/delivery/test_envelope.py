"""What the plane answers by itself carries the request's id, the version and the origin that may read it."""

import json
import re

import pytest
from flask import Flask

from app.cors import ORIGINS
from app.server import delivering
from tests import factories as f
from tests.delivery.asgi import Exchange, begin
from tests.delivery.conftest import CONFIG, KEYS, STREAM, Loop, Plane

APP = "https://app.example.com"


@pytest.mark.parametrize("path", [CONFIG, KEYS, "/healthz", "/readyz", "/api/nothing", "/nothing"])
def test_a_request_keeps_its_id_whoever_answers(plane: Plane, path: str) -> None:
    query = f.SUBJECT if path == CONFIG else {}
    assert plane.get(path, query, X_Request_Id="req_1").headers["x-request-id"] == "req_1"
    made = plane.get(path, query, X_Request_Id="no id").headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert plane.get(path, query).headers["x-request-id"] != made


def test_what_has_not_changed_and_streams_have_one_too(plane: Plane, runner: Loop) -> None:
    etag = plane.config().headers["etag"]
    same = plane.config(If_None_Match=etag, X_Request_Id="req_2")
    assert (same.status, same.headers["x-request-id"], same.headers["avs-api-version"]) == (304, "req_2", "1")

    async def listened() -> Exchange:
        exchange = begin(plane.app, STREAM, f.SUBJECT, {"X-Request-Id": "req_3"})
        await exchange.event()
        await exchange.leave()
        return exchange

    stream = runner.run(listened())
    assert (stream.headers["x-request-id"], stream.headers["avs-api-version"]) == ("req_3", "1")


def test_a_document_in_memory_is_not_given_in_an_unknown_version(plane: Plane) -> None:
    assert plane.config(AVS_API_Version="1").status == 200
    refused = plane.config(AVS_API_Version="2")
    assert refused.status == 400
    problem = json.loads(refused.body)
    assert problem["code"] == "unknown_api_version"
    assert problem["request_id"] == refused.headers["x-request-id"]
    assert "avs-api-version" not in plane.get("/healthz").headers


def test_a_page_of_a_named_origin_reads_the_document(plane: Plane, app: Flask, runner: Loop) -> None:
    assert "access-control-allow-origin" not in plane.config(Origin=APP).headers
    app.config[ORIGINS] = frozenset({APP})
    shared = Plane(delivering(app), runner)
    for path in (CONFIG, KEYS):
        headers = shared.get(path, f.SUBJECT if path == CONFIG else {}, Origin=APP).headers
        assert headers["access-control-allow-origin"] == APP
        assert "AVS-Signature" in headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in headers
    assert "access-control-allow-origin" not in shared.config(Origin="https://evil.example").headers
    preflight = shared.get(CONFIG, method="OPTIONS", Origin=APP, Access_Control_Request_Method="GET")
    assert preflight.status == 204
    assert "access-control-allow-origin" not in shared.get("/healthz", Origin=APP).headers
    runner.run(shared.app.close())

"""What the plane answers by itself is for its own names alone, and tells browsers how to take it."""

import json

import pytest
from flask import Flask

from app.hosts import TRUSTED_HOSTS, trusted_hosts
from app.server import delivering
from tests import factories as f
from tests.delivery.asgi import Exchange, begin
from tests.delivery.conftest import CONFIG, STREAM, Loop, Plane

FOREIGN = ("evil.example", "evil.example:5000", "127.0.0.1.evil.example", "10.0.0.1:5000", "", "localhost,evil.example")


def check(exchange: Exchange, what: str) -> None:
    assert exchange.headers["x-content-type-options"] == "nosniff", what
    assert exchange.headers["x-frame-options"] == "DENY", what
    assert exchange.headers["referrer-policy"] == "same-origin", what
    assert "frame-ancestors 'none'" in exchange.headers["content-security-policy"], what
    assert exchange.headers["cache-control"] in ("no-store", "no-cache"), what


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_answer_this_machines_names_alone_and_with_the_headers(plane: Plane, path: str) -> None:
    assert plane.get(path, Host="evil.example").status == 421
    answered = plane.get(path)
    assert answered.status in (200, 503), "it says what is there"
    check(answered, path)


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", [CONFIG, STREAM])
def test_no_document_and_no_stream_for_a_foreign_host(plane: Plane, path: str, host: str) -> None:
    refused = plane.get(path, f.SUBJECT, Host=host)
    assert refused.status == 421
    assert refused.headers["content-type"] == "application/problem+json"
    assert json.loads(refused.body)["code"] == "host_not_trusted"
    assert "AVS_TRUSTED_HOSTS" in json.loads(refused.body)["detail"]
    check(refused, host)


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1", "[::1]:5000"])
def test_this_machines_own_names_are_answered_from_memory(plane: Plane, host: str) -> None:
    assert plane.config(Host=host).status == 200


def test_a_name_of_the_setting_is_answered_too(plane: Plane, app: Flask, runner: Loop) -> None:
    app.config[TRUSTED_HOSTS] = trusted_hosts({"AVS_TRUSTED_HOSTS": "avs.example.com"})
    behind_a_proxy = Plane(delivering(app), runner)
    assert behind_a_proxy.config(Host="avs.example.com").status == 200
    assert behind_a_proxy.config(Host="other.example.com").status == 421
    runner.run(behind_a_proxy.app.close())


def test_every_answer_of_the_plane_has_the_headers(plane: Plane) -> None:
    whole = plane.config()
    etag = whole.headers["etag"]
    answers = {
        "the document": whole,
        "packed": plane.config(Accept_Encoding="br"),
        "not changed": plane.config(If_None_Match=etag),
        "waited for": plane.get(CONFIG, f.SUBJECT | {"wait": "1"}, If_None_Match=etag),
        "nothing active": plane.get(CONFIG, f.SUBJECT | {"segment": "none"}),
        "a bad request": plane.get(CONFIG, {"wait": "x"}),
        "another method": plane.get(CONFIG, f.SUBJECT, method="POST"),
        "no such address": plane.get("/nothing"),
    }
    assert [answer.status for answer in answers.values()] == [200, 200, 304, 304, 404, 400, 405, 404]
    for what, exchange in answers.items():
        check(exchange, what)


def test_a_stream_has_them_before_its_first_event(plane: Plane) -> None:
    async def first_event() -> Exchange:
        exchange = begin(plane.app, STREAM, f.SUBJECT, {})
        await exchange.event()
        await exchange.leave()
        return exchange

    stream = plane.runner.run(first_event())
    assert stream.status == 200
    check(stream, "stream")

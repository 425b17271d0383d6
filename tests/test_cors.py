"""Pages of the origins that are named may use the API from a browser, and no others."""

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.cors import EXPOSED, ORIGINS, cors_origins
from app.errors import BadSetting
from app.hosts import TRUSTED_HOSTS, TrustedHosts

APP = "https://app.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
BAD = ("*", "null", "app.example.com", "https://app.example.com/", "https://*.example.com", "ftp://a", "https://u@a")


@pytest.fixture
def shared(sqlite_app: Flask) -> Flask:
    """The product with one origin that may use it."""
    sqlite_app.config[ORIGINS] = frozenset({APP})
    return sqlite_app


def ask(app: Flask, method: str, path: str, origin: str, **headers: str) -> TestResponse:
    sent = {"Origin": origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return app.test_client().open(path, method=method, headers=sent)


def sharing(answer: TestResponse) -> set[str]:
    return {name for name, _ in answer.headers if name.startswith("Access-Control-")}


def test_a_page_of_a_named_origin_reads_answers_and_refusals(shared: Flask) -> None:
    for path in ("/api/workspaces", "/api/nothing"):
        answer = ask(shared, "GET", path, APP)
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert answer.headers["Access-Control-Expose-Headers"] == ", ".join(EXPOSED)
        assert "Origin" in answer.headers.getlist("Vary")


def test_a_preflight_is_answered_without_the_token_and_nothing_else_is(shared: Flask) -> None:
    shared.config["API_TOKEN"] = "s3cret"
    answer = ask(shared, "OPTIONS", "/api/workspaces", APP, **PREFLIGHT)
    assert answer.status_code == 204
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert ask(shared, "OPTIONS", "/api/workspaces", APP).status_code == 401
    assert ask(shared, "GET", "/api/workspaces", APP).status_code == 401
    assert ask(shared, "GET", "/api/workspaces", APP, Authorization="Bearer s3cret").status_code == 200


def test_no_answer_lets_credentials_go_along(shared: Flask) -> None:
    for method, headers in (("GET", {}), ("OPTIONS", PREFLIGHT)):
        answer = ask(shared, method, "/api/workspaces", APP, **headers)
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers["Access-Control-Allow-Origin"] != "*"


@pytest.mark.parametrize("origin", ["https://evil.example", f"{APP}:8443", "http://app.example.com", "null", ""])
def test_a_page_of_another_origin_reads_nothing(shared: Flask, origin: str) -> None:
    assert not sharing(ask(shared, "GET", "/api/workspaces", origin))
    assert not sharing(ask(shared, "OPTIONS", "/api/workspaces", origin, **PREFLIGHT))


def test_screens_are_never_shared(shared: Flask) -> None:
    for path in ("/", "/healthz", "/admin/workspaces/"):
        assert not sharing(ask(shared, "GET", path, APP))


def test_without_the_setting_nothing_is_shared(sqlite_app: Flask) -> None:
    answer = ask(sqlite_app, "GET", "/api/workspaces", APP)
    assert not sharing(answer)
    assert "Origin" not in answer.headers.getlist("Vary")


def test_the_host_is_still_asked_for_first(shared: Flask) -> None:
    shared.config[TRUSTED_HOSTS] = TrustedHosts()
    answer = ask(shared, "OPTIONS", "/api/workspaces", APP, Host="evil.example", **PREFLIGHT)
    assert answer.status_code == 421


def test_a_setting_names_exact_origins() -> None:
    setting = "https://App.example.com:443, http://localhost:3000 http://[::1]:80"
    assert cors_origins({"AVS_CORS_ORIGINS": setting}) == {APP, "http://localhost:3000", "http://[::1]"}
    assert cors_origins({}) == frozenset()


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_origin_stops_the_start(text: str) -> None:
    with pytest.raises(BadSetting, match="no origin"):
        cors_origins({"AVS_CORS_ORIGINS": text})

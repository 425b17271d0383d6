"""What is refused outside the API is said on a page in the product's frame, whether a screen has the address or not."""

from collections.abc import Callable
from typing import NoReturn

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import InternalServerError, RequestEntityTooLarge, ServiceUnavailable
from werkzeug.test import TestResponse

from admin_views.base import POLICY
from app.models.base import AnySession, db
from tests.admin_views.conftest import HiddenInputs

UNKNOWN = ("/nothing", "/cycles/x/y/z", "/admin/nothing/", "/admin/assets/nothing.css", "/apiary", "/favicon.ico")


def is_page(answer: TestResponse, status: int, *sentences: str) -> None:
    """The frame with its menu and a way back, and what was wrong."""
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert answer.headers["Content-Security-Policy"] == POLICY, "without it the browser takes no style"
    for text in ('<nav class="rail"', 'href="/decision-log"', "Back to Home", *sentences):
        assert text in answer.text, text


@pytest.fixture
def failing(sqlite_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], FlaskClient]:
    """A client of a server whose health check raises what the test names, as any route might."""
    sqlite_app.config["PROPAGATE_EXCEPTIONS"] = False

    def raising(error: Exception) -> FlaskClient:
        def fails() -> NoReturn:
            raise error

        monkeypatch.setitem(sqlite_app.view_functions, "healthz", fails)
        return sqlite_app.test_client()

    return raising


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_address_that_no_page_has_is_said_in_the_frame(sqlite_app: Flask, path: str) -> None:
    is_page(sqlite_app.test_client().get(path), 404, "There is no such page", "No page has this address")


def test_a_record_that_is_not_there_is_named_in_the_frame(sqlite_app: Flask) -> None:
    is_page(sqlite_app.test_client().get("/configs/cfg_none/pools"), 404, "cfg_none")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/docs/assets/nothing.js"])
def test_programs_get_problem_documents_instead(sqlite_app: Flask, path: str) -> None:
    answer = sqlite_app.test_client().get(path)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/healthz", "/decision-log", "/admin/cycles/"])
def test_a_method_that_a_page_does_not_take_is_said_with_those_it_takes(sqlite_app: Flask, path: str) -> None:
    answer = sqlite_app.test_client().put(path)
    is_page(answer, 405, "This cannot be sent here")
    assert "GET" in answer.headers["Allow"]


def test_a_form_that_is_too_large_is_told_so(grids: FlaskClient, hidden: HiddenInputs) -> None:
    sent = hidden(grids, "/setup/workspace") | {"workspace_name": "x" * 9_000_000}
    is_page(grids.post("/setup/workspace", data=sent), 413, "Too large")


def test_what_breaks_in_the_server_is_a_page_without_its_inside(
    failing: Callable[[Exception], FlaskClient], caplog: pytest.LogCaptureFixture
) -> None:
    answer = failing(RuntimeError("the secret inside")).get("/healthz")
    is_page(answer, 500, "Something went wrong")
    assert "secret inside" not in answer.text
    assert "secret inside" in caplog.text


def test_a_page_that_cannot_be_had_just_now_says_when_to_come_back(
    failing: Callable[[Exception], FlaskClient],
) -> None:
    answer = failing(ServiceUnavailable(retry_after=5)).get("/healthz")
    is_page(answer, 503, "Not available just now")
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("error", [RequestEntityTooLarge(), InternalServerError()], ids=["413", "500"])
def test_the_words_of_http_for_programs_reach_nobody(
    failing: Callable[[Exception], FlaskClient], error: RequestEntityTooLarge
) -> None:
    page = failing(error).get("/healthz").text
    assert "The data value transmitted" not in page
    assert "The server encountered" not in page


def test_two_writers_who_met_are_told_in_the_frame(failing: Callable[[Exception], FlaskClient]) -> None:
    answer = failing(IntegrityError("INSERT", {}, Exception("UNIQUE"))).get("/healthz")
    is_page(answer, 409, "read and try again")


def test_a_refusal_is_shown_while_the_database_is_away(failing: Callable[[Exception], FlaskClient]) -> None:
    client = failing(RuntimeError("x"))
    session: AnySession = db.session
    session.execute(db.text("DROP TABLE workspaces"))
    session.commit()
    is_page(client.get("/nothing"), 404)
    is_page(client.get("/healthz"), 500)


def test_an_address_that_lacks_its_slash_still_leads_on(sqlite_app: Flask) -> None:
    answer = sqlite_app.test_client().get("/admin/cycles")
    assert answer.status_code == 308
    assert answer.location.endswith("/admin/cycles/")

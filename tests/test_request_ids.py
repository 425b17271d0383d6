"""One request has one id: in its answer, in its problem document and in the lines that are logged for it."""

import logging
import re

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.models.base import db
from app.request_ids import PATTERN, request_id_of
from tests.test_answer_headers import address

MADE = re.compile(r"[0-9a-f]{32}")
GOOD = ("a", "0af7651916cd43dd8448eb211c80319c", "req-1/2:3=4+5~6_7.8", "A" * 128)
BAD = ("", " a", "-a", "a b", "a\tb", "ä", "A" * 129, "a,b", 'a"', "a;b")


@pytest.mark.parametrize("sent", GOOD)
def test_a_well_formed_id_is_taken_over(sqlite_app: Flask, sent: str) -> None:
    for path in ("/healthz", "/api/workspaces", "/nothing", "/api/nothing"):
        assert sqlite_app.test_client().get(path, headers={"X-Request-Id": sent}).headers["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", BAD)
def test_any_other_is_replaced(sqlite_app: Flask, sent: str) -> None:
    answer = sqlite_app.test_client().get("/api/workspaces", headers={"X-Request-Id": sent})
    assert MADE.fullmatch(answer.headers["X-Request-Id"])


@given(st.text())
def test_an_id_never_says_more_than_the_rule_allows(sent: str) -> None:
    assert re.fullmatch(PATTERN, request_id_of(sent), re.ASCII)


def test_every_route_answers_with_an_id_of_its_own(sqlite_app: Flask) -> None:
    sqlite_app.config["PROPAGATE_EXCEPTIONS"] = False
    client = sqlite_app.test_client()
    ids = []
    for rule in sqlite_app.url_map.iter_rules():
        with client.get(address(rule.rule)) as answer:
            ids += answer.headers.getlist("X-Request-Id")
    assert len(set(ids)) == len(ids) == len(list(sqlite_app.url_map.iter_rules()))


def test_a_problem_names_its_request(sqlite_app: Flask) -> None:
    answer = sqlite_app.test_client().get("/api/nothing", headers={"X-Request-Id": "req_1"})
    assert answer.get_json()["request_id"] == "req_1"


def test_what_is_logged_for_a_request_ends_in_its_id(sqlite_app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    sqlite_app.config["PROPAGATE_EXCEPTIONS"] = False
    db.session.execute(db.text("DROP TABLE workspaces"))
    db.session.commit()
    with caplog.at_level(logging.ERROR):
        answer = sqlite_app.test_client().get("/api/workspaces", headers={"X-Request-Id": "req_2"})
        logging.getLogger("app").error("Something else")
    assert answer.status_code == 500
    assert answer.get_json()["request_id"] == "req_2"
    assert caplog.messages[0].endswith("[request req_2]")
    assert caplog.messages[-1] == "Something else"

"""Evidence from customer apps: each event has its own result, and sending again is harmless (spec 6)."""

from urllib.parse import urlencode

import pytest

from app.models.base import db
from app.models.transactions import write
from simulation.canonical import Json, JsonObject
from tests import factories as f
from tests.answers import Answer
from tests.api.conftest import Api, row_counts

PATH = "/api/enforcement-events"
EVENT = {
    "enforcement_event_id": "enf_1",
    "workspace_id": "ws_1",
    "customer_id": "cust_1",
    "config_version_id": "cfg_1",
    "occurred_at": "2026-01-16T10:00:00Z",
    "event_type": "rail_warning_shown",
    "context": {"percent": 70},
}


def numbered(number: int, **changes: Json) -> JsonObject:
    return EVENT | {"enforcement_event_id": f"enf_{number}"} | changes


@pytest.fixture
def live(studio: Api) -> Api:
    with write(db.session):
        f.active(db.session)
    return studio


def statuses(answer: Answer) -> list[str]:
    return [result["status"] for result in answer.json["results"]]


def test_one_event_is_accepted_once(live: Api) -> None:
    assert statuses(live.post(PATH, EVENT, 202)) == ["accepted"]
    again = live.post(PATH, EVENT, 202)
    assert statuses(again) == ["duplicate"]
    assert (again.json["accepted"], again.json["duplicates"], again.json["rejected"]) == (0, 1, 0)
    (item,) = live.get(PATH).json["items"]
    assert item["context"] == {"percent": 70}


def test_a_batch_answers_in_its_order(live: Api) -> None:
    batch = [numbered(1), numbered(2, event_type="shouted"), numbered(1), numbered(3, workspace_id="ws_9"), "text"]
    answer = live.post(PATH, batch, 202)
    assert statuses(answer) == ["accepted", "rejected", "duplicate", "rejected", "rejected"]
    pointers = [[error["pointer"] for error in result["errors"]] for result in answer.json["results"]]
    assert pointers == [[], ["/event_type"], [], ["/config_version_id"], [""]]


def test_a_rejection_names_the_allowed_values(live: Api) -> None:
    (result,) = live.post(PATH, numbered(1, event_type="shouted"), 202).json["results"]
    assert "hard_cap_blocked" in result["errors"][0]["detail"]


@pytest.mark.parametrize(
    "change",
    [{"occurred_at": "yesterday"}, {"context": []}, {"customer_id": ""}, {"severity": 3}, {"workspace_id": None}],
)
def test_an_event_that_does_not_fit_leaves_nothing(live: Api, change: JsonObject) -> None:
    before = row_counts()
    (result,) = live.post(PATH, EVENT | change, 202).json["results"]
    assert [error["pointer"] for error in result["errors"]] == [f"/{name}" for name in change]
    assert row_counts() == before


def test_a_thousand_events_are_taken_and_more_are_refused_whole(live: Api) -> None:
    assert live.post(PATH, [numbered(n) for n in range(1000)], 202).json["accepted"] == 1000
    before = row_counts()
    refusal = live.post(PATH, [numbered(n) for n in range(1000, 2001)], 422).json
    assert refusal["code"] == "too_many_events"
    assert row_counts() == before


def test_another_content_type_and_broken_json_are_refused(live: Api) -> None:
    assert live.client.post(PATH, data="a=1", content_type="application/x-www-form-urlencoded").status_code == 415
    assert live.client.post(PATH, data="[{", content_type="application/json").status_code == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["enf_3", "enf_2", "enf_1"]),
        ("?config_version_id=cfg_1&customer_id=cust_2", ["enf_2"]),
        ("?event_type=hard_cap_blocked", ["enf_3"]),
        ("?from=2026-01-17T00:00:00Z", ["enf_3", "enf_2"]),
        ("?from=2026-01-17T00:00:00Z&to=2026-01-18T00:00:00Z", ["enf_2"]),
        ("?workspace_id=ws_none", []),
    ],
)
def test_lists_are_newest_first_and_filtered(live: Api, query: str, expected: list[str]) -> None:
    second = numbered(2, customer_id="cust_2", occurred_at="2026-01-17T00:00:00Z")
    third = numbered(3, event_type="hard_cap_blocked", occurred_at="2026-01-18T00:00:00Z")
    live.post(PATH, [EVENT, second, third], 202)
    assert [item["enforcement_event_id"] for item in live.get(PATH + query).json["items"]] == expected


def test_pages_follow_each_other_without_gaps(live: Api) -> None:
    live.post(PATH, [numbered(n) for n in range(5)], 202)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = live.get(f"{PATH}?limit=2{cursor and '&cursor=' + cursor}").json
        seen += [item["enforcement_event_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ["enf_4", "enf_3", "enf_2", "enf_1", "enf_0"]


def test_a_number_is_kept_with_its_queue_and_found_by_it(live: Api) -> None:
    sent = [numbered(1, client_id="cli_1", sequence=1), numbered(2, client_id="cli_2", sequence=9_007_199_254_740_991)]
    assert statuses(live.post(PATH, sent, 202)) == ["accepted", "accepted"]
    (item,) = live.get(f"{PATH}?client_id=cli_2").json["items"]
    assert (item["client_id"], item["sequence"]) == ("cli_2", 9_007_199_254_740_991)


def test_an_event_without_a_number_says_so(live: Api) -> None:
    live.post(PATH, EVENT, 202)
    (item,) = live.get(PATH).json["items"]
    assert (item["client_id"], item["sequence"]) == (None, None)


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({"client_id": "cli_1"}, ["/sequence"]),
        ({"sequence": 1}, ["/client_id"]),
        ({"client_id": "cli_1", "sequence": 0}, ["/sequence"]),
        ({"client_id": "cli_1", "sequence": True}, ["/sequence"]),
        ({"client_id": "", "sequence": 1}, ["/client_id"]),
        ({"client_id": None, "sequence": None}, ["/client_id", "/sequence"]),
    ],
)
def test_a_number_and_its_queue_belong_together(live: Api, given: JsonObject, pointers: list[str]) -> None:
    (result,) = live.post(PATH, EVENT | given, 202).json["results"]
    assert (result["status"], sorted(error["pointer"] for error in result["errors"])) == ("rejected", pointers)


def test_the_same_event_again_is_a_duplicate_under_any_number(live: Api) -> None:
    first = numbered(1, client_id="cli_1", sequence=1)
    assert statuses(live.post(PATH, [first, first, first | {"client_id": "cli_2"}], 202)) == [
        "accepted",
        "duplicate",
        "duplicate",
    ]


def test_a_bad_filter_is_named(live: Api) -> None:
    assert live.get(f"{PATH}?event_type=shouted", 400).json["errors"][0]["pointer"] == "event_type"


@pytest.mark.parametrize("customer_id", ["auth0|64fe1b2c", "Acme Inc", "Café", "a/b?c#d", "日本", "x" * 200])
def test_a_customer_whose_usage_counts_can_be_reported_on(live: Api, customer_id: str) -> None:
    assert statuses(live.post(PATH, EVENT | {"customer_id": customer_id}, 202)) == ["accepted"]
    (item,) = live.get(f"{PATH}?{urlencode({'customer_id': customer_id})}").json["items"]
    assert item["customer_id"] == customer_id


@pytest.mark.parametrize("customer_id", ["", "a\nb", "x" * 201, "\x7f", 5])
def test_a_customer_that_no_usage_can_have_is_refused(live: Api, customer_id: Json) -> None:
    (result,) = live.post(PATH, EVENT | {"customer_id": customer_id}, 202).json["results"]
    assert [error["pointer"] for error in result["errors"]] == ["/customer_id"]

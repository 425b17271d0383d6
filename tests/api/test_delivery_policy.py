"""The delivery policy of a config through the API, and the JSON Schema of the document that carries it."""

import json
from decimal import Decimal

import jsonschema
import pytest

from app.models.base import db
from app.models.config_version import ConfigVersion
from simulation.canonical import Json, JsonObject
from tests.api.conftest import Api, exact
from tests.api.test_configs import CONFIG

URL = "/api/configs/cfg_1"
USUAL_ANSWERS = {
    "monthly_spend_cap_usd": "closed",
    "usage_thresholds": "open",
    "absolute_usage_caps": "closed",
    "hard_stop": "closed",
}
ANCHORS: tuple[JsonObject, ...] = (
    {"kind": "fixed", "at": "2026-01-01T00:00:00Z"},
    {"kind": "calendar_month", "time_zone": "Europe/Berlin"},
    {"kind": "customer_day", "time_zone": "UTC"},
)
REFUSED: dict[str, tuple[JsonObject, str, str]] = {
    "no such answer": (
        {"on_counters_unavailable": {"hard_stop": "maybe"}},
        "/delivery/on_counters_unavailable/hard_stop",
        "Must be one of: open, closed.",
    ),
    "no such rail": ({"on_counters_unavailable": {"x": "open"}}, "/delivery/on_counters_unavailable/x", "no such"),
    "no such kind": ({"period_anchor": {"kind": "week"}}, "/delivery/period_anchor/kind", "fixed, calendar_month"),
    "no moment": ({"period_anchor": {"kind": "fixed"}}, "/delivery/period_anchor/at", "needs at"),
    "no zone": ({"period_anchor": {"kind": "customer_day"}}, "/delivery/period_anchor/time_zone", "needs time_zone"),
    "no such zone": (
        {"period_anchor": {"kind": "calendar_month", "time_zone": "Mars/Olympus"}},
        "/delivery/period_anchor/time_zone",
        "'Mars/Olympus'",
    ),
    "one member too many": (
        {"period_anchor": {**ANCHORS[0], "time_zone": "UTC"}},
        "/delivery/period_anchor/time_zone",
        "leave it out",
    ),
    "a third of a percent": (
        {"threshold_scopes": [{"percent": Decimal("33.333"), "scope": "unit"}]},
        "/delivery/threshold_scopes/0/percent",
        "at most 2 decimal places",
    ),
    "no such scope": (
        {"threshold_scopes": [{"percent": 70, "scope": "all"}]},
        "/delivery/threshold_scopes/0/scope",
        "pool, unit, customer",
    ),
    "one percent twice": (
        {"threshold_scopes": [{"percent": 70, "scope": "unit"}, {"percent": Decimal("70.0"), "scope": "pool"}]},
        "/delivery/threshold_scopes/0/percent",
        "given twice",
    ),
}


@pytest.fixture
def draft(studio: Api) -> Api:
    studio.post("/api/configs", CONFIG)
    return studio


def stored() -> JsonObject:
    db.session.expire_all()
    return db.session.get_one(ConfigVersion, "cfg_1").delivery


def put(draft: Api, **delivery: Json) -> JsonObject:
    answered: JsonObject = exact(draft.patch(URL, {"delivery": delivery}))["delivery"]
    return answered


def test_a_config_that_states_nothing_counts_and_fails_as_usual(draft: Api) -> None:
    delivery = exact(draft.get(URL))["delivery"]
    assert delivery["on_counters_unavailable"] == USUAL_ANSWERS
    assert delivery["period_anchor"] is None
    assert delivery["threshold_scopes"] == []
    assert stored() == {}


@pytest.mark.parametrize("anchor", ANCHORS, ids=[anchor["kind"] for anchor in ANCHORS])
def test_a_period_anchor_is_kept_as_it_was_given_and_taken_back_with_null(draft: Api, anchor: JsonObject) -> None:
    assert put(draft, period_anchor=anchor)["period_anchor"] == anchor
    assert stored() == {"period_anchor": anchor}
    assert put(draft, period_anchor=None)["period_anchor"] is None
    assert stored() == {}


def test_only_what_is_not_usual_is_kept(draft: Api) -> None:
    answered = put(
        draft,
        on_counters_unavailable=USUAL_ANSWERS | {"hard_stop": "open"},
        threshold_scopes=[{"percent": 100, "scope": "customer"}, {"percent": 70, "scope": "pool"}],
    )
    assert answered["on_counters_unavailable"] == USUAL_ANSWERS | {"hard_stop": "open"}
    assert stored() == {
        "on_counters_unavailable": {"hard_stop": "open"},
        "threshold_scopes": [{"percent": 100, "scope": "customer"}],
    }


@pytest.mark.parametrize("name", REFUSED)
def test_a_policy_that_no_app_could_follow_is_refused_at_its_member(draft: Api, name: str) -> None:
    delivery, pointer, words = REFUSED[name]
    problem = draft.patch(URL, {"delivery": delivery}, status=422).json
    assert any(error["pointer"] == pointer and words in error["detail"] for error in problem["errors"]), problem
    assert stored() == {}


def test_the_schema_of_the_document_is_published_and_a_schema_itself(sqlite_api: Api) -> None:
    schema = json.loads(sqlite_api.get("/api/schemas/avs_config.json").data)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"

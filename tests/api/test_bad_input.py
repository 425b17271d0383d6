"""Bad input: a clear error that names the field, and nothing changed (spec 6)."""

from decimal import Decimal
from typing import NamedTuple

import pytest

from app.models.base import db
from app.models.workspace import Workspace
from simulation.canonical import Json, JsonObject
from tests import factories
from tests.answers import Answer
from tests.api.conftest import Api, row_counts

UNITS, CYCLES, CONFIGS, POOLS = "/api/value-units", "/api/cycles", "/api/configs", "/api/configs/cfg_1/pools"
CONTEXTS, RAILS, EXPLORATION = "/api/cycle-draft-contexts", "/api/configs/cfg_1/rails", "/api/configs/cfg_1/exploration"
CYCLE = {"workspace_id": "ws_1", "cycle_name": "Next", "cycle_type": "production", "segments": ["smb"]}
UNIT = {"cycle_id": "cycle_1", "name": "Minute", "unit_type": "usage"}
POOL = {"label": "More", "value_unit_id": "vu_hd_minute", "overage_behavior": "throttle"}
CONFIG = {**factories.SUBJECT, "cycle_id": "cycle_1"}
CONTEXT = {"workspace_id": "ws_1"}
METRIC = "gross_margin"
THRESHOLD = {"percent": 70, "action": "warn"}


class Bad(NamedTuple):
    """A request, and the pointer and the words that its refusal must have."""

    name: str
    method: str
    path: str
    body: Json
    pointer: str
    says: str


def economics(**values: Json) -> JsonObject:
    return UNIT | {"unit_economics": values}


def mapped(**mapping: Json) -> JsonObject:
    return UNIT | {"event_mapping": mapping}


CASES = (
    Bad("unknown enum", "POST", CYCLES, CYCLE | {"goal_type": "fame"}, "/goal_type", "pmf_learning, revenue"),
    Bad("unknown cycle type", "POST", CYCLES, CYCLE | {"cycle_type": "staging"}, "/cycle_type", "sandbox, production"),
    Bad("unknown unit type", "POST", UNITS, UNIT | {"unit_type": "thing"}, "/unit_type", "usage, outcome"),
    Bad("unknown stage", "POST", CONFIGS, CONFIG | {"stage": "growth"}, "/stage", "learning, scaling"),
    Bad("unknown overage", "POST", POOLS, POOL | {"overage_behavior": "x"}, "/overage_behavior", "allow_overage"),
    Bad("unknown action", "PUT", RAILS, {"at_cap_action": "explode"}, "/at_cap_action", "require_approval"),
    Bad("unknown field", "POST", UNITS, UNIT | {"metric_intent": []}, "/metric_intent", "no such field"),
    Bad("unknown inner field", "POST", UNITS, economics(price=1), "/unit_economics/price", "no such field"),
    Bad("missing field", "POST", CYCLES, {"workspace_id": "ws_1"}, "/cycle_name", "Missing"),
    Bad("no object", "POST", CYCLES, [CYCLE], "", "JSON object"),
    Bad("null name", "PATCH", "/api/workspaces/ws_1", {"workspace_name": None}, "/workspace_name", "null"),
    Bad("blank name", "PATCH", "/api/workspaces/ws_1", {"workspace_name": "  "}, "/workspace_name", "blank"),
    Bad("long name", "POST", UNITS, UNIT | {"name": "x" * 201}, "/name", "200"),
    Bad("bad id", "POST", UNITS, UNIT | {"value_unit_id": "vu /1"}, "/value_unit_id", "letters"),
    Bad("id with an end of line", "POST", UNITS, UNIT | {"value_unit_id": "vu_1\n"}, "/value_unit_id", "letters"),
    Bad(
        "negative cost",
        "POST",
        UNITS,
        economics(avg_cost_per_unit_usd=Decimal("-0.01")),
        "/unit_economics/avg_cost_per_unit_usd",
        "at least 0",
    ),
    Bad(
        "negative price of a stored unit",
        "PATCH",
        f"{UNITS}/vu_hd_minute",
        {"unit_economics": {"target_price_per_unit_usd": -1}},
        "/unit_economics/target_price_per_unit_usd",
        "at least 0",
    ),
    Bad(
        "cost as text",
        "POST",
        UNITS,
        economics(avg_cost_per_unit_usd="0.1"),
        "/unit_economics/avg_cost_per_unit_usd",
        "JSON number",
    ),
    Bad(
        "cost as truth",
        "POST",
        UNITS,
        economics(avg_cost_per_unit_usd=True),
        "/unit_economics/avg_cost_per_unit_usd",
        "JSON number",
    ),
    Bad(
        "thirteen places",
        "POST",
        UNITS,
        economics(target_price_per_unit_usd=Decimal("0.0000000000001")),
        "/unit_economics/target_price_per_unit_usd",
        "12 decimal places",
    ),
    Bad(
        "more money than there is",
        "POST",
        UNITS,
        economics(target_price_per_unit_usd=Decimal("1e14")),
        "/unit_economics/target_price_per_unit_usd",
        "10^14",
    ),
    Bad("margin over one", "POST", UNITS, economics(target_margin=2), "/unit_economics/target_margin", "at most 1"),
    Bad(
        "unknown metric",
        "POST",
        UNITS,
        UNIT | {"metrics_intent": [{"metric_id": "fame", "expected_impact": "positive"}]},
        "/metrics_intent/0",
        "metric catalog",
    ),
    Bad(
        "metric twice",
        "POST",
        UNITS,
        UNIT | {"metrics_intent": [{"metric_id": METRIC}, {"metric_id": METRIC}]},
        "/metrics_intent/0/metric_id",
        "twice",
    ),
    Bad(
        "unknown signal",
        "POST",
        UNITS,
        UNIT | {"quality_signal_source": ["csat", "stars"]},
        "/quality_signal_source/1",
        "quality signal catalog",
    ),
    Bad("filter as object", "POST", UNITS, mapped(filters={"a": {}}), "/event_mapping/filters/a", "a list of them"),
    Bad("empty filter", "POST", UNITS, mapped(filters={"a": []}), "/event_mapping/filters/a", "1 to 100"),
    Bad(
        "unknown aggregation",
        "POST",
        UNITS,
        mapped(aggregation={"type": "mean"}),
        "/event_mapping/aggregation/type",
        "count, sum, distinct_count",
    ),
    Bad(
        "120-day production cycle",
        "POST",
        CYCLES,
        CYCLE | {"period_length_days": 120},
        "/period_length_days",
        "lasts 90 days",
    ),
    Bad("100-day cycle", "POST", CYCLES, CYCLE | {"period_length_days": 100}, "/period_length_days", "90, 120"),
    Bad(
        "four primary metrics", "POST", CYCLES, CYCLE | {"primary_metrics": [*"abcd"]}, "/primary_metrics", "at most 3"
    ),
    Bad("metric named twice", "POST", CYCLES, CYCLE | {"primary_metrics": [METRIC] * 2}, "/primary_metrics/0", "twice"),
    Bad("no segment", "POST", CYCLES, CYCLE | {"segments": []}, "/segments", "1 to 200"),
    Bad("unknown segment", "POST", CYCLES, CYCLE | {"segments": ["nobody"]}, "/segments/0", "segment catalog"),
    Bad("moment without zone", "POST", CYCLES, CYCLE | {"start_date": "2026-01-01T00:00:00"}, "/start_date", "zone"),
    Bad("day as moment", "POST", CYCLES, CYCLE | {"start_date": "2026-01-01"}, "/start_date", "zone"),
    Bad("no such day", "POST", CYCLES, CYCLE | {"start_date": "2026-02-30T00:00:00Z"}, "/start_date", "moment"),
    Bad("year one", "POST", CYCLES, CYCLE | {"start_date": "0001-01-01T00:00:00+14:00"}, "/start_date", "years"),
    Bad(
        "end before start",
        "POST",
        CYCLES,
        CYCLE | {"start_date": "2026-04-01T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"},
        "/end_date",
        "after it starts",
    ),
    Bad("six questions", "POST", CONTEXTS, CONTEXT | {"open_questions": [{}] * 6}, "/open_questions", "at most 5"),
    Bad("card as text", "POST", CONTEXTS, CONTEXT | {"extracted_cards": ["a"]}, "/extracted_cards/0", "JSON object"),
    Bad("flag as text", "POST", CONTEXTS, CONTEXT | {"skipped": "yes"}, "/skipped", "true or false"),
    Bad("pool on unknown unit", "POST", POOLS, POOL | {"value_unit_id": "vu_x"}, "/value_unit_id", "vu_hd_minute"),
    Bad(
        "pool moved to an unknown unit",
        "PATCH",
        f"{POOLS}/pool_core",
        {"value_unit_id": "vu_x"},
        "/value_unit_id",
        "vu_hd_minute",
    ),
    Bad(
        "new config on unknown unit",
        "POST",
        CONFIGS,
        CONFIG | {"pools": [POOL | {"value_unit_id": "vu_x"}]},
        "/pools/0/value_unit_id",
        "vu_hd_minute",
    ),
    Bad(
        "two pools of one id",
        "POST",
        CONFIGS,
        CONFIG | {"pools": [POOL | {"pool_id": "p"}] * 2},
        "/pools/0/pool_id",
        "twice",
    ),
    Bad("negative quantity", "POST", POOLS, POOL | {"included_quantity": -1}, "/included_quantity", "at least 0"),
    Bad("half a position", "POST", POOLS, POOL | {"position": Decimal("0.5")}, "/position", "integer"),
    Bad("huge position", "POST", POOLS, POOL | {"position": 2**31}, "/position", "whole number"),
    Bad("no days", "PUT", EXPLORATION, {"expires_after_days": 0}, "/expires_after_days", "from 1 to"),
    Bad(
        "zero percent",
        "PUT",
        RAILS,
        {"usage_thresholds": [THRESHOLD | {"percent": 0}]},
        "/usage_thresholds/0/percent",
        "more than 0",
    ),
    Bad(
        "percent of three decimals",
        "PUT",
        RAILS,
        {"usage_thresholds": [THRESHOLD | {"percent": Decimal("33.333")}]},
        "/usage_thresholds/0/percent",
        "2 decimal places",
    ),
    Bad(
        "half a day",
        "PATCH",
        "/api/configs/cfg_1/exploration",
        {"expires_after_days": Decimal("30.5")},
        "/expires_after_days",
        "Not a valid integer",
    ),
    Bad(
        "more days than fit",
        "PATCH",
        "/api/configs/cfg_1/exploration",
        {"expires_after_days": Decimal("1e999")},
        "/expires_after_days",
        "Not a valid integer",
    ),
    Bad("percent twice", "PUT", RAILS, {"usage_thresholds": [THRESHOLD] * 2}, "/usage_thresholds/0/percent", "twice"),
    Bad("floor over one", "PUT", RAILS, {"margin_floor": 68}, "/margin_floor", "at most 1"),
    Bad("negative cap", "PATCH", RAILS, {"monthly_spend_cap_usd": -1}, "/monthly_spend_cap_usd", "at least 0"),
    Bad("unknown segment of a config", "POST", CONFIGS, CONFIG | {"segment": "nobody"}, "/segment", "segment catalog"),
    Bad("unknown lens", "PATCH", f"{CONFIGS}/cfg_1", {"metric_lenses": ["x"]}, "/metric_lenses/0", "metric catalog"),
    Bad(
        "snapshot never submitted",
        "PATCH",
        f"{CONFIGS}/cfg_1",
        {"value_unit_snapshot_version": 7},
        "/value_unit_snapshot_version",
        "no snapshot version 7",
    ),
    Bad("config moved", "PATCH", f"{CONFIGS}/cfg_1", {"stage": "scaling"}, "/stage", "fixed"),
    Bad(
        "cyclic baseline",
        "PATCH",
        f"{CONFIGS}/cfg_1",
        {"baseline_config_version_id": "cfg_2"},
        "/baseline_config_version_id",
        "itself based on",
    ),
    Bad(
        "its own baseline",
        "PATCH",
        f"{CONFIGS}/cfg_1",
        {"baseline_config_version_id": "cfg_1"},
        "/baseline_config_version_id",
        "based on cfg_1",
    ),
    Bad("unknown workspace", "POST", CYCLES, CYCLE | {"workspace_id": "ws_9"}, "/workspace_id", "ws_9"),
    Bad("unknown cycle", "POST", UNITS, UNIT | {"cycle_id": "cycle_9"}, "/cycle_id", "cycle_9"),
    Bad("snapshot of no cycle", "POST", "/api/value-unit-snapshots", {"cycle_id": "cycle_9"}, "/cycle_id", "cycle_9"),
    Bad("another workspace's cycle", "POST", CONFIGS, CONFIG | {"workspace_id": "ws_2"}, "/cycle_id", "ws_2"),
    Bad(
        "another workspace's cycle in a context",
        "POST",
        CONTEXTS,
        {"workspace_id": "ws_2", "cycle_id": "cycle_1"},
        "/cycle_id",
        "ws_2",
    ),
    Bad(
        "another workspace's unit",
        "POST",
        "/api/configs/cfg_other/pools",
        POOL,
        "/value_unit_id",
        "cycle_other has no value unit",
    ),
    Bad(
        "another workspace's baseline",
        "PATCH",
        "/api/configs/cfg_other",
        {"baseline_config_version_id": "cfg_1"},
        "/baseline_config_version_id",
        "ws_2 has no config",
    ),
    Bad("cycle moved", "PATCH", f"{CYCLES}/cycle_1", {"workspace_id": "ws_2"}, "/workspace_id", "stays"),
    Bad("unit moved", "PATCH", f"{UNITS}/vu_hd_minute", {"cycle_id": "cycle_other"}, "/cycle_id", "stays"),
)


@pytest.fixture
def two_workspaces(sqlite_studio: Api) -> Api:
    """The foundation, a config with a successor, and a second workspace with a cycle and a config of its own."""
    factories.config(db.session)
    factories.config(db.session, "cfg_2", baseline_config_version_id="cfg_1")
    db.session.add(
        Workspace(workspace_id="ws_2", workspace_name="Other", operator_role="founder", created_at=factories.NOW)
    )
    db.session.flush()
    factories.cycle(db.session, "cycle_other", workspace_id="ws_2")
    subject = {"workspace_id": "ws_2", "cycle_id": "cycle_other", "pools": [], "exploration": {}}
    factories.config(db.session, "cfg_other", **subject)
    db.session.commit()
    return sqlite_studio


@pytest.mark.parametrize("bad", CASES, ids=[case.name.replace(" ", "_") for case in CASES])
def test_bad_input_is_refused_at_its_field_and_changes_nothing(two_workspaces: Api, bad: Bad) -> None:
    before = row_counts()
    problem = two_workspaces.send(bad.method, bad.path, bad.body, 422).json
    assert bad.pointer in [error["pointer"] for error in problem["errors"]]
    assert bad.says in problem["detail"]
    assert row_counts() == before


def raw(api: Api, method: str, path: str, data: bytes, content_type: str = "application/json") -> Answer:
    return api.answer(method, path, data=data, content_type=content_type)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e99999999999999999999", "9" * 5000])
def test_what_is_no_number_is_refused_by_name(sqlite_studio: Api, number: str) -> None:
    before = row_counts()
    body = '{"cycle_id": "cycle_1", "name": "M", "unit_type": "usage", "unit_economics": {"target_margin": %s}}'
    response = raw(sqlite_studio, "POST", UNITS, (body % number).encode())
    assert response.status_code == 400
    assert response.json["code"] == "malformed_json"
    assert response.json["errors"][0]["pointer"] == "/unit_economics/target_margin"
    assert number[:40] in response.json["detail"]
    assert row_counts() == before


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"workspace_name": "Lumi', "line 1, column 20"),
        (b'{"workspace_name": "Lumina",\n}', "line 2, column 1"),
        (b"", "line 1, column 1"),
        (b"workspace_name=Lumina", "not JSON"),
        (b'{"workspace_name": "\xff"}', "UTF-8"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested deeper"),
        (b'{"workspace_name": "a\\u0000b"}', "NUL"),
        (b'{"workspace_name": "\\ud800"}', "half a character"),
        (b'{"a\\u0000": 1}', "NUL"),
    ],
)
def test_malformed_json_is_refused_with_its_place(sqlite_api: Api, data: bytes, says: str) -> None:
    response = raw(sqlite_api, "POST", "/api/workspaces", data)
    assert response.status_code == 400
    assert response.json["code"] == "malformed_json"
    assert says in response.json["detail"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "text/csv", ""])
def test_another_content_type_is_refused(sqlite_api: Api, content_type: str) -> None:
    response = raw(sqlite_api, "POST", "/api/workspaces", b'{"workspace_name": "x"}', content_type)
    assert response.status_code == 415
    assert "application/json" in response.json["detail"]


def test_a_body_of_ten_megabytes_is_refused(sqlite_studio: Api) -> None:
    before = row_counts()
    body = b'{"workspace_id": "ws_1", "pasted_text": "' + b"x" * 10_000_000 + b'"}'
    assert raw(sqlite_studio, "POST", CONTEXTS, body).status_code == 413
    assert row_counts() == before


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("workspace=ws_1", "workspace"),
        ("status=open", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("cursor=!!", "cursor"),
        ("cursor=WzFd", "cursor"),
        ("status=draft&status=closed", "status"),
        ("workspace_id=a%00b", "workspace_id"),
    ],
)
def test_a_bad_query_parameter_is_named(sqlite_studio: Api, query: str, name: str) -> None:
    problem = sqlite_studio.get(f"/api/cycles?{query}", 400).json
    assert problem["code"] == "bad_parameters"
    assert name in [error["pointer"] for error in problem["errors"]]


def test_parameters_where_there_are_none_are_refused(sqlite_studio: Api) -> None:
    assert sqlite_studio.get("/api/workspaces/ws_1?verbose=1", 400).json["errors"][0]["pointer"] == "verbose"


@pytest.mark.parametrize("identifier", ["a%00b", "%20", "x" * 201, "%F0%9F%8E%AC"])
def test_an_address_that_no_id_can_have_is_not_found(studio: Api, identifier: str) -> None:
    studio.get(f"/api/workspaces/{identifier}", 404)


def test_all_bad_fields_are_named_at_once(sqlite_studio: Api) -> None:
    problem = sqlite_studio.post(CYCLES, {"cycle_type": "x", "segments": "smb", "extra": 1}, 422).json
    named = {error["pointer"]: error["code"] for error in problem["errors"]}
    assert named == {
        "/workspace_id": "required",
        "/cycle_name": "required",
        "/cycle_type": "invalid",
        "/segments": "invalid",
        "/extra": "unknown_field",
    }

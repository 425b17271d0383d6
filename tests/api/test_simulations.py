"""Simulating through the API: run, read, and be told what holds it back (spec 4 and 6)."""

from decimal import Decimal

import pytest

from app.models.base import db
from app.models.config_version import RailRule
from app.models.transactions import write
from simulation.canonical import Json, JsonObject
from tests import factories as f
from tests.api.conftest import Api, exact, row_counts

PATH = "/api/simulations"
ASKED = {"candidate_config_version_id": "cfg_1", "historical_window_days": 30}


def usage(number: int, minutes: Json, **changes: Json) -> JsonObject:
    event = {
        "event_id": f"e_{number}",
        "ts": "2026-01-10T00:00:00Z",
        "event_type": "video_render_completed",
        "workspace_id": "ws_1",
        "customer_id": "cust_1",
        "segment": "smb",
        "resolution": "HD",
        "render_mode": "production",
        "output_minutes": minutes,
    }
    return event | changes


CHANGES = ("added", "removed", "added_before_window", "removed_before_window")


@pytest.fixture
def draft(studio: Api) -> Api:
    """A complete draft, and 310 HD minutes of one customer: 300 included, 10 overage."""
    with write(db.session):
        f.config(db.session)
    studio.post("/api/usage-events", [usage(1, 300), usage(2, 10), usage(3, 99, resolution="4K")], 202)
    return studio


def test_a_run_reports_what_the_candidate_would_have_earned(draft: Api) -> None:
    run = exact(draft.post(PATH, ASKED))
    economics = run["outputs"]["economics"]["candidate"]
    assert economics["revenue_usd"] == Decimal("6")  # 10 × 0.6
    assert economics["cost_usd"] == Decimal("55.8")  # 310 × 0.18
    assert (run["status"], run["outputs"]["blocking_issues"]) == ("completed", [])
    assert set(run["outputs"]["primary_metric_deltas"]) == set(f.METRICS)
    assert run["dataset"]["row_count"] == 3


def test_a_run_makes_its_draft_simulated(draft: Api) -> None:
    draft.post(PATH, ASKED)
    assert draft.get("/api/configs/cfg_1").json["status"] == "simulated"


def test_a_run_is_read_where_its_answer_says(draft: Api) -> None:
    made = draft.post(PATH, ASKED)
    read = draft.get(made.headers["Location"])
    unchanged = {"status": "unchanged", "problem": None, **dict.fromkeys(CHANGES)}
    assert read.json == made.json | {"dataset_change": unchanged}
    draft.get(made.headers["Location"], 304, If_None_Match=read.headers["ETag"])


def test_the_same_question_has_the_same_answer_to_the_byte(draft: Api) -> None:
    first, second = draft.post(PATH, ASKED), draft.post(PATH, ASKED)
    assert first.json["simulation_run_id"] != second.json["simulation_run_id"]
    assert exact(first)["outputs"] == exact(second)["outputs"]
    assert first.json["inputs"] == second.json["inputs"]


@pytest.mark.parametrize("days", [Decimal("30.0"), Decimal("3e1")])
def test_a_window_of_30_days_may_be_written_with_a_fraction_of_nothing(draft: Api, days: Decimal) -> None:
    run = draft.post(PATH, ASKED | {"historical_window_days": days}).json
    assert run["inputs"]["historical_window_days"] == 30


def test_sums_beyond_what_can_be_calculated_are_a_problem_that_names_the_config(draft: Api) -> None:
    economics = {"avg_cost_per_unit_usd": Decimal("1e-12"), "target_price_per_unit_usd": 9 * 10**13}
    unit = {"unit_economics": economics | {"target_margin": 1, "economics_confidence": "high"}}
    draft.patch("/api/value-units/vu_hd_minute", unit)
    draft.post("/api/value-unit-snapshots", {"cycle_id": "cycle_1"})
    draft.patch("/api/configs/cfg_1", {"value_unit_snapshot_version": 2})
    refusal = draft.post(PATH, ASKED | {"candidate_config_version_id": "cfg_1"}, 422).json
    assert [(error["pointer"], error["code"]) for error in refusal["errors"]] == [
        ("/candidate_config_version_id", "out_of_range")
    ]
    assert "too much for one simulation" in refusal["detail"]


def test_a_threshold_that_is_stored_with_three_decimals_is_a_finding(draft: Api) -> None:
    with write(db.session):
        rule = db.session.get_one(RailRule, "cfg_1")
        rule.usage_thresholds = [*rule.usage_thresholds, {"percent": Decimal("33.333"), "action": "warn"}]
    refusal = draft.post(PATH, ASKED, 409).json
    assert [finding["code"] for finding in refusal["findings"]] == ["number_out_of_range"]


def test_a_run_most_of_whose_events_add_nothing_says_so_as_a_risk(draft: Api) -> None:
    events = [usage(number, minutes) for number, minutes in enumerate(["3,5", "n/a", "12 min"], 10)]
    draft.post("/api/usage-events", [*events, usage(20, 1, output_minutes=None)], 202)
    outputs = exact(draft.post(PATH, ASKED))["outputs"]
    (risk,) = [risk for risk in outputs["risks"] if risk["code"] == "most_events_add_nothing"]
    assert (risk["value_unit_id"], risk["events"], risk["not_a_number"], risk["missing"]) == ("vu_hd_minute", 6, 3, 1)
    assert [(issue["code"], issue["name"], issue["count"]) for issue in outputs["data_issues"]] == [
        ("value_not_a_number", "Usable HD minute", 3),
        ("value_missing", "Usable HD minute", 1),
    ]


def test_the_mocked_window_needs_no_data(draft: Api) -> None:
    run = draft.post(PATH, ASKED | {"historical_window_days": "mocked"}).json
    assert run["inputs"]["historical_window_days"] == "mocked"
    assert run["dataset"]["source"] == "demo_events"


def test_the_active_version_is_the_default_baseline_and_null_is_none(draft: Api) -> None:
    with write(db.session):
        f.active(db.session, "cfg_0")
    run = draft.post(PATH, ASKED).json
    assert run["baseline_config_version_id"] == "cfg_0"
    assert run["outputs"]["economics"]["delta"]["revenue_usd"] == 0
    assert draft.post(PATH, ASKED | {"baseline_config_version_id": None}).json["baseline_config_version_id"] is None


def test_the_gate_answers_with_every_finding(draft: Api) -> None:
    with write(db.session):
        f.config(db.session, "cfg_empty", pools=[], exploration={"enabled": False})
    before = row_counts()
    refusal = draft.post(PATH, ASKED | {"candidate_config_version_id": "cfg_empty"}, 409).json
    assert [finding["code"] for finding in refusal["findings"]] == ["config_pools_missing"]
    assert row_counts() == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"historical_window_days": 45}, "/historical_window_days"),
        ({"historical_window_days": True}, "/historical_window_days"),
        ({"historical_window_days": Decimal("30.5")}, "/historical_window_days"),
        ({"historical_window_days": Decimal("1e400")}, "/historical_window_days"),
        ({"historical_window_days": Decimal("1e999")}, "/historical_window_days"),
        ({"pricing_mode": "free"}, "/pricing_mode"),
        ({"filters": {"stage": "scaling"}}, "/filters/stage"),
        ({"filters": {"colour": "red"}}, "/filters/colour"),
        ({"baseline_config_version_id": "cfg_none"}, "/baseline_config_version_id"),
        ({"as_of": "2026-01-15"}, "/as_of"),
        ({"historical_window_days": "mocked", "as_of": "2026-01-15T00:00:00Z"}, "/as_of"),
    ],
)
def test_a_bad_question_is_named_and_leaves_nothing(draft: Api, change: JsonObject, pointer: str) -> None:
    before = row_counts()
    refusal = draft.post(PATH, ASKED | change, 422).json
    assert [error["pointer"] for error in refusal["errors"]] == [pointer]
    assert row_counts() == before


def test_another_workspaces_version_is_no_baseline(draft: Api) -> None:
    with write(db.session):
        f.workspace(db.session, "ws_2")
        f.cycle(db.session, "cycle_2", workspace_id="ws_2")
        f.config(db.session, "cfg_2", workspace_id="ws_2", cycle_id="cycle_2", pools=[], exploration={"enabled": False})
    refusal = draft.post(PATH, ASKED | {"baseline_config_version_id": "cfg_2"}, 422).json
    assert refusal["errors"][0]["pointer"] == "/baseline_config_version_id"


def test_an_unknown_candidate_or_run_is_not_found(draft: Api) -> None:
    draft.post(PATH, ASKED | {"candidate_config_version_id": "cfg_none"}, 404)
    draft.get(f"{PATH}/sim_none", 404)


def test_a_question_sent_again_with_its_key_is_one_run(draft: Api) -> None:
    first = draft.post(PATH, ASKED, Idempotency_Key="k")
    before = row_counts()
    assert draft.post(PATH, ASKED, Idempotency_Key="k").json == first.json
    assert row_counts() == before


def test_runs_are_listed_by_their_candidate(draft: Api) -> None:
    made = draft.post(PATH, ASKED).json
    items = draft.get(f"{PATH}?candidate_config_version_id=cfg_1&status=completed").json["items"]
    assert [item["simulation_run_id"] for item in items] == [made["simulation_run_id"]]
    assert draft.get(f"{PATH}?candidate_config_version_id=cfg_none").json["items"] == []


def test_a_run_of_a_decided_config_leaves_it_as_it_is(draft: Api) -> None:
    with write(db.session):
        f.active(db.session, "cfg_2")
    draft.post(PATH, ASKED | {"candidate_config_version_id": "cfg_2"})
    assert draft.get("/api/configs/cfg_2").json["status"] == "active"


def test_late_usage_shows_on_the_run_and_as_advice_on_its_config_and_does_not_block(draft: Api) -> None:
    location = draft.post(PATH, ASKED).headers["Location"]
    etag = draft.get(location).headers["ETag"]
    draft.post(
        "/api/usage-events", [usage(4, 1, ts="2026-01-09T00:00:00Z"), usage(5, 1, ts="2026-02-01T00:00:00Z")], 202
    )
    answer = draft.get(location, If_None_Match=etag).json
    assert answer["dataset_change"] == {"status": "changed", "problem": None} | dict(
        zip(CHANGES, (1, 0, 0, 0), strict=True)
    )
    completeness = draft.get("/api/configs/cfg_1").json["completeness"]
    advice = [finding for finding in completeness["findings"] if finding["code"] == "simulation_dataset_changed"]
    assert [(finding["gate"], "+1 event in its window" in finding["message"]) for finding in advice] == [
        ("advisory", True)
    ]
    assert completeness["pill"] == "green"

"""The decision log through the API: find, read, compare, fork (spec 6)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.models.base import db
from app.models.decision_record import DecisionRow
from app.models.transactions import write
from app.services.decisions import activation
from tests import factories as f
from tests.api.conftest import Api, exact, row_counts

LOG = "/api/decision-records"


def decide(config_version_id: str, *, later: int, rationale: str = "It holds.", **changes: Any) -> DecisionRow:
    f.simulated(db.session, config_version_id, **changes)
    return activation.approve(
        db.session,
        config_version_id,
        f"sim_{config_version_id}",
        activation.Approval("Theresa", "CEO", rationale),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
        decision_id=config_version_id.replace("cfg", "dec"),
    )


@pytest.fixture
def log(studio: Api) -> Api:
    """Three decisions; the third is for another segment."""
    with write(db.session):
        decide("cfg_1", later=0, rationale="The first of many. " * 20)
        decide("cfg_2", later=10, rails=f.RAILS | {"margin_floor": Decimal("0.6")})
        decide("cfg_3", later=20, segment="enterprise")
        f.complete_runs(db.session)
    return studio


def listed(api: Api, query: str = "") -> list[str]:
    return [item["decision_id"] for item in api.get(LOG + query).json["items"]]


def test_a_summary_tells_what_was_decided_and_what_came_of_it(log: Api) -> None:
    summary = exact(log.get(f"{LOG}?q=first%20of"))["items"][0]
    assert summary["outcome_pill"] == "archived"
    assert summary["risk_pills"] == []
    assert summary["sim_deltas"]["gross_margin"] == Decimal("0.02")
    assert len(summary["rationale_preview"]) == 120
    assert summary["subject_resolution"] == f.SUBJECT


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["dec_3", "dec_2", "dec_1"]),
        ("?segment=enterprise", ["dec_3"]),
        ("?workspace_id=ws_1&stage=learning&target_environment=production&status=archived", ["dec_1"]),
        ("?goal_type=revenue", []),
        ("?from=2026-01-15T00:00:10Z&to=2026-01-15T00:00:20Z", ["dec_2"]),
        ("?q=THERESA", ["dec_3", "dec_2", "dec_1"]),
        ("?sort=margin_risk", ["dec_3", "dec_1", "dec_2"]),
    ],
)
def test_the_log_is_filtered_and_sorted(log: Api, query: str, expected: list[str]) -> None:
    assert listed(log, query) == expected


@pytest.mark.parametrize("sort", ["newest", "margin_risk", "retention_delta", "exploration_delta"])
def test_pages_follow_each_other_in_every_order(log: Api, sort: str) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = log.get(f"{LOG}?sort={sort}&limit=2{cursor and '&cursor=' + cursor}").json
        seen += [item["decision_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == listed(log, f"?sort={sort}")
    assert len(seen) == 3


def test_a_cursor_of_another_order_is_refused(log: Api) -> None:
    cursor = log.get(f"{LOG}?limit=1").json["next_cursor"]
    assert log.get(f"{LOG}?sort=margin_risk&cursor={cursor}", 400).json["errors"][0]["pointer"] == "cursor"


@pytest.mark.parametrize("query", ["sort=luck", "status=done", "from=monday", "limit=0", "colour=red", "q="])
def test_a_bad_parameter_is_named(log: Api, query: str) -> None:
    assert log.get(f"{LOG}?{query}", 400).json["errors"][0]["pointer"] == query.split("=")[0]


def test_the_detail_has_every_record_and_the_evidence(log: Api) -> None:
    detail = log.get(f"{LOG}/dec_2").json
    assert detail["decision_record"]["diff"]["type"] == "update"
    assert detail["config_version"]["config_version_id"] == "cfg_2"
    assert detail["cycle"]["cycle_id"] == "cycle_1"
    assert detail["simulation_run"]["simulation_run_id"] == "sim_cfg_2"
    assert detail["billing_patch"]["payload"]["meters"]
    assert detail["value_unit_snapshot"]["completeness"]["vu_hd_minute"] == {"status": "green", "missing": []}
    assert detail["evidence"]["verdict"] == "No enforcement events were reported."


def test_what_the_apps_reported_is_in_the_evidence(log: Api) -> None:
    event = {
        "workspace_id": "ws_1",
        "customer_id": "cust_1",
        "config_version_id": "cfg_2",
        "occurred_at": "2026-01-16T10:00:00Z",
        "event_type": "rail_warning_shown",
    }
    log.post("/api/enforcement-events", event, 202)
    found = log.get(f"{LOG}/dec_2").json["evidence"]
    assert found["by_day"] == [{"day": "2026-01-16", "counts": {"rail_warning_shown": 1}}]
    assert found["by_event_type"][0]["verdict"] == "no_forecast"


def test_an_unknown_decision_is_not_found(log: Api) -> None:
    assert log.get(f"{LOG}/dec_none", 404).json["code"] == "not_found"
    assert log.get(f"{LOG}/compare?decision_id_a=dec_1&decision_id_b=dec_none", 404).json["code"] == "not_found"


def test_two_decisions_stand_side_by_side(log: Api) -> None:
    compared = exact(log.get(f"{LOG}/compare?decision_id_a=dec_1&decision_id_b=dec_2"))
    assert (compared["a"]["decision_id"], compared["b"]["decision_id"]) == ("dec_1", "dec_2")
    changed = [row for rows in compared["diff_tables"].values() for row in rows if row["changed"]]
    expected = {"item": "rails", "field": "margin_floor", "a": Decimal("0.68"), "b": Decimal("0.6"), "changed": True}
    assert changed == [expected]
    margins = next(row for row in compared["simulation_comparison"] if row["metric_id"] == "margin")
    assert margins == {"metric_id": "margin", "a": Decimal("0.7"), "b": Decimal("0.7"), "difference": 0}


def test_both_decisions_must_be_named(log: Api) -> None:
    assert log.get(f"{LOG}/compare?decision_id_a=dec_1", 400).json["errors"][0]["pointer"] == "decision_id_b"


def test_a_fork_is_a_new_draft_on_the_decided_config(log: Api) -> None:
    answer = log.post(f"{LOG}/dec_1/fork", {"cycle_id": "cycle_1", "target_environment": "sandbox"})
    identifier = answer.json["new_config_version_id"]
    assert answer.json["route_next"] == f"/configs/{identifier}/pools"
    draft = log.get(answer.headers["Location"]).json
    assert (draft["status"], draft["baseline_config_version_id"]) == ("draft", "cfg_1")
    assert [pool["pool_id"] for pool in draft["pools"]] == ["pool_core", "pool_exploration"]


def test_a_fork_without_its_units_in_the_target_cycle_is_refused_and_leaves_nothing(log: Api) -> None:
    log.post(
        "/api/cycles",
        {
            "cycle_id": "cycle_2",
            "workspace_id": "ws_1",
            "cycle_name": "Next",
            "cycle_type": "production",
            "period_length_days": 90,
            "segments": ["smb"],
        },
    )
    before = row_counts()
    refusal = log.post(f"{LOG}/dec_1/fork", {"cycle_id": "cycle_2", "target_environment": "production"}, 422).json
    assert {error["code"] for error in refusal["errors"]} == {"pool_value_unit_unknown"}
    assert row_counts() == before


def test_a_fork_that_is_sent_again_with_its_key_makes_one_draft(log: Api) -> None:
    body = {"cycle_id": "cycle_1", "target_environment": "production"}
    first = log.post(f"{LOG}/dec_1/fork", body, Idempotency_Key="k").json
    assert log.post(f"{LOG}/dec_1/fork", body, Idempotency_Key="k").json == first


def test_a_fork_says_what_is_missing(log: Api) -> None:
    refusal = log.post(f"{LOG}/dec_1/fork", {"target_environment": "moon"}, 422).json
    assert {error["pointer"] for error in refusal["errors"]} == {"/cycle_id", "/target_environment"}

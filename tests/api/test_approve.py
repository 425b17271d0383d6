"""Approving and rolling back through the API (spec 2 and 6)."""

import pytest

from app.models.base import db
from app.models.transactions import write
from tests import factories as f
from tests.api.conftest import Api, row_counts

APPROVAL = {
    "config_version_id": "cfg_1",
    "simulation_run_id": "sim_cfg_1",
    "approver_name": "Theresa",
    "approver_role": "CEO",
    "rationale": "It holds.",
    "effective_at": "2026-01-15T00:00:00Z",
}
WHO = {name: APPROVAL[name] for name in ("approver_name", "approver_role", "rationale")}


@pytest.fixture
def candidate(studio: Api) -> Api:
    with write(db.session):
        f.simulated(db.session)
        f.complete_runs(db.session)
    return studio


def test_an_approval_answers_the_decision_and_where_it_is(candidate: Api) -> None:
    answer = candidate.post("/api/approve", APPROVAL)
    assert answer.json["diff"]["type"] == "initial_activation"
    assert answer.json["subject_resolution"] == f.SUBJECT
    detail = candidate.get(answer.headers["Location"])
    assert detail.json["decision_record"] | {"scheduled": []} == answer.json
    assert candidate.get("/api/configs/cfg_1").json["status"] == "active"


def test_the_same_candidate_twice_is_immutable(candidate: Api) -> None:
    candidate.post("/api/approve", APPROVAL)
    assert candidate.post("/api/approve", APPROVAL, 409).json["code"] == "config_immutable"


def test_an_approval_that_is_sent_again_with_its_key_is_answered_again(candidate: Api) -> None:
    first = candidate.post("/api/approve", APPROVAL, Idempotency_Key="key-1")
    before = row_counts()
    again = candidate.post("/api/approve", APPROVAL, Idempotency_Key="key-1")
    assert again.json == first.json
    assert row_counts() == before


def test_a_gate_that_refuses_says_where_to_mend_it(candidate: Api) -> None:
    candidate.patch("/api/configs/cfg_1/pools/pool_core", {"included_quantity": 1})
    before = row_counts()
    refusal = candidate.post("/api/approve", APPROVAL, 409).json
    assert (refusal["code"], refusal["status"]) == ("simulation_stale", 409)
    assert refusal["findings"][0]["deep_link"] == "/configs/cfg_1/simulate#historical_window_days"
    assert row_counts() == before


@pytest.mark.parametrize("field", sorted(APPROVAL))
def test_everything_is_required(candidate: Api, field: str) -> None:
    body = {name: value for name, value in APPROVAL.items() if name != field}
    refusal = candidate.post("/api/approve", body, 422).json
    assert [error["pointer"] for error in refusal["errors"]] == [f"/{field}"]


@pytest.mark.parametrize(
    "change", [{"rationale": "  "}, {"effective_at": "tomorrow"}, {"approver_name": "x" * 201}, {"mood": "good"}]
)
def test_bad_fields_are_named_and_nothing_changes(candidate: Api, change: dict[str, str]) -> None:
    before = row_counts()
    refusal = candidate.post("/api/approve", APPROVAL | change, 422).json
    assert [error["pointer"] for error in refusal["errors"]] == [f"/{name}" for name in change]
    assert row_counts() == before


def test_terms_start_at_once_unless_the_approval_says_next_period(candidate: Api) -> None:
    assert candidate.post("/api/approve", APPROVAL).json["terms_start"] == "at_once"
    with write(db.session):
        f.simulated(db.session, "cfg_2")
    body = APPROVAL | {"config_version_id": "cfg_2", "simulation_run_id": "sim_cfg_2", "terms_start": "next_period"}
    assert candidate.post("/api/approve", body).json["terms_start"] == "next_period"
    query = "&".join(f"{name}={value}" for name, value in f.SUBJECT.items())
    governance = candidate.get(f"/api/runtime/config?{query}").json["governance"]
    assert governance["terms"]["before"]["config_version_id"] == "cfg_1"


def test_terms_can_wait_for_the_next_period_only_where_there_are_terms_before(candidate: Api) -> None:
    for value in ("next_period", "soon"):
        refusal = candidate.post("/api/approve", APPROVAL | {"terms_start": value}, 422).json
        assert [error["pointer"] for error in refusal["errors"]] == ["/terms_start"]


def test_an_unknown_config_or_run_is_not_found(candidate: Api) -> None:
    assert candidate.post("/api/approve", APPROVAL | {"config_version_id": "cfg_none"}, 404).json["code"] == "not_found"
    assert candidate.post("/api/approve", APPROVAL | {"simulation_run_id": "sim_none"}, 404).json["code"] == "not_found"


def test_a_decision_for_later_leaves_the_config_approved(candidate: Api) -> None:
    candidate.post("/api/approve", APPROVAL | {"effective_at": "9998-01-01T00:00:00Z"})
    assert candidate.get("/api/configs/cfg_1").json["status"] == "approved"


def test_a_null_baseline_is_the_active_version_and_another_is_refused(candidate: Api) -> None:
    candidate.post("/api/approve", APPROVAL | {"baseline_config_version_id": None})
    with write(db.session):
        f.simulated(db.session, "cfg_2")
    second = APPROVAL | {"config_version_id": "cfg_2", "simulation_run_id": "sim_cfg_2"}
    refusal = candidate.post("/api/approve", second | {"baseline_config_version_id": "cfg_2"}, 409).json
    assert refusal["code"] == "baseline_not_active"
    answer = candidate.post("/api/approve", second | {"baseline_config_version_id": "cfg_1"}).json
    assert answer["baseline_config_version_id"] == "cfg_1"


@pytest.fixture
def replaced(candidate: Api) -> Api:
    """cfg_2 has replaced cfg_1."""
    candidate.post("/api/approve", APPROVAL)
    with write(db.session):
        f.simulated(db.session, "cfg_2")
    candidate.post("/api/approve", APPROVAL | {"config_version_id": "cfg_2", "simulation_run_id": "sim_cfg_2"})
    return candidate


def test_a_rollback_answers_its_own_decision(replaced: Api) -> None:
    answer = replaced.post("/api/configs/cfg_1/rollback", WHO)
    assert (answer.json["diff"]["type"], answer.json["baseline_config_version_id"]) == ("rollback", "cfg_2")
    assert replaced.get(answer.headers["Location"]).json["outcome_pill"] == "active"
    assert replaced.get("/api/configs/cfg_2").json["status"] == "archived"


def test_only_an_archived_version_can_be_rolled_back_to(replaced: Api) -> None:
    assert replaced.post("/api/configs/cfg_2/rollback", WHO, 409).json["code"] == "rollback_needs_archived"


def test_a_rollback_wants_to_know_who_and_why(replaced: Api) -> None:
    refusal = replaced.post("/api/configs/cfg_1/rollback", {}, 422).json
    assert {error["pointer"] for error in refusal["errors"]} == {"/approver_name", "/approver_role", "/rationale"}


def test_a_decided_config_answers_immutable_at_every_door(replaced: Api) -> None:
    replaced.patch("/api/configs/cfg_2", {"price_book_ref": "x"}, 409)
    replaced.put("/api/configs/cfg_2/rails", {"margin_floor": 0}, 409)
    replaced.put("/api/configs/cfg_2/exploration", {"enabled": False}, 409)
    replaced.patch("/api/configs/cfg_2/pools/pool_core", {"label": "x"}, 409)
    replaced.delete("/api/configs/cfg_2/pools/pool_core", 409)
    assert replaced.delete("/api/configs/cfg_2", 409).json["code"] == "config_immutable"


# For later


LATER = "9998-01-01T00:00:00Z"


@pytest.fixture
def scheduled(candidate: Api) -> Api:
    """cfg_1 is active; cfg_2 is approved for later."""
    candidate.post("/api/approve", APPROVAL)
    with write(db.session):
        f.simulated(db.session, "cfg_2")
        f.simulated(db.session, "cfg_3")
        f.complete_runs(db.session)
    candidate.post("/api/approve", SECOND | {"effective_at": LATER})
    return candidate


SECOND = APPROVAL | {"config_version_id": "cfg_2", "simulation_run_id": "sim_cfg_2"}
THIRD = APPROVAL | {"config_version_id": "cfg_3", "simulation_run_id": "sim_cfg_3"}


def test_an_approval_answers_what_else_is_scheduled_for_its_subject_and_what_becomes_of_it(scheduled: Api) -> None:
    assert scheduled.get("/api/configs/cfg_3").json["completeness"]["findings"][-1]["code"] == "another_version_waits"
    (waiting,) = scheduled.post("/api/approve", THIRD).json["scheduled"]
    assert (waiting["config_version_id"], waiting["version"], waiting["effective_at"]) == ("cfg_2", 2, LATER)
    assert [finding["code"] for finding in waiting["held_back_by"]] == ["baseline_not_active"]


def test_a_moment_in_the_past_is_stored_as_the_moment_of_the_decision(candidate: Api) -> None:
    answer = candidate.post("/api/approve", APPROVAL | {"effective_at": "2025-01-01T00:00:00Z"}).json
    assert answer["effective_at"] == answer["created_at"]
    assert candidate.get("/api/configs/cfg_1").json["effective_at"] == answer["created_at"]
    assert candidate.get("/api/billing-patch/cfg_1").json["effective_at"] == answer["created_at"]


def test_a_scheduled_decision_is_withdrawn_and_the_log_says_by_whom_and_why(scheduled: Api) -> None:
    answer = scheduled.post("/api/configs/cfg_2/withdraw", WHO, 200)
    assert (answer.json["status"], answer.json["history"][0]["rationale"]) == ("archived", WHO["rationale"])
    config = scheduled.get("/api/configs/cfg_2").json
    assert (config["status"], config["effective_at"]) == ("simulated", None)
    summary = scheduled.get(f"/api/decision-records?workspace_id={f.WORKSPACE}").json["items"][0]
    assert (summary["outcome_pill"], summary["latest_act"]["type"]) == ("withdrawn", "withdrawn")
    assert summary["latest_act"]["by"] == {"name": WHO["approver_name"], "role": WHO["approver_role"]}
    scheduled.patch("/api/configs/cfg_2", {"price_book_ref": "another"})


def test_a_scheduled_decision_is_moved(scheduled: Api) -> None:
    moved = scheduled.post("/api/configs/cfg_2/reschedule", WHO | {"effective_at": "9998-02-01T00:00:00Z"}, 200).json
    assert moved["effective_at"] == "9998-02-01T00:00:00Z"
    assert scheduled.get("/api/configs/cfg_2").json["effective_at"] == "9998-02-01T00:00:00Z"
    detail = scheduled.get(f"/api/decision-records/{moved['decision_id']}").json
    assert (detail["outcome_pill"], detail["scheduled"][0]["effective_at"]) == ("scheduled", "9998-02-01T00:00:00Z")


@pytest.mark.parametrize("act", ["withdraw", "reschedule"])
def test_what_does_not_wait_is_neither_moved_nor_withdrawn(scheduled: Api, act: str) -> None:
    body = WHO if act == "withdraw" else WHO | {"effective_at": LATER}
    assert scheduled.post(f"/api/configs/cfg_1/{act}", body, 409).json["code"] == "not_scheduled"
    scheduled.post(f"/api/configs/cfg_none/{act}", body, 404)


def test_a_subjects_timeline_is_its_decisions_by_when_they_take_effect(scheduled: Api) -> None:
    query = "&".join(f"{name}={value}" for name, value in f.SUBJECT.items())
    scheduled.post("/api/approve", THIRD)
    items = scheduled.get(f"/api/decision-records?{query}&sort=effective_at").json["items"]
    assert [(item["config_version"], item["outcome_pill"]) for item in items] == [
        (2, "scheduled"),
        (3, "active"),
        (1, "archived"),
    ]

"""A decision for later keeps its word: it goes over no newer one unasked, and can be moved or withdrawn (spec 2)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.catalog import EventCatalog
from app.models.decision_record import DecisionRecord
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services.authoring import config_parts
from app.services.billing.patches import patch_of
from app.services.configs.lookup import get_config, newest_decision
from app.services.decisions import activation, rescheduling
from app.services.decisions.content import decided_document, diff_of
from app.services.decisions.log import summaries
from app.services.decisions.schedule import waiting_for
from app.services.decisions.timeline import back_to, timeline
from app.services.evidence.comparison import in_force
from simulation.canonical import JsonObject
from tests import factories as f
from tests.services.observe import current_documents, decision_statuses, refused, statuses

DAY = timedelta(days=1)
MOMENT = f.NOW + 10 * DAY
WHY = activation.Approval("Mara", "CFO", "Finance asked to wait.")


def lower_floor(text: str) -> dict[str, Any]:
    return {"rails": f.RAILS | {"margin_floor": Decimal(text)}}


def schedule(session: AnySession, config_version_id: str, moment: datetime, **approval: Any) -> None:
    with write(session):
        f.simulated(session, config_version_id, **lower_floor("0.6"))
        f.approve(session, config_version_id, later=60, effective_at=moment, **approval)


def decide_now(session: AnySession, config_version_id: str, later: int = 120) -> None:
    with write(session):
        f.simulated(session, config_version_id, **lower_floor("0.5"))
        f.approve(session, config_version_id, later=later)


def look(session: AnySession, moment: datetime) -> list[str]:
    with write(session):
        return activation.activate_due(session, now=moment)


def outcome(session: AnySession, config_version_id: str) -> str:
    (summary,) = summaries(session, [newest_decision(session, config_version_id)])
    return summary.outcome_pill


def codes(session: AnySession, config_version_id: str) -> list[str]:
    return [finding.code for finding in activation.held_back(session, config_version_id)]


def move(session: AnySession, config_version_id: str, moment: datetime | None, *, later: int = 300, **more: Any) -> Any:
    by = activation.Approval(WHY.approver_name, WHY.approver_role, WHY.rationale, moment, **more)
    return rescheduling.reschedule(
        session, config_version_id, by, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=later)
    )


def withdraw(session: AnySession, config_version_id: str = "cfg_2", *, later: int = 300) -> DecisionRecord:
    return rescheduling.withdraw(
        session, config_version_id, WHY, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=later)
    )


def events(session: AnySession, name: str) -> list[JsonObject]:
    return list(session.scalars(sa.select(ProductEvent.detail).filter_by(event_name=name)))


# A newer decision


def test_a_scheduled_decision_is_held_back_when_a_newer_one_became_active(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    decide_now(active, "cfg_3")
    assert look(active, MOMENT) == []
    assert statuses(active) == {"cfg_1": "archived", "cfg_2": "approved", "cfg_3": "active"}
    assert current_documents(active) == ["cfg_3"]
    assert (outcome(active, "cfg_2"), codes(active, "cfg_2")) == ("held_back", ["baseline_not_active"])
    assert events(active, "config_held_back")[0]["findings"] == ["baseline_not_active"]


def test_before_its_moment_one_can_see_that_it_would_be_held_back(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    assert codes(active, "cfg_2") == []
    decide_now(active, "cfg_3")
    assert (outcome(active, "cfg_2"), codes(active, "cfg_2")) == ("scheduled", ["baseline_not_active"])


def test_what_was_held_back_does_not_go_by_itself_when_its_baseline_is_active_again(active: AnySession) -> None:
    """Whoever rolls back to v1 means v1, and no decision whose moment has long passed."""
    schedule(active, "cfg_2", MOMENT)
    decide_now(active, "cfg_3")
    look(active, MOMENT)
    with write(active):
        activation.rollback(active, "cfg_1", f.APPROVAL, actor=f.OPERATOR, now=MOMENT + DAY)
    assert look(active, MOMENT + 2 * DAY) == []
    assert current_documents(active) == ["cfg_1"]


def test_a_rollback_to_its_baseline_in_time_lets_it_go(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    decide_now(active, "cfg_3")
    with write(active):
        activation.rollback(active, "cfg_1", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + DAY)
    assert look(active, MOMENT) == ["cfg_2"]
    assert newest_decision(active, "cfg_2").history == []


def test_a_first_version_for_later_is_held_back_when_another_became_the_first(empty: AnySession) -> None:
    schedule(empty, "cfg_2", MOMENT)
    decide_now(empty, "cfg_3")
    assert look(empty, MOMENT) == []
    assert current_documents(empty) == ["cfg_3"]


def test_one_approved_to_go_in_any_case_goes_and_its_record_tells_what_it_really_replaced(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT, activate_over_newer=True)
    decide_now(active, "cfg_3")
    assert look(active, MOMENT) == ["cfg_2"]
    decision = newest_decision(active, "cfg_2")
    assert (decision.baseline_config_version_id, decision.diff["baseline_config_version_id"]) == ("cfg_3", "cfg_3")
    (change,) = decision.diff["changes"]
    assert (change["before"], change["after"]) == (Decimal("0.5"), Decimal("0.6"))
    (kept,) = decision.history
    assert (kept["type"], kept["baseline_config_version_id"]) == ("compared_anew", "cfg_1")
    assert kept["diff"]["changes"][0]["before"] == Decimal("0.68")
    assert decision_statuses(active)[-1] == ("cfg_3", "archived")


def test_a_decision_for_after_a_scheduled_one_is_made_against_that_one(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        f.simulated(active, "cfg_3", **lower_floor("0.5"))
        decision = f.approve(active, "cfg_3", later=120, effective_at=MOMENT + DAY)
    assert decision.baseline_config_version_id == "cfg_2"
    assert decision.diff["changes"][0]["before"] == Decimal("0.6")
    assert codes(active, "cfg_3") == []
    assert look(active, MOMENT) == ["cfg_2"]
    assert look(active, MOMENT + DAY) == ["cfg_3"]
    assert newest_decision(active, "cfg_3").history == []


def test_a_decision_for_before_a_scheduled_one_holds_that_one_back(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    schedule(active, "cfg_3", MOMENT - DAY)
    assert codes(active, "cfg_2") == ["baseline_not_active"]
    assert look(active, MOMENT) == ["cfg_3"]
    assert outcome(active, "cfg_2") == "held_back"


def test_a_held_back_version_is_approved_anew_by_a_decision_of_its_own(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    decide_now(active, "cfg_3")
    look(active, MOMENT)
    earlier = newest_decision(active, "cfg_2").decision_id
    with write(active):
        decision = f.approve(active, "cfg_2", later=11 * 86_400)
    assert (decision.baseline_config_version_id, current_documents(active)) == ("cfg_3", ["cfg_2"])
    record = active.get_one(DecisionRecord, earlier)
    assert (record.status, record.history[-1]["type"]) == ("archived", "approved_anew")
    assert record.history[-1]["decision_id"] == decision.decision_id
    assert summaries(active, [record])[0].outcome_pill == "withdrawn"


def test_a_draft_of_the_subject_is_told_what_is_scheduled(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    (waiting,) = waiting_for(active, f.SUBJECT)
    assert (waiting.config_version_id, waiting.version, waiting.moment, waiting.replaces_id) == (
        "cfg_2",
        2,
        MOMENT,
        "cfg_1",
    )


# Withdrawing


def test_a_withdrawn_version_is_a_draft_again_and_its_record_says_who_withdrew_it_and_why(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        decision = withdraw(active)
    config = get_config(active, "cfg_2")
    assert (config.status, config.effective_at) == ("simulated", None)
    assert (decision.status, decision.withdrawn_at) == ("archived", f.NOW + timedelta(seconds=300))
    (entry,) = decision.history
    assert (entry["type"], entry["by"], entry["rationale"]) == (
        "withdrawn",
        {"name": "Mara", "role": "CFO"},
        "Finance asked to wait.",
    )
    assert outcome(active, "cfg_2") == "withdrawn"
    assert events(active, "config_withdrawn")[0]["decision_id"] == decision.decision_id
    assert look(active, MOMENT) == []
    assert current_documents(active) == ["cfg_1"]


def test_a_withdrawn_version_can_be_edited_and_approved_and_the_old_record_keeps_what_it_decided(
    active: AnySession,
) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        record_id = withdraw(active).decision_id
    with write(active):
        config_parts.put_rails(active, "cfg_2", {"margin_floor": Decimal("0.3")}, actor=f.OPERATOR, now=f.NOW)
    assert get_config(active, "cfg_2").status == "draft"
    with write(active):
        f.run(active, get_config(active, "cfg_2"), "sim_again", created_at=f.NOW + timedelta(seconds=400))
        activation.approve(
            active, "cfg_2", "sim_again", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=500)
        )
    record = active.get_one(DecisionRecord, record_id)
    assert decided_document(active, record)["rails"]["margin_floor"] == Decimal("0.6")
    rails = next(section for section in diff_of(active, record) if section.name == "rails")
    assert rails.sentences == ("Rails: margin floor 68 % → 60 %",)
    assert current_documents(active) == ["cfg_2"]


def test_a_withdrawal_before_the_edit_that_made_it_stale_gives_back_a_draft(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        f.run(active, get_config(active, "cfg_2"), "sim_other", candidate_content_hash="0" * 64, created_at=f.NOW + DAY)
        withdraw(active)
    assert get_config(active, "cfg_2").status == "draft"


def test_what_is_held_back_can_be_withdrawn(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    decide_now(active, "cfg_3")
    look(active, MOMENT)
    with write(active):
        withdraw(active, later=11 * 86_400)
    assert [entry["type"] for entry in newest_decision(active, "cfg_2").history] == ["held_back", "withdrawn"]
    assert get_config(active, "cfg_2").status == "simulated"


@pytest.mark.parametrize("act", [withdraw, lambda session: move(session, "cfg_2", MOMENT + DAY)])
def test_a_version_whose_moment_has_come_can_no_longer_be_taken_back(active: AnySession, act: Any) -> None:
    """Apps have switched by their own clocks, whether anybody looked or not."""
    schedule(active, "cfg_2", f.NOW + timedelta(seconds=200))
    assert "is active" in refused(active, "not_scheduled", act).detail


@pytest.mark.parametrize("status", ["draft", "simulated", "active", "archived"])
def test_only_what_waits_can_be_withdrawn(ready: AnySession, status: str) -> None:
    with write(ready):
        f.approve(ready)
        f.simulated(ready, "cfg_2")
        get_config(ready, "cfg_1").status = "archived"
        get_config(ready, "cfg_2").status = status
    refused(ready, "not_scheduled", withdraw)


def test_a_withdrawal_holds_back_what_was_approved_to_replace_the_withdrawn_one(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    schedule(active, "cfg_3", MOMENT + DAY)
    with write(active):
        withdraw(active)
    assert codes(active, "cfg_3") == ["baseline_not_active"]


def test_the_billing_patch_of_a_withdrawn_version_is_not_what_a_ledger_gets(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        withdraw(active)
        config_parts.put_rails(active, "cfg_2", {"margin_floor": Decimal("0.3")}, actor=f.OPERATOR, now=f.NOW)
    assert patch_of(active, "cfg_2", now=f.NOW).effective_at != MOMENT


def test_a_withdrawn_decision_was_never_in_force(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        withdraw(active)
    assert in_force(active, get_config(active, "cfg_2"), now=MOMENT + DAY).since is None


# Moving


def test_a_moved_decision_takes_effect_at_its_new_moment_only(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        decision = move(active, "cfg_2", MOMENT + 5 * DAY)
    assert (decision.effective_at, get_config(active, "cfg_2").effective_at) == (MOMENT + 5 * DAY,) * 2
    patch = active.get_one(BillingPatch, decision.billing_patch_id)
    assert (patch.effective_at, patch_of(active, "cfg_2", now=f.NOW).billing_patch_id) == (
        MOMENT + 5 * DAY,
        patch.billing_patch_id,
    )
    (entry,) = decision.history
    assert (entry["type"], entry["by"]["name"], entry["before"]["effective_at"]) == (
        "moved",
        "Mara",
        "2026-01-25T00:00:00Z",
    )
    assert look(active, MOMENT + DAY) == []
    assert look(active, MOMENT + 5 * DAY) == ["cfg_2"]


def test_a_decision_can_be_moved_to_now(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        decision = move(active, "cfg_2", None)
    assert current_documents(active) == ["cfg_2"]
    assert decision.effective_at == get_config(active, "cfg_2").effective_at == f.NOW + timedelta(seconds=300)
    assert statuses(active) == {"cfg_1": "archived", "cfg_2": "active"}


def test_moving_what_is_held_back_makes_its_record_anew_against_what_is_active(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    decide_now(active, "cfg_3")
    look(active, MOMENT)
    with write(active):
        decision = move(active, "cfg_2", MOMENT + 2 * DAY, later=11 * 86_400)
    assert (decision.baseline_config_version_id, outcome(active, "cfg_2")) == ("cfg_3", "scheduled")
    assert decision.history[-1]["before"]["baseline_config_version_id"] == "cfg_1"
    assert decision.history[-1]["before"]["diff"]["changes"][0]["before"] == Decimal("0.68")
    assert look(active, MOMENT + 2 * DAY) == ["cfg_2"]


def test_a_move_asks_every_gate_again(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    with write(active):
        active.execute(sa.delete(EventCatalog).filter_by(event_type="video_render_completed"))
    refused(active, "unit_event_mapping_invalid", lambda session: move(session, "cfg_2", MOMENT + DAY))


def test_a_move_that_names_another_baseline_than_the_active_one_is_refused(active: AnySession) -> None:
    schedule(active, "cfg_2", MOMENT)
    decide_now(active, "cfg_3")

    def against_the_old_one(session: AnySession) -> None:
        by = activation.Approval("Mara", "CFO", "Wait.", MOMENT + DAY)
        rescheduling.reschedule(
            session, "cfg_2", by, actor=f.OPERATOR, now=f.NOW + DAY, baseline_config_version_id="cfg_1"
        )

    refused(active, "baseline_not_active", against_the_old_one)


# The log and the timeline


def test_a_rolled_back_version_is_still_told_from_one_that_a_scheduled_decision_was_to_replace(
    active: AnySession,
) -> None:
    decide_now(active, "cfg_3")
    with write(active):
        f.simulated(active, "cfg_2")
        f.approve(active, "cfg_2", later=180, effective_at=MOMENT)
    with write(active):
        activation.rollback(active, "cfg_1", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + DAY)
    assert outcome(active, "cfg_3") == "rolled_back"


def test_the_timeline_has_what_waits_what_is_in_force_and_what_was_until_when(active: AnySession) -> None:
    decide_now(active, "cfg_3")
    schedule(active, "cfg_2", MOMENT)
    shown = timeline(active, f.SUBJECT)
    assert [item.config_version_id for item in shown.waiting] == ["cfg_2"]
    assert [(item.decision.config_version_id, item.outcome_pill) for item in shown.past] == [
        ("cfg_3", "active"),
        ("cfg_1", "archived"),
    ]
    assert [item.until for item in shown.past] == [None, f.NOW + timedelta(seconds=120)]
    assert back_to(shown) == 1

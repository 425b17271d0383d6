"""The runtime config: the shape of spec 5 field for field, built once, the same bytes for everyone."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa

from app.models.base import AnySession
from app.models.catalog import EventCatalog
from app.models.decision_record import DecisionRecord, DecisionRow
from app.models.product_event import ProductEvent
from app.models.runtime_config import RuntimeConfig
from app.models.transactions import write
from app.services.configs.lookup import get_config
from app.services.decisions import activation, rescheduling
from app.services.delivery.current import read
from simulation.canonical import JsonObject, canonical_bytes, parse_exact
from tests import factories as f
from tests.present import present
from tests.services.golden_files import matches_golden

FIELDS = {
    "avs_version",
    "cycle_id",
    "config_version_id",
    "effective_at",
    "north_star",
    "subject_resolution",
    "quality_mode",
    "value_units",
    "pools",
    "exploration",
    "rails",
    "rating_agility",
    "metric_lenses",
    "governance",
    "generated_at",
    "source",
}


def approved(
    session: AnySession,
    config_version_id: str = "cfg_1",
    decision_id: str = "dec_1",
    *,
    later: int = 3600,
    **approval: Any,
) -> DecisionRow:
    return activation.approve(
        session,
        config_version_id,
        f"sim_{config_version_id}",
        activation.Approval("Theresa", "CEO", "It holds.", **approval),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
        decision_id=decision_id,
    )


@pytest.fixture
def active(ready: AnySession) -> AnySession:
    with write(ready):
        approved(ready)
    return ready


def current_document(session: AnySession, subject: Mapping[str, str]) -> tuple[bytes, str] | None:
    """The bytes and their digest; None when nothing is active."""
    reading = read(session, subject, now=f.NOW)
    return None if reading.document is None else (reading.document, present(reading.digest))


def present_document(session: AnySession, subject: Mapping[str, str]) -> tuple[bytes, str]:
    """The bytes and their digest of a subject that has an active config."""
    return present(current_document(session, subject))


def served(session: AnySession, subject: Mapping[str, str] = f.SUBJECT) -> JsonObject:
    content, _ = present_document(session, subject)
    document: JsonObject = parse_exact(content)
    return document


def test_the_document_is_the_golden_one_to_the_byte(active: AnySession) -> None:
    content, _ = present_document(active, f.SUBJECT)
    assert matches_golden("runtime_config.json", content)


def test_the_document_has_the_build_packs_fields_and_no_others(active: AnySession) -> None:
    document = served(active)
    assert set(document) == FIELDS
    assert set(document["governance"]) == {"config_version_id", "approval_ref", "config_status", "audit", "delivery"}
    assert set(document["pools"][0]) == {
        "pool_id",
        "label",
        "value_unit_id",
        "included_quantity",
        "rollover",
        "overage_behavior",
        "is_exploration_pool",
    }


def test_the_approval_ref_is_the_decision_that_activated_it(active: AnySession) -> None:
    assert served(active)["governance"]["approval_ref"] == active.scalars(sa.select(DecisionRecord)).one().decision_id


def test_the_audit_says_who_did_what_and_when(active: AnySession) -> None:
    audit = {entry["type"]: (entry["by"], entry["at"]) for entry in served(active)["governance"]["audit"]}
    assert audit == {
        "generated": ("avs_brain_operator_ui", "2026-01-15T00:00:00Z"),
        "simulated": ("sim_cfg_1", "2026-01-15T00:00:00Z"),
        "approved": ("Theresa, CEO", "2026-01-15T01:00:00Z"),
        "activated": ("avs_brain_operator_ui", "2026-01-15T01:00:00Z"),
    }


def test_the_document_is_canonical_and_its_digest_is_that_of_the_bytes(active: AnySession) -> None:
    content, digest = present_document(active, f.SUBJECT)
    assert canonical_bytes(parse_exact(content)) == content
    assert digest == sha256(content).hexdigest()


def test_numbers_are_the_ones_that_were_typed_in(active: AnySession) -> None:
    content, _ = present_document(active, f.SUBJECT)
    unit = json.loads(content, parse_float=str)["value_units"][1]
    assert unit["unit_economics"]["avg_cost_per_unit_usd"] == "0.18"


def test_only_pooled_units_are_served(ready: AnySession) -> None:
    with write(ready):
        f.simulated(ready, "cfg_core", pools=[f.CORE], exploration={"enabled": False})
        approved(ready, "cfg_core")
    assert [unit["value_unit_id"] for unit in served(ready)["value_units"]] == ["vu_hd_minute"]


def test_what_happens_to_drafts_afterwards_does_not_change_what_is_served(active: AnySession) -> None:
    before = current_document(active, f.SUBJECT)
    with write(active):
        f.config(active, "cfg_2")
        f.snapshot(active, f.CYCLE, f.HD_MINUTE | {"value_unit_id": "vu_other"})
    assert current_document(active, f.SUBJECT) == before


def test_a_subject_without_an_active_version_has_no_document(active: AnySession) -> None:
    assert current_document(active, f.SUBJECT | {"segment": "enterprise"}) is None


def test_a_promoted_document_tells_the_approval_from_the_activation(ready: AnySession) -> None:
    moment = f.NOW + timedelta(days=2)
    with write(ready):
        approved(ready, effective_at=moment)
    assert current_document(ready, f.SUBJECT) is None
    with write(ready):
        activation.activate_due(ready, now=moment + timedelta(minutes=5))
    document = served(ready)
    at = {entry["type"]: entry["at"] for entry in document["governance"]["audit"]}
    assert (at["approved"], at["activated"]) == ("2026-01-15T01:00:00Z", "2026-01-17T00:05:00Z")
    assert (document["effective_at"], document["generated_at"]) == ("2026-01-17T00:00:00Z", "2026-01-17T00:05:00Z")


def test_a_rollback_serves_the_old_content_under_the_new_decision(active: AnySession) -> None:
    first = served(active)
    with write(active):
        f.simulated(active, "cfg_2", price_book_ref="usd_2026_02")
        approved(active, "cfg_2", "dec_2", later=7200)
        activation.rollback(
            active,
            "cfg_1",
            f.APPROVAL,
            actor=f.OPERATOR,
            now=f.NOW + timedelta(hours=3),
            decision_id="dec_3",
        )
    again = served(active)
    assert again["governance"]["approval_ref"] == "dec_3"
    changed = {name for name in FIELDS if first[name] != again[name]}
    assert changed == {"governance", "effective_at", "generated_at"}


def test_a_reading_says_whether_somebody_should_promote(active: AnySession) -> None:
    moment = f.NOW + timedelta(days=2)
    with write(active):
        f.simulated(active, "cfg_2")
        approved(active, "cfg_2", "dec_2", effective_at=moment)
    assert not read(active, f.SUBJECT, now=moment - timedelta(seconds=1)).something_due
    assert read(active, f.SUBJECT, now=moment).something_due
    assert not read(active, f.SUBJECT | {"segment": "enterprise"}, now=moment).something_due


def test_every_document_that_was_ever_served_is_kept(active: AnySession) -> None:
    with write(active):
        f.simulated(active, "cfg_2")
        approved(active, "cfg_2", "dec_2", later=7200)
    rows = active.execute(sa.select(RuntimeConfig.decision_id, RuntimeConfig.current)).all()
    assert sorted(map(tuple, rows)) == [("dec_1", False), ("dec_2", True)]
    assert get_config(active, "cfg_1").status == "archived"


def delivery(session: AnySession, subject: Mapping[str, str] = f.SUBJECT) -> JsonObject:
    said: JsonObject = served(session, subject)["governance"]["delivery"]
    return said


def schedule(session: AnySession, config_version_id: str, decision_id: str, moment: datetime, **changes: Any) -> None:
    with write(session):
        f.simulated(session, config_version_id, **changes)
        approved(session, config_version_id, decision_id, effective_at=moment)


def test_the_document_says_how_long_a_copy_counts_and_how_each_rail_fails(ready: AnySession) -> None:
    with write(ready):
        policy = {"max_staleness_seconds": 3600, "on_expired": {"usage_thresholds": "closed"}}
        f.simulated(ready, "cfg_2", delivery=policy)
        approved(ready, "cfg_2")
    said = delivery(ready)
    assert said["max_staleness_seconds"] == 3600
    assert said["fail"] == {"stale": "open"}
    assert said["on_expired"] == {
        "monthly_spend_cap_usd": "closed",
        "usage_thresholds": "closed",
        "absolute_usage_caps": "closed",
    }
    assert (said["sequence"], said["next"]) == (1, None)


def test_a_policy_is_in_the_diff_but_not_in_the_content_hash(active: AnySession) -> None:
    with write(active):
        f.simulated(active, "cfg_2", delivery={"max_staleness_seconds": 3600})
        decision = approved(active, "cfg_2", "dec_2", later=7200)
    assert get_config(active, "cfg_1").content_hash == get_config(active, "cfg_2").content_hash
    (change,) = decision.diff["changes"]
    assert (change["section"], change["path"], change["after"]) == (
        "governance",
        "/delivery/max_staleness_seconds",
        3600,
    )


def test_every_document_of_a_subject_has_the_next_sequence(active: AnySession) -> None:
    with write(active):
        f.simulated(active, "cfg_2")
        approved(active, "cfg_2", "dec_2", later=7200)
    assert delivery(active)["sequence"] == 2


def test_what_is_approved_for_later_stands_announced_and_is_served_to_the_byte_when_its_moment_comes(
    active: AnySession,
) -> None:
    moment = f.NOW + timedelta(days=2)
    schedule(active, "cfg_2", "dec_2", moment)
    coming = delivery(active)["next"]
    assert (coming["config_version_id"], coming["effective_at"]) == ("cfg_2", "2026-01-17T00:00:00Z")
    assert (served(active)["config_version_id"], delivery(active)["sequence"]) == ("cfg_1", 2)
    with write(active):
        activation.activate_due(active, now=moment + timedelta(minutes=5))
    content, _ = present_document(active, f.SUBJECT)
    assert content == canonical_bytes(coming["document"])
    assert (delivery(active)["sequence"], delivery(active)["next"]) == (3, None)


def test_several_versions_to_come_are_announced_each_in_the_one_before_it(active: AnySession) -> None:
    first, second = f.NOW + timedelta(days=2), f.NOW + timedelta(days=3)
    schedule(active, "cfg_2", "dec_2", first)
    schedule(active, "cfg_3", "dec_3", second)
    coming = delivery(active)["next"]
    then = coming["document"]["governance"]["delivery"]["next"]
    assert (coming["config_version_id"], then["config_version_id"]) == ("cfg_2", "cfg_3")
    with write(active):
        activation.activate_due(active, now=second)
    content, _ = present_document(active, f.SUBJECT)
    assert content == canonical_bytes(then["document"])


def test_a_decision_in_between_announces_what_is_still_to_come(active: AnySession) -> None:
    with write(active):
        f.simulated(active, "cfg_2")
        approved(active, "cfg_2", "dec_2", effective_at=f.NOW + timedelta(days=2), activate_over_newer=True)
    with write(active):
        f.simulated(active, "cfg_3")
        approved(active, "cfg_3", "dec_3", later=7200)
    assert (served(active)["config_version_id"], delivery(active)["sequence"]) == ("cfg_3", 4)
    coming = delivery(active)["next"]["document"]
    assert (coming["config_version_id"], coming["governance"]["delivery"]["sequence"]) == ("cfg_2", 5)


def test_an_announced_version_that_a_gate_holds_back_is_taken_back_with_a_sequence_beyond_it(
    active: AnySession,
) -> None:
    moment = f.NOW + timedelta(days=2)
    schedule(active, "cfg_2", "dec_2", moment)
    promised = delivery(active)["next"]["document"]["governance"]["delivery"]["sequence"]
    with write(active):
        active.execute(sa.update(EventCatalog).values(dimensions=[]))
    assert activation.something_is_due(active, now=moment, subject=f.SUBJECT)
    with write(active):
        assert activation.activate_due(active, now=moment) == []
    assert (served(active)["config_version_id"], delivery(active)["next"]) == ("cfg_1", None)
    assert delivery(active)["sequence"] > promised
    assert not activation.something_is_due(active, now=moment, subject=f.SUBJECT)
    codes = active.scalars(sa.select(ProductEvent.detail).filter_by(event_name="config_held_back")).one()["findings"]
    assert "unit_event_mapping_invalid" in codes


def test_what_was_due_is_carried_out_before_a_later_decision_so_that_it_never_comes_after_it(
    active: AnySession,
) -> None:
    moment = f.NOW + timedelta(days=2)
    schedule(active, "cfg_2", "dec_2", moment)
    with write(active):
        f.simulated(active, "cfg_3")
        decision = approved(active, "cfg_3", "dec_3", later=3 * 86_400)
    assert decision.baseline_config_version_id == "cfg_2"
    with write(active):
        assert activation.activate_due(active, now=moment + timedelta(days=2)) == []
    assert served(active)["config_version_id"] == "cfg_3"
    assert get_config(active, "cfg_2").status == "archived"


def test_a_rollback_comes_after_what_was_due_before_it(active: AnySession) -> None:
    with write(active):
        f.simulated(active, "cfg_2")
        approved(active, "cfg_2", "dec_2", later=7200)
    moment = f.NOW + timedelta(days=2)
    schedule(active, "cfg_3", "dec_3", moment)
    with write(active):
        activation.rollback(active, "cfg_1", f.APPROVAL, actor=f.OPERATOR, now=moment + timedelta(hours=1))
    assert served(active)["config_version_id"] == "cfg_1"
    assert get_config(active, "cfg_3").status == "archived"
    assert not activation.something_is_due(active, now=moment + timedelta(days=1), subject=f.SUBJECT)


def test_a_decision_is_taken_although_one_that_was_due_is_held_back(active: AnySession) -> None:
    moment = f.NOW + timedelta(days=2)
    with write(active):
        active.add(EventCatalog(event_type="only_of_cfg_2", dimensions=["output_minutes"]))
    mapping = present(f.HD_MINUTE["event_mapping"]) | {"event_type": "only_of_cfg_2", "filters": {}}
    with write(active):
        f.snapshot(active, f.CYCLE, f.HD_MINUTE | {"value_unit_id": "vu_other", "event_mapping": mapping})
    pools = [f.CORE | {"value_unit_id": "vu_other"}]
    schedule(
        active, "cfg_2", "dec_2", moment, pools=pools, exploration={"enabled": False}, value_unit_snapshot_version=2
    )
    with write(active):
        active.execute(sa.delete(EventCatalog).filter_by(event_type="only_of_cfg_2"))
    with write(active):
        f.simulated(active, "cfg_3", value_unit_snapshot_version=1)
        approved(active, "cfg_3", "dec_3", later=3 * 86_400)
    assert (served(active)["config_version_id"], delivery(active)["next"]) == ("cfg_3", None)
    assert get_config(active, "cfg_2").status == "approved"
    sequences = active.scalars(sa.select(RuntimeConfig.sequence).order_by(RuntimeConfig.sequence)).all()
    assert sequences == sorted(set(sequences))


def rescheduled(session: AnySession, moment: datetime, config_version_id: str = "cfg_2") -> None:
    by = activation.Approval("Theresa", "CEO", "Later.", moment)
    with write(session):
        rescheduling.reschedule(session, config_version_id, by, actor=f.OPERATOR, now=f.NOW + timedelta(hours=3))


def announced_ids(session: AnySession) -> list[str]:
    """The versions that the served document announces, each in the one before it."""
    coming, announced = delivery(session)["next"], []
    while coming:
        announced.append(coming["config_version_id"])
        coming = coming["document"]["governance"]["delivery"]["next"]
    return announced


def test_a_withdrawal_is_announced_to_the_apps_at_once_and_what_was_promised_is_never_served(
    active: AnySession,
) -> None:
    moment = f.NOW + timedelta(days=2)
    schedule(active, "cfg_2", "dec_2", moment)
    promised = delivery(active)["next"]["document"]["governance"]["delivery"]["sequence"]
    with write(active):
        rescheduling.withdraw(active, "cfg_2", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(hours=3))
    assert (served(active)["config_version_id"], delivery(active)["next"]) == ("cfg_1", None)
    assert delivery(active)["sequence"] > promised
    assert not activation.something_is_due(active, now=moment, subject=f.SUBJECT)


def test_a_move_announces_the_new_moment_and_that_document_is_served_then(active: AnySession) -> None:
    schedule(active, "cfg_2", "dec_2", f.NOW + timedelta(days=2))
    moment = f.NOW + timedelta(days=4)
    rescheduled(active, moment)
    coming = delivery(active)["next"]
    assert (coming["effective_at"], coming["document"]["effective_at"]) == ("2026-01-19T00:00:00Z",) * 2
    with write(active):
        activation.activate_due(active, now=moment)
    content, _ = present_document(active, f.SUBJECT)
    assert content == canonical_bytes(coming["document"])


def test_a_move_to_now_serves_a_document_of_now(active: AnySession) -> None:
    schedule(active, "cfg_2", "dec_2", f.NOW + timedelta(days=2))
    rescheduled(active, f.NOW)
    assert (served(active)["config_version_id"], served(active)["effective_at"]) == ("cfg_2", "2026-01-15T03:00:00Z")
    sequences = active.scalars(sa.select(RuntimeConfig.sequence).order_by(RuntimeConfig.sequence)).all()
    assert sequences == sorted(set(sequences))


def test_two_that_change_places_are_announced_in_their_new_order(active: AnySession) -> None:
    schedule(active, "cfg_2", "dec_2", f.NOW + timedelta(days=2))
    schedule(active, "cfg_3", "dec_3", f.NOW + timedelta(days=3))
    rescheduled(active, f.NOW + timedelta(days=5))
    assert announced_ids(active) == ["cfg_2"]  # cfg_3 was approved to replace cfg_2, which now comes after it
    rescheduled(active, f.NOW + timedelta(days=3), "cfg_3")
    assert announced_ids(active) == ["cfg_3"]  # and cfg_2 was approved to replace cfg_1
    rescheduled(active, f.NOW + timedelta(days=6))
    assert announced_ids(active) == ["cfg_3", "cfg_2"]


def test_a_newer_decision_takes_back_the_announcement_of_one_that_it_holds_back(active: AnySession) -> None:
    schedule(active, "cfg_2", "dec_2", f.NOW + timedelta(days=2))
    with write(active):
        f.simulated(active, "cfg_3")
        approved(active, "cfg_3", "dec_3", later=7200)
    assert (served(active)["config_version_id"], delivery(active)["next"]) == ("cfg_3", None)


def test_how_apps_count_is_in_the_document_only_where_the_config_states_it(ready: AnySession) -> None:
    counted: JsonObject = {
        "on_counters_unavailable": {"hard_stop": "open"},
        "period_anchor": {"kind": "calendar_month", "time_zone": "Europe/Berlin"},
        "threshold_scopes": [{"percent": 90, "scope": "unit"}],
    }
    with write(ready):
        get_config(ready, "cfg_1").delivery = counted
        approved(ready)
    delivery = served(ready)["governance"]["delivery"]
    assert {name: delivery[name] for name in ("period_anchor", "threshold_scopes")} == {
        name: counted[name] for name in ("period_anchor", "threshold_scopes")
    }
    assert delivery["on_counters_unavailable"] == {
        "monthly_spend_cap_usd": "closed",
        "usage_thresholds": "open",
        "absolute_usage_caps": "closed",
        "hard_stop": "open",
    }

"""Approve, activate and promote: who may, what is left behind, and that refusals leave nothing (spec 2)."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.errors import Invalid, NotFound
from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.catalog import EventCatalog
from app.models.decision_record import DecisionRecord
from app.models.product_event import ProductEvent
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.authoring import config_parts, cycles
from app.services.authoring import configs as config_drafts
from app.services.configs.lookup import get_config
from app.services.decisions import activation
from tests import factories as f
from tests.services.observe import current_documents, decision_statuses, everything, refused, statuses

LATER = f.NOW + timedelta(days=10)


# Approving


def test_an_approved_config_is_active_at_once(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
    config = get_config(ready, "cfg_1")
    assert (config.status, config.effective_at) == ("active", f.NOW)
    assert current_documents(ready) == ["cfg_1"]


def test_the_decision_names_who_decided_what_on_which_evidence(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
    decision = ready.scalars(sa.select(DecisionRecord)).one()
    assert (decision.approver_name, decision.approver_role) == ("Theresa", "CEO")
    assert decision.subject_resolution == f.SUBJECT
    assert decision.simulation_run_id == "sim_cfg_1"
    assert decision.baseline_config_version_id is None
    assert decision.value_unit_snapshot_version == 1
    assert decision.diff["type"] == "initial_activation"
    assert (decision.status, decision.effective_at, decision.created_at) == ("active", f.NOW, f.NOW)


def test_the_decision_carries_its_billing_patch(ready: AnySession) -> None:
    with write(ready):
        decision = f.approve(ready)
    patch = ready.scalars(sa.select(BillingPatch)).one()
    assert decision.billing_patch_id == patch.billing_patch_id
    assert patch.effective_at == f.NOW


def test_every_step_is_in_the_product_event_log(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
    names = ready.scalars(sa.select(ProductEvent.event_name).order_by(ProductEvent.product_event_id.desc()).limit(3))
    assert set(names) == {"config_approved", "config_activated", "billing_patch_generated"}


def test_the_prior_version_is_archived_with_its_decision(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
        f.simulated(ready, "cfg_2", rails=f.RAILS | {"margin_floor": Decimal("0.6")})
        decision = f.approve(ready, "cfg_2", later=60)
    assert statuses(ready) == {"cfg_1": "archived", "cfg_2": "active"}
    assert decision_statuses(ready) == [("cfg_1", "archived"), ("cfg_2", "active")]
    assert current_documents(ready) == ["cfg_2"]
    assert (decision.diff["type"], decision.baseline_config_version_id) == ("update", "cfg_1")
    assert decision.diff["changes"] == [
        {
            "section": "rails",
            "path": "/margin_floor",
            "op": "replace",
            "before": Decimal("0.68"),
            "after": Decimal("0.6"),
        }
    ]


def test_another_subject_keeps_its_active_version(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
        f.active(ready, "cfg_enterprise", segment="enterprise")
    assert statuses(ready) == {"cfg_1": "active", "cfg_enterprise": "active"}


def test_naming_the_active_version_as_baseline_is_the_same_as_leaving_it_out(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
        f.simulated(ready, "cfg_2")
        decision = activation.approve(
            ready,
            "cfg_2",
            "sim_cfg_2",
            f.APPROVAL,
            actor=f.OPERATOR,
            now=f.NOW,
            baseline_config_version_id="cfg_1",
        )
    assert decision.baseline_config_version_id == "cfg_1"


def test_what_is_decided_now_holds_from_now_however_early_a_moment_was_typed(ready: AnySession) -> None:
    with write(ready):
        decision = f.approve(ready, effective_at=f.NOW - timedelta(days=380))
    config = get_config(ready, "cfg_1")
    assert (config.status, config.effective_at) == ("active", f.NOW)
    assert decision.effective_at == f.NOW
    assert ready.scalars(sa.select(BillingPatch)).one().effective_at == f.NOW


# Refusals leave nothing


def test_an_edit_after_the_simulation_makes_it_stale(ready: AnySession) -> None:
    with write(ready):
        config_parts.update_pool(
            ready, "cfg_1", "pool_core", {"included_quantity": Decimal(400)}, actor=f.OPERATOR, now=f.NOW
        )
    refusal = refused(ready, "simulation_stale")
    assert [finding.code for finding in refusal.findings] == ["simulation_stale"]
    assert "smb · learning · production v1" in refusal.detail


def test_an_older_run_than_the_latest_is_refused(ready: AnySession) -> None:
    with write(ready):
        f.run(ready, get_config(ready, "cfg_1"), "sim_newer", created_at=f.NOW + timedelta(seconds=1))
    refused(ready, "simulation_not_latest")


@pytest.mark.parametrize("status", ["queued", "running", "failed"])
def test_a_run_that_has_not_completed_is_refused(ready: AnySession, status: str) -> None:
    with write(ready):
        ready.get_one(SimulationRun, "sim_cfg_1").status = status
    refused(ready, "simulation_not_completed")


def test_a_run_that_says_nothing_about_a_declared_metric_is_refused(ready: AnySession) -> None:
    with write(ready):
        ready.get_one(SimulationRun, "sim_cfg_1").outputs = f.outputs(lens_metrics={})
    refused(ready, "simulation_outputs_incomplete")


def test_a_run_with_blocking_issues_is_refused(ready: AnySession) -> None:
    issue = {"code": "price_book_ref_missing", "message": "Name a price book."}
    with write(ready):
        ready.get_one(SimulationRun, "sim_cfg_1").outputs = f.outputs(blocking_issues=[issue])
    refused(ready, "simulation_blocking_issues")


def test_a_baseline_that_is_not_active_is_refused(ready: AnySession) -> None:
    with write(ready):
        f.simulated(ready, "cfg_2")

    def against_a_draft(session: AnySession) -> None:
        activation.approve(
            session,
            "cfg_1",
            "sim_cfg_1",
            f.APPROVAL,
            actor=f.OPERATOR,
            now=f.NOW,
            baseline_config_version_id="cfg_2",
        )

    refused(ready, "baseline_not_active", against_a_draft)


def test_production_without_its_rails_is_refused_with_every_finding(ready: AnySession) -> None:
    with write(ready):
        f.simulated(ready, "cfg_bare", rails={"usage_thresholds": []}, price_book_ref=None)
    refusal = refused(ready, "rails_monthly_spend_cap_missing", lambda session: f.approve(session, "cfg_bare"))
    assert [finding.code for finding in refusal.findings] == [
        "rails_monthly_spend_cap_missing",
        "rails_margin_floor_missing",
        "rails_at_cap_action_missing",
        "rails_thresholds_incomplete",
        "price_book_ref_missing",
    ]


def test_another_configs_run_is_refused(ready: AnySession) -> None:
    with write(ready):
        f.simulated(ready, "cfg_2")

    def on_borrowed_evidence(session: AnySession) -> None:
        activation.approve(session, "cfg_1", "sim_cfg_2", f.APPROVAL, actor=f.OPERATOR, now=f.NOW)

    refusal = refused(ready, "invalid_input", on_borrowed_evidence, Invalid)
    assert refusal.errors[0].pointer == "/simulation_run_id"


def test_an_unknown_config_or_run_is_not_found(ready: AnySession) -> None:
    refused(ready, "not_found", lambda session: f.approve(session, "cfg_none"), NotFound)

    def on_no_evidence(session: AnySession) -> None:
        activation.approve(session, "cfg_1", "sim_none", f.APPROVAL, actor=f.OPERATOR, now=f.NOW)

    refused(ready, "not_found", on_no_evidence, NotFound)


@pytest.mark.parametrize("status", ["approved", "active", "archived"])
def test_what_was_decided_is_not_decided_again(ready: AnySession, status: str) -> None:
    with write(ready):
        get_config(ready, "cfg_1").status = status
    refused(ready, "config_immutable")


def test_a_content_hash_that_no_longer_tells_the_content_is_not_believed(ready: AnySession) -> None:
    """The gate hashes what would be enforced; a row that somebody changed behind the services is stale."""
    with write(ready):
        ready.execute(sa.text("UPDATE rail_rules SET margin_floor = '0.1'"))
    refused(ready, "simulation_stale")


# A later moment


def test_a_future_decision_waits_as_approved_and_serves_nothing(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready, effective_at=LATER)
    config = get_config(ready, "cfg_1")
    assert (config.status, config.effective_at) == ("approved", LATER)
    assert current_documents(ready) == []


def test_a_future_decision_leaves_the_active_version_alone_until_its_moment(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
        f.simulated(ready, "cfg_2")
        f.approve(ready, "cfg_2", later=30, effective_at=LATER)
    assert statuses(ready) == {"cfg_1": "active", "cfg_2": "approved"}
    with write(ready):
        assert activation.activate_due(ready, now=LATER - timedelta(seconds=1)) == []
    assert statuses(ready) == {"cfg_1": "active", "cfg_2": "approved"}


def test_whoever_looks_after_the_moment_promotes_it(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
        f.simulated(ready, "cfg_2")
        f.approve(ready, "cfg_2", later=30, effective_at=LATER)
    with write(ready):
        promoted = activation.activate_due(ready, now=LATER)
    assert promoted == ["cfg_2"]
    assert statuses(ready) == {"cfg_1": "archived", "cfg_2": "active"}
    assert decision_statuses(ready) == [("cfg_1", "archived"), ("cfg_2", "active")]
    assert current_documents(ready) == ["cfg_2"]
    with write(ready):
        assert activation.activate_due(ready, now=LATER) == []


def test_a_due_version_is_not_decided_again_before_anybody_promoted_it(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready, effective_at=LATER)
    again = refused(ready, "config_immutable", lambda session: f.approve(session, later=20 * 86_400))
    assert "approved" in again.detail


def test_two_due_versions_are_promoted_in_the_order_of_their_moments(ready: AnySession) -> None:
    with write(ready):
        f.simulated(ready, "cfg_2")
        f.approve(ready, "cfg_2", effective_at=LATER + timedelta(days=1), activate_over_newer=True)
        f.approve(ready, "cfg_1", effective_at=LATER)
    with write(ready):
        activation.activate_due(ready, now=LATER + timedelta(days=2))
    assert statuses(ready) == {"cfg_1": "archived", "cfg_2": "active"}


def test_only_the_asked_subject_is_promoted(ready: AnySession) -> None:
    with write(ready):
        f.simulated(ready, "cfg_enterprise", segment="enterprise")
        for config_version_id in ("cfg_1", "cfg_enterprise"):
            f.approve(ready, config_version_id, effective_at=LATER)
    with write(ready):
        activation.activate_due(ready, now=LATER, subject=f.SUBJECT)
    assert statuses(ready) == {"cfg_1": "active", "cfg_enterprise": "approved"}


def test_a_due_version_that_no_gate_would_let_through_now_is_held_back(ready: AnySession) -> None:
    """Activation checks every gate again (spec 2): the catalog lost the event that the config counts."""
    with write(ready):
        f.approve(ready, effective_at=LATER)
        ready.execute(sa.delete(EventCatalog).filter_by(event_type="video_render_completed"))
    with write(ready):
        assert activation.activate_due(ready, now=LATER) == []
    config = get_config(ready, "cfg_1")
    assert (config.status, config.effective_at) == ("approved", None)
    before = everything(ready)
    with write(ready):
        assert activation.activate_due(ready, now=LATER + timedelta(days=1)) == []
    assert everything(ready) == before


def test_a_due_version_that_was_simulated_again_is_promoted_all_the_same(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready, effective_at=LATER)
        f.run(ready, get_config(ready, "cfg_1"), "sim_newer", created_at=f.NOW + timedelta(seconds=1))
    with write(ready):
        assert len(activation.activate_due(ready, now=LATER)) == 1


# Immutability by every service door


EDITS: dict[str, Callable[[AnySession], object]] = {
    "its columns": lambda s: config_drafts.update_config(s, "cfg_1", {"price_book_ref": "other"}, **f.WHO),
    "a new pool": lambda s: config_parts.add_pool(s, "cfg_1", f.CORE | {"pool_id": "pool_pro"}, **f.WHO),
    "a pool": lambda s: config_parts.update_pool(s, "cfg_1", "pool_core", {"label": "Base"}, **f.WHO),
    "a removed pool": lambda s: config_parts.delete_pool(s, "cfg_1", "pool_core", **f.WHO),
    "exploration": lambda s: config_parts.put_exploration(s, "cfg_1", {"enabled": False}, **f.WHO),
    "rails": lambda s: config_parts.put_rails(s, "cfg_1", {"margin_floor": Decimal("0.1")}, **f.WHO),
    "deletion": lambda s: config_drafts.delete_config(s, "cfg_1", **f.WHO),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_decided_config_refuses_every_edit(ready: AnySession, edit: Callable[[AnySession], object]) -> None:
    with write(ready):
        f.approve(ready, effective_at=LATER)
    refused(ready, "config_immutable", edit)


def test_the_cycle_of_a_decided_config_keeps_its_north_star(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)

    def edit(session: AnySession) -> None:
        cycles.update_cycle(session, f.CYCLE, {"goal_type": "revenue"}, actor=f.OPERATOR, now=f.NOW)

    refused(ready, "cycle_immutable", edit)

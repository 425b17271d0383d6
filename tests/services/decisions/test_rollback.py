"""Roll back: an archived version is active again at once, by a decision of its own, if every gate agrees (spec 2)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.catalog import EventCatalog
from app.models.decision_record import DecisionRow
from app.models.transactions import write
from app.services.configs.lookup import get_config
from app.services.decisions import activation
from tests import factories as f
from tests.services.observe import current_documents, decision_statuses, refused, statuses

LATER = f.NOW + timedelta(days=10)


def rolled_back(
    session: AnySession, config_version_id: str = "cfg_1", *, later: int = 60, **approval: Any
) -> DecisionRow:
    return activation.rollback(
        session,
        config_version_id,
        activation.Approval(**{"approver_name": "Theresa", "approver_role": "CEO", "rationale": "v2 hurt"} | approval),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
    )


@pytest.fixture
def replaced(ready: AnySession) -> AnySession:
    """cfg_1 was active until cfg_2 replaced it."""
    with write(ready):
        f.approve(ready)
        f.simulated(ready, "cfg_2", rails=f.RAILS | {"margin_floor": Decimal("0.6")})
        f.approve(ready, "cfg_2", later=30)
    return ready


def test_a_rollback_makes_the_archived_version_active_again(replaced: AnySession) -> None:
    with write(replaced):
        decision = rolled_back(replaced)
    assert statuses(replaced) == {"cfg_1": "active", "cfg_2": "archived"}
    assert decision_statuses(replaced) == [("cfg_1", "archived"), ("cfg_2", "archived"), ("cfg_1", "active")]
    assert current_documents(replaced) == ["cfg_1"]
    assert (decision.diff["type"], decision.baseline_config_version_id) == ("rollback", "cfg_2")
    assert decision.simulation_run_id == "sim_cfg_1"
    assert decision.diff["changes"][0]["after"] == Decimal("0.68")


def test_a_rollback_has_a_billing_patch_of_its_own_moment(replaced: AnySession) -> None:
    with write(replaced):
        decision = rolled_back(replaced)
    patch = replaced.get_one(BillingPatch, decision.billing_patch_id)
    assert patch.effective_at == f.NOW + timedelta(seconds=60)


def test_a_rollback_happens_now_whatever_moment_was_asked_for(replaced: AnySession) -> None:
    with write(replaced):
        decision = rolled_back(replaced, effective_at=LATER)
    assert decision.effective_at == f.NOW + timedelta(seconds=60)


def test_one_can_roll_forward_again(replaced: AnySession) -> None:
    with write(replaced):
        rolled_back(replaced)
        rolled_back(replaced, "cfg_2", later=90)
    assert statuses(replaced) == {"cfg_1": "archived", "cfg_2": "active"}


@pytest.mark.parametrize("status", ["draft", "simulated", "approved", "active"])
def test_only_an_archived_version_can_be_rolled_back_to(ready: AnySession, status: str) -> None:
    with write(ready):
        get_config(ready, "cfg_1").status = status
    refused(ready, "rollback_needs_archived", rolled_back)


def test_an_archived_version_that_was_never_decided_cannot_be_rolled_back_to(ready: AnySession) -> None:
    with write(ready):
        get_config(ready, "cfg_1").status = "archived"
    refused(ready, "decision_missing", rolled_back)


def test_a_rollback_that_no_gate_would_let_through_now_is_refused(replaced: AnySession) -> None:
    with write(replaced):
        replaced.execute(sa.delete(EventCatalog).filter_by(event_type="video_render_completed"))
    refused(replaced, "unit_event_mapping_invalid", rolled_back)

"""The clock is set back or forward between decisions: what is latest is what happened last (spec 2)."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.models.base import AnySession
from app.models.decision_record import DecisionRecord
from app.models.transactions import write
from app.services.billing.patches import patch_of
from app.services.configs.lookup import get_config, latest_completed_run, newest_decision
from app.services.decisions.log import chosen, ordering, outcomes, page_of_decisions
from app.services.decisions.timeline import timeline
from app.services.evidence.activations import first_activation
from tests import factories as f
from tests.services.decided import roll_back

HOUR = 3600
STEPS = pytest.mark.parametrize("step", [-2 * HOUR, 0, 26 * HOUR], ids=["set_back", "right", "set_forward"])


def there_and_back(session: AnySession, step: int) -> None:
    """v1, v2, back to v1; then the clock moves `step` seconds, and after a turn to v2 it is v1 again."""
    with write(session):
        f.approve(session)
        f.simulated(session, "cfg_2", rails=f.RAILS | {"margin_floor": Decimal("0.6")})
        f.approve(session, "cfg_2", later=60)
        roll_back(session, "cfg_1", later=120, decision_id="dec_3")
    with write(session):
        roll_back(session, "cfg_2", later=180 + step, decision_id="dec_4")
        roll_back(session, "cfg_1", later=240 + step, decision_id="dec_5")


@STEPS
def test_the_patch_and_the_decision_of_a_version_are_those_of_its_last_decision(ready: AnySession, step: int) -> None:
    there_and_back(ready, step)
    assert newest_decision(ready, "cfg_1").decision_id == "dec_5"
    patch = patch_of(ready, "cfg_1", now=f.NOW)
    assert patch.billing_patch_id == newest_decision(ready, "cfg_1").billing_patch_id
    assert patch.effective_at == f.NOW + timedelta(seconds=240 + step)


@STEPS
def test_the_log_and_the_timeline_are_in_the_order_of_what_happened(ready: AnySession, step: int) -> None:
    there_and_back(ready, step)
    rows, _ = page_of_decisions(ready, {}, ordering(ready, "newest"), None, 50)
    assert [row.decision_id for row in rows][:3] == ["dec_5", "dec_4", "dec_3"]
    past = timeline(ready, f.SUBJECT).past
    assert [stretch.decision.decision_id for stretch in past][:3] == ["dec_5", "dec_4", "dec_3"]
    assert [stretch.outcome_pill for stretch in past] == ["active", *["rolled_back"] * 3, "archived"]


@STEPS
def test_every_decision_but_the_last_has_ended(ready: AnySession, step: int) -> None:
    there_and_back(ready, step)
    decisions = ready.scalars(chosen({}).order_by(DecisionRecord.place)).all()
    assert outcomes(ready, decisions) == ["archived", *["rolled_back"] * 3, "active"]


@STEPS
def test_the_run_made_last_counts_for_the_gates(ready: AnySession, step: int) -> None:
    config = get_config(ready, "cfg_1")
    f.run(ready, config, "sim_again", created_at=f.NOW + timedelta(seconds=step))
    run = latest_completed_run(ready, "cfg_1")
    assert run is not None
    assert run.simulation_run_id == "sim_again"


@STEPS
def test_a_version_is_enforced_since_its_first_activation(ready: AnySession, step: int) -> None:
    there_and_back(ready, step)
    assert first_activation(ready, get_config(ready, "cfg_1")).since == f.NOW


def test_places_rise_with_each_decision(ready: AnySession) -> None:
    there_and_back(ready, -2 * HOUR)
    places = sa.select(DecisionRecord.decision_id).order_by(DecisionRecord.place)
    assert list(ready.scalars(places))[2:] == ["dec_3", "dec_4", "dec_5"]

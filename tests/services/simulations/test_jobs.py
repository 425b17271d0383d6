"""Simulations beside the request: the row is the state, and every run ends."""

import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import PosixPath

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock
from app.errors import Conflict, Invalid, NotFound
from app.extensions import computing, usage_events
from app.models.base import AnySession, db
from app.models.config_version import ConfigVersion
from app.models.product_event import ProductEvent
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.authoring import config_parts, unit_snapshots, value_units
from app.services.authoring.inputs import ValueUnitInput
from app.services.decisions import activation
from app.services.simulations import jobs, runs
from app.services.simulations.jobs import GIVE_UP_AFTER, UNFINISHED, start, watch
from app.services.usage.store import UsageEvents
from rules.enums import HistoricalWindow
from simulation.canonical import canonical_text
from tests import factories as f
from tests.present import present

MOCKED = runs.Request("cfg_1", HistoricalWindow.MOCKED, f.SEGMENT)


@pytest.fixture
def draft(app: Flask) -> AnySession:
    """A session with a complete production draft, `cfg_1`."""
    f.foundation(db.session)
    f.config(db.session)
    db.session.commit()
    return db.session


def started(session: AnySession, request: runs.Request = MOCKED, events: UsageEvents | None = None) -> SimulationRun:
    return start(session, events or usage_events(), request, computing(), actor=f.OPERATOR, clock=clock.now)


def ended(session: AnySession, run: SimulationRun) -> SimulationRun:
    """The run once it is no longer under way."""
    deadline = time.monotonic() + 30
    while run.status in UNFINISHED:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        session.rollback()
        run = watch(session, run.simulation_run_id, computing(), now=clock.now())
    return run


def unfinished(session: AnySession) -> SimulationRun:
    """A run that was asked for at the fixed time and that no thread computes."""
    with write(session):
        return runs.begin(session, runs.prepare(session, MOCKED), actor=f.OPERATOR, now=f.NOW)


def events_about(run: SimulationRun) -> list[str]:
    about = sa.select(ProductEvent.event_name).filter_by(entity_id=run.simulation_run_id)
    return list(db.session.scalars(about.order_by(ProductEvent.product_event_id)))


def test_a_short_run_is_over_before_the_answer_and_says_what_a_run_in_one_go_says(draft: AnySession) -> None:
    run = ended(draft, started(draft))
    at_once = runs.simulate(draft, usage_events(), MOCKED, actor=f.OPERATOR, now=clock.now())
    for name in ("status", "inputs", "outputs", "dataset", "candidate_content_hash"):
        assert canonical_text(getattr(run, name)) == canonical_text(getattr(at_once, name))
    assert run.status == "completed"
    assert draft.get_one(ConfigVersion, "cfg_1").status == "simulated"
    assert events_about(run) == ["simulation_started", "simulation_completed"]


def test_a_run_that_was_only_asked_for_is_no_evidence(draft: AnySession) -> None:
    run = unfinished(draft)
    assert (run.status, run.outputs, run.completed_at) == ("queued", None, None)
    assert run.inputs["as_of"] is None
    assert draft.get_one(ConfigVersion, "cfg_1").status == "draft"
    with pytest.raises(Conflict) as refusal, write(draft):
        activation.approve(draft, "cfg_1", run.simulation_run_id, f.APPROVAL, actor=f.OPERATOR, now=f.NOW)
    assert refusal.value.code == "simulation_not_completed"


def test_what_the_gate_refuses_is_not_written(draft: AnySession) -> None:
    with write(draft):
        f.config(draft, "cfg_empty", pools=[], exploration={"enabled": False})
    with pytest.raises(Conflict) as refusal:
        started(draft, replace(MOCKED, candidate_config_version_id="cfg_empty"))
    assert [finding.code for finding in refusal.value.findings] == ["config_pools_missing"]
    with pytest.raises(Invalid):
        started(draft, replace(MOCKED, baseline="cfg_none"))
    assert draft.scalars(sa.select(SimulationRun)).all() == []


def test_a_run_that_breaks_fails_with_a_reason_and_leaves_the_draft_alone(draft: AnySession) -> None:
    broken = UsageEvents(usage_events().store, usage_events().demo_file.with_name("nothing.json"))
    run = ended(draft, started(draft, events=broken))
    assert (run.status, run.outputs) == ("failed", None)
    assert runs.failure_reason(draft, run.simulation_run_id) == (
        "The computation stopped with FileNotFoundError; the server's log says more. Simulate again."
    )
    assert draft.get_one(ConfigVersion, "cfg_1").status == "draft"
    assert events_about(run) == ["simulation_started", "simulation_failed"]


def test_amounts_beyond_what_can_be_calculated_are_the_reason(draft: AnySession) -> None:
    economics = {"avg_cost_per_unit_usd": Decimal("1e-12"), "target_price_per_unit_usd": Decimal(9 * 10**13)}
    unit: ValueUnitInput = {"unit_economics": {**present(f.HD_MINUTE["unit_economics"]), **economics}}
    with write(draft):
        value_units.update_value_unit(draft, "vu_hd_minute", unit, actor=f.OPERATOR, now=f.NOW)
        unit_snapshots.submit_snapshot(draft, f.CYCLE, actor=f.OPERATOR, now=f.NOW)
        draft.get_one(ConfigVersion, "cfg_1").value_unit_snapshot_version = 2
    run = ended(draft, started(draft))
    assert run.status == "failed"
    assert runs.failure_reason(draft, run.simulation_run_id) == (
        "cfg_1: 90000000000000 USD are too much for one simulation. Check prices, costs and included quantities, "
        "then simulate again."
    )


def test_whoever_looks_too_late_fails_a_run_that_nobody_computes(draft: AnySession) -> None:
    run_id = unfinished(draft).simulation_run_id
    assert watch(draft, run_id, computing(), now=f.NOW + GIVE_UP_AFTER).status == "queued"
    late = f.NOW + GIVE_UP_AFTER + timedelta(seconds=1)
    run = watch(draft, run_id, computing(), now=late)
    assert (run.status, run.completed_at) == ("failed", late)
    assert "within 10 minutes" in present(runs.failure_reason(draft, run_id))
    assert watch(draft, run_id, computing(), now=late + timedelta(hours=1)).completed_at == late


HOLDS = """
import sys, time
from pathlib import Path
from app.services.simulations import jobs
with jobs._computing(Path(sys.argv[1]), sys.argv[2]):
    print("computing", flush=True)
    time.sleep(60)
"""


def test_a_run_whose_process_was_killed_is_failed_at_the_first_look(draft: AnySession) -> None:
    run_id = unfinished(draft).simulation_run_id
    command = [sys.executable, "-c", HOLDS, str(computing()), run_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert present(process.stdout).readline() == b"computing\n"
        assert watch(draft, run_id, computing(), now=f.NOW).status == "queued"
        process.kill()
    run = watch(draft, run_id, computing(), now=f.NOW)
    assert (run.status, run.completed_at) == ("failed", f.NOW)
    assert "ended before it was done" in present(runs.failure_reason(draft, run_id))
    assert list(computing().iterdir()) == []


def test_a_run_that_was_given_up_stays_failed_when_its_answer_comes_after_all(draft: AnySession) -> None:
    run_id = unfinished(draft).simulation_run_id

    class SlowFile(PosixPath):
        """The demo events, in whose reading so much time goes by that the run is given up."""

        def read_bytes(self) -> bytes:
            watch(db.session, run_id, computing(), now=f.NOW + timedelta(days=1))
            return super().read_bytes()

    slow = UsageEvents(usage_events().store, SlowFile(usage_events().demo_file))
    jobs._compute(draft.get_bind(), slow, MOCKED, run_id, f.OPERATOR, clock.now)
    draft.rollback()
    assert watch(draft, run_id, computing(), now=f.NOW).status == "failed"


def test_the_run_keeps_the_content_that_it_computed_not_the_one_it_was_asked_with(draft: AnySession) -> None:
    run_id = unfinished(draft).simulation_run_id
    with write(draft):
        config_parts.put_rails(
            draft, "cfg_1", f.RAILS | {"monthly_spend_cap_usd": Decimal(700)}, actor=f.OPERATOR, now=f.NOW
        )
    jobs._compute(draft.get_bind(), usage_events(), MOCKED, run_id, f.OPERATOR, clock.now)
    draft.rollback()
    run = watch(draft, run_id, computing(), now=f.NOW)
    assert run.status == "completed"
    assert run.candidate_content_hash == draft.get_one(ConfigVersion, "cfg_1").content_hash


def test_a_run_that_is_not_there_is_named(draft: AnySession) -> None:
    with pytest.raises(NotFound, match="sim_none"):
        watch(draft, "sim_none", computing(), now=f.NOW)

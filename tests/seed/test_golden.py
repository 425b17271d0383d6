"""The numbers that the demo dataset must give, to the last digit (spec 8)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.extensions import usage_events
from app.models.base import AnySession
from app.models.simulation_run import SimulationRun
from app.services.simulations import runs
from rules.enums import HistoricalWindow
from simulation.canonical import canonical_bytes
from simulation.result import Outputs
from tests.present import present

SANDBOX, V1, V2 = (
    "cfg_smb_learning_sandbox_v1",
    "cfg_smb_learning_prod_v1",
    "cfg_smb_learning_prod_v2_candidate",
)
WINDOWS = (HistoricalWindow.DAYS_30, HistoricalWindow.MOCKED)
"""The columnar engine over the workspace's own events, and the reference fold over the bundled ones."""


NOW = datetime(2026, 2, 1, tzinfo=UTC)


def asked(session: AnySession, config_version_id: str, window: HistoricalWindow, **more: Any) -> Outputs:
    request = runs.Request(config_version_id, window, "ai_video_smb", **more)
    return runs.compute(runs.prepare(session, request), usage_events(), NOW).outputs


def headline(outputs: Outputs) -> tuple[Any, ...]:
    amounts = present(outputs.document["economics"]["candidate"])
    return amounts["revenue_usd"], amounts["cost_usd"], amounts["margin"]


def codes(outputs: Outputs) -> set[str]:
    return {risk["code"] for risk in outputs.document["risks"]}


@pytest.mark.parametrize("window", WINDOWS)
def test_the_sandbox_earns_three_dollars_below_its_floor(demo: AnySession, window: HistoricalWindow) -> None:
    outputs = asked(demo, SANDBOX, window, baseline=None)
    assert headline(outputs) == (Decimal("3"), Decimal("1.82"), Decimal("0.393333"))
    assert outputs.document["lens_metrics"]["exploration_depth"] == 2
    assert "margin_floor_violated" in codes(outputs)


@pytest.mark.parametrize("window", WINDOWS)
def test_without_exploration_the_sandbox_costs_two_cents_less(demo: AnySession, window: HistoricalWindow) -> None:
    outputs = asked(demo, SANDBOX, window, baseline=None, include_exploration_in_results=False)
    assert headline(outputs) == (Decimal("3"), Decimal("1.8"), Decimal("0.4"))


@pytest.mark.parametrize("window", WINDOWS)
def test_the_first_production_config_keeps_its_margin_without_risk(demo: AnySession, window: HistoricalWindow) -> None:
    outputs = asked(demo, V1, window, baseline=None)
    assert headline(outputs) == (Decimal("6"), Decimal("1.8"), Decimal("0.7"))
    assert codes(outputs) == set()


@pytest.mark.parametrize("window", WINDOWS)
def test_the_candidate_earns_more_at_a_margin_below_its_floor(demo: AnySession, window: HistoricalWindow) -> None:
    outputs = asked(demo, V2, window)
    assert headline(outputs) == (Decimal("7.8"), Decimal("2.9"), Decimal("0.628205"))
    assert outputs.document["primary_metric_deltas"]["gross_margin"] == Decimal("-0.071795")
    assert "margin_floor_violated" in codes(outputs)


def test_the_stored_runs_say_the_same(demo: AnySession) -> None:
    for run_id, config_version_id in (("sim_sandbox_v1", SANDBOX), ("sim_prod_v1", V1)):
        assert (
            canonical_bytes(present(demo.get_one(SimulationRun, run_id).outputs))
            == asked(demo, config_version_id, HistoricalWindow.MOCKED, baseline=None).canonical
        )

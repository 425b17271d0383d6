"""The three results of spec section 8, to the last digit, by every door: API, command line and the reference fold."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask

from app.cli import avs
from app.extensions import usage_events
from app.models.base import db
from seed.loader import load_seed
from simulation.canonical import JsonObject, parse_exact
from tests.e2e.http import Person

SANDBOX, PROD, CANDIDATE = (
    "cfg_smb_learning_sandbox_v1",
    "cfg_smb_learning_prod_v1",
    "cfg_smb_learning_prod_v2_candidate",
)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
GOLDEN = {
    (SANDBOX, True): ("3.00", "1.82", "0.393333", {"margin_floor_violated", "quality_signal_missing"}),
    (SANDBOX, False): ("3.00", "1.80", "0.4", {"margin_floor_violated", "quality_signal_missing"}),
    (PROD, True): ("6.00", "1.80", "0.7", set()),
    (CANDIDATE, True): ("7.80", "2.90", "0.628205", {"margin_floor_violated"}),
}
WINDOWS = ("mocked", "30")  # the reference fold over the bundled events, the columnar engine over the store


@pytest.fixture
def demo(app: Flask) -> Flask:
    load_seed(db.session, usage_events().store, now=NOW, with_growth=False)
    return app


def by_command_line(demo: Flask, config: str, window: str, exploration: bool) -> JsonObject:
    options = [] if exploration else ["--without-exploration"]
    result = demo.test_cli_runner().invoke(avs, ["simulate", config, "--window", window, "--json", *options])
    assert result.exit_code == 0, result.output
    outputs: JsonObject = parse_exact(result.stdout)["outputs"]
    return outputs


def by_api(demo: Flask, config: str, window: str, exploration: bool) -> JsonObject:
    body = {
        "candidate_config_version_id": config,
        "historical_window_days": window if window == "mocked" else int(window),
        "include_exploration_in_results": exploration,
    }
    outputs: JsonObject = Person(demo.test_client()).post("/api/simulations", body)["outputs"]
    return outputs


def test_every_door_gives_the_golden_numbers_and_the_same_outputs(demo: Flask) -> None:
    for (config, exploration), (revenue, cost, margin, risks) in GOLDEN.items():
        answers = [door(demo, config, window, exploration) for window in WINDOWS for door in (by_command_line, by_api)]
        for outputs in answers:
            candidate = outputs["economics"]["candidate"]
            found = (candidate["revenue_usd"], candidate["cost_usd"], candidate["margin"])
            assert found == (Decimal(revenue), Decimal(cost), Decimal(margin)), config
            assert {risk["code"] for risk in outputs["risks"]} == risks
        assert all(outputs == answers[0] for outputs in answers)


def test_the_candidate_loses_margin_against_the_active_version(demo: Flask) -> None:
    outputs = by_api(demo, CANDIDATE, "mocked", True)
    assert outputs["primary_metric_deltas"]["gross_margin"] == Decimal("-0.071795")


def test_the_sandbox_explores_twice(demo: Flask) -> None:
    outputs = by_api(demo, SANDBOX, "mocked", True)
    assert outputs["lens_metrics"]["exploration_depth"] == 2

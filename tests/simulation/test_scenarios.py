"""Hand-computed scenarios, each through both renderings (spec 4, 8).

A scenario is a JSON file: `description`, `question` (what is asked, configs in canonical shapes), `events`, and
`expected`, which maps JSON pointers into the outputs to values. The clients in every language run the same files
(`clients/scenarios`).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, reduce
from pathlib import Path

import pytest

from simulation.canonical import Json, JsonObject, canonical_text, parse_exact
from simulation.documents import config_plan
from simulation.events import Event, event
from simulation.plan import Plan
from simulation.reference import simulate_reference
from simulation.result import Outputs
from simulation.window import Window
from tests.simulation.worlds import columnar

SCENARIOS = sorted((Path(__file__).parents[2] / "clients" / "scenarios" / "simulation").glob("*.json"))
RENDERINGS: dict[str, Callable[[Plan, Sequence[Event]], Outputs]] = {
    "reference": simulate_reference,
    "columnar": columnar,
}


def plan_of(question: JsonObject) -> Plan:
    return Plan(
        candidate=config_plan(question["candidate"]),
        baseline=None if question["baseline"] is None else config_plan(question["baseline"]),
        window=Window(datetime.fromisoformat(question["window"]["as_of"]), question["window"]["days"]),
        workspace_id=question["workspace_id"],
        segment=question["segment"],
        pricing_mode=question["pricing_mode"],
        include_exploration_in_results=question["include_exploration_in_results"],
        primary_metrics=tuple(question["primary_metrics"]),
        metric_lenses=tuple(question["metric_lenses"]),
    )


def load(path: Path) -> tuple[Plan, list[Event], JsonObject]:
    document = parse_exact(path.read_bytes())
    return plan_of(document["question"]), [event(row) for row in document["events"]], document["expected"]


@cache
def outputs(path: Path, rendering: str) -> Outputs:
    plan, events, _ = load(path)
    return RENDERINGS[rendering](plan, events)


def at(document: Json, pointer: str) -> Json:
    """RFC 6901, without its escapes: no field name needs them."""
    return reduce(lambda value, key: value[int(key) if key.isdigit() else key], pointer.split("/")[1:], document)


@pytest.mark.parametrize("rendering", RENDERINGS)
@pytest.mark.parametrize("path", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_the_outputs_are_those_computed_by_hand(path: Path, rendering: str) -> None:
    expected = load(path)[2]
    found = {pointer: at(outputs(path, rendering).document, pointer) for pointer in expected}
    assert {key: canonical_text(value) for key, value in found.items()} == {
        key: canonical_text(value) for key, value in expected.items()
    }


@pytest.mark.parametrize("path", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_both_renderings_agree_on_every_byte_of_a_scenario(path: Path) -> None:
    assert outputs(path, "columnar").canonical == outputs(path, "reference").canonical

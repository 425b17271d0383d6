"""The shared scenarios of decisions: this client, like the others, answers every step as it is written."""

from pathlib import Path

import pytest

from avs_brain_client.json_text import exact_json
from brain import Brain
from deciding import FILES, answers, scenario_of, written

REASONS = {
    "included", "overage", "overage_throttled", "hard_stop", "usage_threshold", "spend_cap", "absolute_cap",
    "config_stale", "config_expired", "unit_not_in_config", "never_loaded",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_step_is_answered_as_it_is_written(path: Path, brain: Brain) -> None:
    scenario = scenario_of(path)
    for number, (step, answer) in enumerate(zip(scenario["steps"], answers(scenario, brain), strict=True)):
        assert (number, exact_json(answer)) == (number, exact_json(step.get("expect")))


def test_the_files_are_written_one_step_in_a_line() -> None:
    for path in FILES:
        assert path.read_text() == written(scenario_of(path))


def test_every_reason_is_in_some_scenario() -> None:
    told = {
        answer["reason_code"]
        for path in FILES
        for step in scenario_of(path)["steps"]
        if isinstance(answer := step.get("expect"), dict) and "reason_code" in answer
    }
    assert told == REASONS

"""The status table and the stage table of spec section 2."""

import pytest

from rules.enums import ConfigStatus
from rules.lifecycle import can_become, is_editable, stage_defaults

ALLOWED = {
    ("draft", "simulated"),
    ("simulated", "draft"),
    ("simulated", "approved"),
    ("approved", "active"),
    ("approved", "simulated"),
    ("approved", "draft"),
    ("active", "archived"),
    ("archived", "active"),
}


@pytest.mark.parametrize("before", ConfigStatus)
@pytest.mark.parametrize("after", ConfigStatus)
def test_only_the_specified_transitions_are_allowed(before: ConfigStatus, after: ConfigStatus) -> None:
    assert can_become(before, after) is ((before, after) in ALLOWED)
    assert can_become(before.value, after.value) is can_become(before, after)


def test_an_unknown_status_becomes_nothing() -> None:
    assert not can_become("deleted", "active")
    assert not can_become("draft", "deleted")


def test_only_drafts_simulated_and_unsaved_configs_can_be_edited() -> None:
    assert [status.value for status in ConfigStatus if is_editable(status)] == ["draft", "simulated"]
    assert is_editable(None)
    assert not is_editable("deleted")


def test_learning_suggests_core_and_exploration() -> None:
    defaults = stage_defaults("learning")
    assert [pool.label for pool in defaults.pools] == ["Core", "Exploration"]
    assert [pool.is_exploration_pool for pool in defaults.pools] == [False, True]
    assert (defaults.exploration.enabled, defaults.exploration.expires_after_days) == (True, 30)
    assert defaults.exploration.exploration_pool_id == defaults.pools[1].pool_id
    assert thresholds("learning") == [(70, "warn"), (90, "warn"), (100, "throttle")]
    assert defaults.production_confidence == ("rough", "medium", "high")
    assert not defaults.graduation_signal_required


def test_scaling_suggests_core_and_pro_and_demands_more() -> None:
    defaults = stage_defaults("scaling")
    assert [pool.label for pool in defaults.pools] == ["Core", "Pro"]
    assert not defaults.exploration.enabled
    assert thresholds("scaling") == [(70, "warn"), (90, "throttle"), (100, "block")]
    assert defaults.production_confidence == ("medium", "high")
    assert defaults.graduation_signal_required


@pytest.mark.parametrize("stage", [None, "", "growth"])
def test_a_config_without_a_known_stage_gets_what_learning_gets(stage: str | None) -> None:
    assert stage_defaults(stage) == stage_defaults("learning")


def thresholds(stage: str) -> list[tuple[object, str | None]]:
    return [(item.percent, item.action) for item in stage_defaults(stage).usage_thresholds]

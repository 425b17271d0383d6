"""Decisions: what `check` says in every situation that a config can describe."""

from decimal import Decimal
from typing import Any

import pytest

from avs_brain_client import Client, Decision
from brain import Brain
from conftest import Connect
from documents import STAGE_THRESHOLDS, UNIT, document, pool, rails


@pytest.fixture
def enforcing(brain: Brain, connect: Connect) -> Any:
    def client(**config: Any) -> Client:
        brain.activate(document(**config))
        found = connect()
        found.refresh()
        return found

    return client


def test_within_the_allowance_everything_is_included(enforcing: Any) -> None:
    client = enforcing()
    assert client.check("c", UNIT) == Decision(True, None, "included", "pool_core", Decimal(10), None, "cfg_1")


def test_a_decision_says_what_is_left_after_use_was_recorded(enforcing: Any) -> None:
    client = enforcing()
    client.record("c", UNIT, Decimal("2.5"))
    assert client.check("c", UNIT).remaining == Decimal("7.5")
    assert client.check("somebody else", UNIT).remaining == 10


@pytest.mark.parametrize(
    ("behavior", "allow", "action", "reason"),
    [
        ("allow_overage", True, None, "overage"),
        ("throttle", True, "throttle", "overage_throttled"),
        ("hard_stop", False, "block", "hard_stop"),
    ],
)
def test_each_overage_behavior_is_enforced_beyond_the_allowance(
    enforcing: Any, behavior: str, allow: bool, action: str | None, reason: str
) -> None:
    client = enforcing(pools=[pool(behavior=behavior)])
    client.record("c", UNIT, 8)
    assert client.check("c", UNIT, 2).reason_code == "included"
    found = client.check("c", UNIT, 3)
    assert (found.allow, found.action, found.reason_code) == (allow, action, reason)


@pytest.mark.parametrize("action", ["warn", "throttle", "degrade_quality"])
def test_a_soft_threshold_acts_from_its_percentage_on(enforcing: Any, action: str) -> None:
    client = enforcing(rails=rails(usage_thresholds=[{"percent": 70, "action": action}]))
    client.record("c", UNIT, 5)
    assert client.check("c", UNIT, 1).action is None
    found = client.check("c", UNIT, 2)
    assert (found.allow, found.action, found.reason_code, found.threshold) == (True, action, "usage_threshold", 70)


@pytest.mark.parametrize("action", ["block", "require_approval"])
def test_a_refusing_threshold_lets_its_percentage_be_used_and_nothing_beyond(enforcing: Any, action: str) -> None:
    client = enforcing(rails=rails(usage_thresholds=[{"percent": 90, "action": action}]))
    client.record("c", UNIT, 8)
    assert client.check("c", UNIT, 1).allow
    found = client.check("c", UNIT, 2)
    assert (found.allow, found.action, found.reason_code, found.threshold) == (False, action, "usage_threshold", 90)


def test_the_highest_threshold_reached_is_the_one_that_is_told(enforcing: Any) -> None:
    client = enforcing(rails=rails(usage_thresholds=STAGE_THRESHOLDS))
    told = [(client.check("c", UNIT, n).action, client.check("c", UNIT, n).threshold) for n in (6, 7, 9, 10, 11)]
    assert told == [(None, None), ("warn", 70), ("throttle", 90), ("throttle", 90), ("block", 100)]


def test_the_spend_cap_judges_what_would_be_billed(enforcing: Any) -> None:
    client = enforcing(rails=rails(monthly_spend_cap_usd=5, at_cap_action="block"))
    client.record("c", UNIT, 14)
    assert client.check("c", UNIT, 1).reason_code == "overage"
    found = client.check("c", UNIT, 2)
    assert (found.allow, found.reason_code) == (False, "spend_cap")


def test_an_absolute_cap_holds_whatever_the_pools_have(enforcing: Any) -> None:
    client = enforcing(rails=rails(absolute_usage_caps=[{"value_unit_id": UNIT, "max_quantity": 4}]))
    assert client.check("c", UNIT, 4).allow
    assert client.check("c", UNIT, 5).reason_code == "absolute_cap"


def test_an_approval_lets_a_customer_go_on_until_the_period_ends(enforcing: Any, clock: Any, brain: Brain) -> None:
    client = enforcing(rails=rails(usage_thresholds=[{"percent": 100, "action": "require_approval"}]))
    client.record("c", UNIT, 10)
    assert not client.check("c", UNIT).allow
    client.approve("c", UNIT, approved_by="Theresa")
    assert client.check("c", UNIT).reason_code == "overage"
    clock.pass_seconds(30 * 86_400)
    client.record("c", UNIT, 10)
    assert not client.check("c", UNIT).allow
    client.flush()
    assert "override_approved" in [event["event_type"] for event in brain.events.values()]


def test_a_unit_outside_the_config_is_let_through_and_named(enforcing: Any) -> None:
    assert enforcing().check("c", "vu_other").reason_code == "unit_not_in_config"


def test_a_new_period_begins_with_a_full_allowance(enforcing: Any, clock: Any) -> None:
    client = enforcing(pools=[pool(behavior="hard_stop")])
    client.record("c", UNIT, 10)
    assert not client.check("c", UNIT).allow
    clock.pass_seconds(30 * 86_400)
    assert client.check("c", UNIT).remaining == 10


@pytest.mark.parametrize("quantity", [0.1, -1, True, "1", Decimal("NaN"), Decimal("-1e-13"), 10**14])
def test_a_quantity_that_is_not_exact_is_refused(enforcing: Any, quantity: Any) -> None:
    client = enforcing()
    client.check("c", UNIT)
    with pytest.raises(ValueError, match="quantity"):
        client.check("c", UNIT, quantity)
    with pytest.raises(ValueError, match="quantity"):
        client.record("c", UNIT, quantity)


def test_the_quick_answer_is_the_considered_one(enforcing: Any) -> None:
    client = enforcing(rails=rails(usage_thresholds=STAGE_THRESHOLDS, monthly_spend_cap_usd=3, at_cap_action="warn"))
    for used in range(0, 16):
        for quantity in (*range(16), *range(15, -1, -1)):
            quick = client.check("c", UNIT, quantity)
            assert quick == client.check("c", UNIT, Decimal(quantity)), (used, quantity)
        client.record("c", UNIT, 1)


def test_without_any_config_the_app_says_whether_to_go_on(connect: Connect) -> None:
    assert connect().check("c", UNIT).allow
    refused = connect(without_config="closed").check("c", UNIT)
    assert (refused.allow, refused.reason_code, refused.config_version_id) == (False, "never_loaded", None)

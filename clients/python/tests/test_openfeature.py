"""Pools and rails as OpenFeature flags, through the real SDK."""

from collections.abc import Iterator, Mapping

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode

from avs_brain_client import Client
from avs_brain_client.openfeature import AvsProvider
from brain import Brain
from conftest import Connect, SetClock
from documents import STAGE_THRESHOLDS, UNIT, document, pool, rails

CUSTOMER = EvaluationContext(targeting_key="c")


@pytest.fixture
def client(brain: Brain, connect: Connect) -> Client:
    limits = rails(usage_thresholds=STAGE_THRESHOLDS[:2], monthly_spend_cap_usd=2, at_cap_action="block")
    brain.activate(document(pools=[pool(behavior="allow_overage")], rails=limits))
    found = connect()
    found.refresh()
    return found


@pytest.fixture
def flags(client: Client) -> Iterator[OpenFeatureClient]:
    api.set_provider(AvsProvider(client), domain="avs")
    yield api.get_client("avs")
    api.clear_providers()


def test_a_unit_is_a_flag_of_every_type(flags: OpenFeatureClient, client: Client) -> None:
    client.record("c", UNIT, 9)
    key = f"unit.{UNIT}"
    assert flags.get_boolean_value(key, False, CUSTOMER)
    assert flags.get_string_value(key, "", CUSTOMER) == "throttle"
    assert flags.get_integer_value(key, -1, CUSTOMER) == 1
    assert flags.get_float_value(key, -1.0, CUSTOMER) == 1.0
    value = flags.get_object_value(key, {}, CUSTOMER)
    assert isinstance(value, Mapping)
    assert value["reason_code"] == "usage_threshold"


def test_a_unit_flag_decides_about_the_quantity_in_the_context(flags: OpenFeatureClient) -> None:
    asked = EvaluationContext(targeting_key="c", attributes={"quantity": 13})
    assert flags.get_boolean_value(f"unit.{UNIT}", True, asked) is False


def test_a_pool_is_a_flag(flags: OpenFeatureClient, client: Client) -> None:
    assert flags.get_boolean_value("pool.pool_core", False, CUSTOMER)
    client.record("c", UNIT, 10)
    assert not flags.get_boolean_value("pool.pool_core", True, CUSTOMER)
    assert flags.get_integer_value("pool.pool_core", -1, CUSTOMER) == 0
    assert flags.get_object_value("pool.pool_core", {}, CUSTOMER) == {
        "available": "10",
        "drawn": "10",
        "remaining": "0",
    }


def test_rails_are_flags(flags: OpenFeatureClient, client: Client) -> None:
    assert flags.get_boolean_value("rail.usage_thresholds", False, CUSTOMER)
    client.record("c", UNIT, 13)
    assert flags.get_float_value("rail.usage_thresholds", 0.0, CUSTOMER) == 90.0
    assert flags.get_string_value("rail.usage_thresholds", "", CUSTOMER) == "throttle"
    assert flags.get_string_value("rail.monthly_spend_cap_usd", "", CUSTOMER) == "block"
    assert not flags.get_boolean_value("rail.monthly_spend_cap_usd", True, CUSTOMER)


def test_an_aging_config_says_so_in_the_reason(flags: OpenFeatureClient, clock: SetClock) -> None:
    assert flags.get_boolean_details(f"unit.{UNIT}", False, CUSTOMER).reason == "TARGETING_MATCH"
    clock.pass_seconds(300)
    assert flags.get_boolean_details(f"unit.{UNIT}", False, CUSTOMER).reason == "STALE"


@pytest.mark.parametrize(
    ("key", "context", "code"),
    [
        ("pool.other", CUSTOMER, ErrorCode.FLAG_NOT_FOUND),
        ("nonsense", CUSTOMER, ErrorCode.FLAG_NOT_FOUND),
        (f"unit.{UNIT}", EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        (
            f"unit.{UNIT}",
            EvaluationContext(targeting_key="c", attributes={"quantity": 1.5}),
            ErrorCode.INVALID_CONTEXT,
        ),
    ],
)
def test_what_cannot_be_answered_gives_the_default_and_says_why(
    flags: OpenFeatureClient, key: str, context: EvaluationContext, code: ErrorCode
) -> None:
    found = flags.get_boolean_details(key, True, context)
    assert (found.value, found.error_code) == (True, code)


def test_a_unit_outside_the_config_has_no_number(flags: OpenFeatureClient) -> None:
    assert flags.get_integer_details("unit.vu_other", 7, CUSTOMER).error_code == ErrorCode.TYPE_MISMATCH


def test_before_the_first_config_pools_are_not_ready(connect: Connect) -> None:
    api.set_provider(AvsProvider(connect()), domain="empty")
    found = api.get_client("empty").get_boolean_details("pool.pool_core", True, CUSTOMER)
    assert found.error_code == ErrorCode.PROVIDER_NOT_READY
    api.clear_providers()

"""Pools and rails as OpenFeature flags, through the real SDK."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails

from avs_brain_client import Client, Clock
from avs_brain_client.openfeature import AvsProvider
from brain import Brain
from conftest import Connect, SetClock
from documents import STAGE_THRESHOLDS, UNIT, document, pool, rails, unit
from waiting import eventually

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
    api.set_provider_and_wait(AvsProvider(client), domain="avs")
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


@pytest.mark.parametrize("key", ["unit.vu_other", "pool.other", "rail.other", "rail.absolute_usage_caps", "other"])
def test_what_the_config_does_not_have_is_not_found_and_the_default_holds(flags: OpenFeatureClient, key: str) -> None:
    for default in (True, False):
        found = flags.get_boolean_details(key, default, CUSTOMER)
        assert (found.value, found.error_code) == (default, ErrorCode.FLAG_NOT_FOUND)


def test_a_unit_without_a_pool_has_no_number(brain: Brain, client: Client, flags: OpenFeatureClient) -> None:
    brain.activate(document("cfg_2", units=[unit(), unit("vu_free")], sequence=2))
    client.refresh()
    assert flags.get_boolean_value("unit.vu_free", False, CUSTOMER)
    assert flags.get_integer_details("unit.vu_free", 7, CUSTOMER).error_code == ErrorCode.TYPE_MISMATCH


def test_a_decision_says_why_in_its_variant_and_metadata(flags: OpenFeatureClient, client: Client) -> None:
    client.record("c", UNIT, 9)
    found = flags.get_boolean_details(f"unit.{UNIT}", False, CUSTOMER)
    assert found.variant == "throttle"
    assert found.flag_metadata == {
        "reason_code": "usage_threshold",
        "threshold": "90",
        "remaining": "1",
        "config_version_id": "cfg_1",
    }


def test_pools_and_rails_say_which_version_they_are_of(flags: OpenFeatureClient, client: Client) -> None:
    client.record("c", UNIT, 13)
    for key, variant in (("pool.pool_core", "empty"), ("rail.usage_thresholds", "throttle")):
        found = flags.get_boolean_details(key, True, CUSTOMER)
        assert (found.variant, found.flag_metadata["config_version_id"]) == (variant, "cfg_1")


@pytest.fixture
def told() -> Iterator[list[ProviderEvent]]:
    """What the SDK tells the app, in order."""
    events: list[ProviderEvent] = []
    handlers = {event: partial(lambda event, _: events.append(event), event) for event in ProviderEvent}
    for event, handler in handlers.items():
        api.add_handler(event, handler)
    events.clear()
    yield events
    api.clear_providers()


def test_a_provider_is_ready_when_it_has_a_config(brain: Brain, connect: Connect, told: list[ProviderEvent]) -> None:
    client = connect(mode="poll", poll_seconds=0.05, clock=Clock())
    api.set_provider(AvsProvider(client, ready_seconds=60), domain="slow")
    flags = api.get_client("slow")
    for default in (True, False):
        found = flags.get_boolean_details(f"unit.{UNIT}", default, CUSTOMER)
        assert (found.value, found.error_code) == (default, ErrorCode.PROVIDER_NOT_READY)
    brain.activate(document())
    eventually(lambda: flags.get_provider_status() == ProviderStatus.READY)
    eventually(lambda: ProviderEvent.PROVIDER_READY in told)
    assert flags.get_boolean_value(f"unit.{UNIT}", False, CUSTOMER)
    api.clear_providers()


def test_a_provider_without_a_config_in_time_is_in_error_until_one_arrives(brain: Brain, connect: Connect) -> None:
    client = connect(mode="poll", poll_seconds=0.05, clock=Clock())
    with pytest.raises(ProviderNotReadyError):
        api.set_provider_and_wait(AvsProvider(client, ready_seconds=0.01), domain="late")
    flags = api.get_client("late")
    assert flags.get_provider_status() == ProviderStatus.ERROR
    assert flags.get_boolean_details(f"unit.{UNIT}", False, CUSTOMER).error_code == ErrorCode.PROVIDER_NOT_READY
    brain.activate(document())
    eventually(lambda: flags.get_provider_status() == ProviderStatus.READY)
    assert flags.get_boolean_value(f"unit.{UNIT}", False, CUSTOMER)
    api.clear_providers()


def test_an_app_hears_of_another_version(
    brain: Brain, client: Client, flags: OpenFeatureClient, told: list[ProviderEvent]
) -> None:
    brain.activate(document("cfg_2", sequence=2))
    client.refresh()
    eventually(lambda: told.count(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED) == 1)


def test_a_config_that_ages_makes_the_provider_stale_then_an_error_then_ready_again(
    brain: Brain, connect: Connect, clock: SetClock, told: list[ProviderEvent]
) -> None:
    brain.activate(document(max_staleness_seconds=1000))
    client = connect(flush_seconds=0.01)
    client.refresh()
    api.set_provider_and_wait(AvsProvider(client), domain="aging")
    flags = api.get_client("aging")
    clock.pass_seconds(300)
    eventually(lambda: flags.get_provider_status() == ProviderStatus.STALE)
    assert flags.get_boolean_value(f"unit.{UNIT}", False, CUSTOMER)
    clock.pass_seconds(1000)
    eventually(lambda: flags.get_provider_status() == ProviderStatus.ERROR)
    client.refresh()
    eventually(lambda: flags.get_provider_status() == ProviderStatus.READY)
    eventually(lambda: {ProviderEvent.PROVIDER_STALE, ProviderEvent.PROVIDER_ERROR} <= set(told))
    api.clear_providers()


def test_tracking_a_unit_records_it_once_per_event_id(flags: OpenFeatureClient, client: Client) -> None:
    for _ in range(2):
        flags.track(f"unit.{UNIT}", CUSTOMER, TrackingEventDetails(2.5, {"event_id": "render_1"}))
    flags.track(f"unit.{UNIT}", CUSTOMER)
    assert client.usage("c").units[UNIT].used == Decimal("3.5")


def test_tracking_anything_else_is_a_usage_event(flags: OpenFeatureClient, client: Client) -> None:
    flags.track("render", CUSTOMER, TrackingEventDetails(attributes={"minutes": 4}))
    assert client.usage("c").units[UNIT].used == 4


def test_shutting_down_closes_the_client_and_a_new_start_opens_it(client: Client, flags: OpenFeatureClient) -> None:
    running = [client._background.running]
    api.shutdown()
    running.append(client._background.running)
    api.set_provider_and_wait(AvsProvider(client), domain="again")
    running.append(client._background.running)
    api.clear_providers()
    assert running == [True, False, True]

"""Customers are called what their systems call them; the client knows what AVS Brain takes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.ids import is_given_id as reference

from avs_brain_client import Client
from avs_brain_client.ids import is_given_id
from brain import Brain
from conftest import Connect
from documents import UNIT, document


@pytest.mark.parametrize("text", ["auth0|64fe1b2c", "Acme Inc", "Café", "a/b?c", "x" * 200])
def test_any_customer_can_be_reported_on(text: str) -> None:
    assert is_given_id(text)


@given(
    st.text(st.characters(), max_size=6)
    | st.sampled_from(["x" * 200, "x" * 201, "\ud800", "a\x7f", "a\nb", "", "\u202ea", "\x85", "a\u2028"])
)
def test_the_client_takes_the_ids_that_avs_brain_takes(text: str) -> None:
    assert is_given_id(text) == reference(text)


CALLS: dict[str, Callable[[Client, str], object]] = {
    "check": lambda client, customer: client.check(customer, UNIT),
    "record": lambda client, customer: client.record(customer, UNIT),
    "record_event": lambda client, customer: client.record_event({"event_type": "x", "customer_id": customer}),
    "reserve": lambda client, customer: client.reserve(customer, UNIT),
    "usage": lambda client, customer: client.usage(customer),
    "approve": lambda client, customer: client.approve(customer, UNIT, approved_by="Ada"),
    "quality_failed": lambda client, customer: client.quality_failed(customer, UNIT, "csat", 1),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("customer_id", ["", "a\nb", "x" * 201, "\ud800"], ids=["empty", "control", "long", "half"])
def test_no_call_takes_a_customer_whom_avs_brain_would_not_take(
    brain: Brain, connect: Connect, call: str, customer_id: str
) -> None:
    brain.activate(document())
    client = connect()
    client.refresh()
    client.check("c", UNIT)
    with pytest.raises(ValueError, match="customer_id is"):
        CALLS[call](client, customer_id)
    assert client.flush() == 0

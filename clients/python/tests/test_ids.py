"""Customers are called what their systems call them; the client knows what AVS Brain takes."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.ids import is_given_id as reference

from avs_brain_client.document import Subject
from avs_brain_client.events import EventQueue
from avs_brain_client.ids import is_given_id
from avs_brain_client.reporting import Reporter


@pytest.mark.parametrize("text", ["auth0|64fe1b2c", "Acme Inc", "Café", "a/b?c", "x" * 200])
def test_any_customer_can_be_reported_on(text: str) -> None:
    assert is_given_id(text)


@given(
    st.text(st.characters(), max_size=6)
    | st.sampled_from(["x" * 200, "x" * 201, "\ud800", "a\x7f", "a\nb", "", "\u202ea", "\x85", "a\u2028"])
)
def test_the_client_takes_the_ids_that_avs_brain_takes(text: str) -> None:
    assert is_given_id(text) == reference(text)


def test_a_customer_that_avs_brain_refuses_is_said_once_before_anything_is_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reporter = Reporter(EventQueue(), Subject("ws_1", "smb", "learning", "sandbox"), "ledger")
    with caplog.at_level(logging.WARNING, "avs_brain_client"):
        for customer_id in ("a\nb", "a\nb", "auth0|64fe"):
            reporter.check_customer(customer_id)
    assert [record.getMessage() for record in caplog.records] == [
        "AVS Brain refuses enforcement events about customer 'a\\nb': a customer_id has 1 to 200 characters and no "
        "control or direction characters. Its use is counted all the same."
    ]

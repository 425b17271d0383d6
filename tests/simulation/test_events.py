"""Events: how dimensions are kept, and which copy of an event_id counts (spec 4.1)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.events import deduplicated, event

BASE = {
    "event_id": "evt_1",
    "ts": "2026-01-02T09:00:00Z",
    "event_type": "render",
    "workspace_id": "ws_1",
    "customer_id": "cust_1",
    "segment": "smb",
}


def test_dimensions_are_kept_as_text_and_numbers_in_canonical_notation() -> None:
    found = event({**BASE, "a": "HD", "b": Decimal("4.50"), "c": True, "d": None, "e": 7})
    assert found.dimensions == {"a": "HD", "b": "4.5", "c": "true", "e": "7"}
    assert found.ts == datetime(2026, 1, 2, 9, tzinfo=UTC)


def test_base_fields_can_be_named_like_dimensions_but_are_never_numbers() -> None:
    found = event({**BASE, "customer_id": "42"})
    assert (found.text("workspace_id"), found.text("customer_id"), found.text("segment")) == ("ws_1", "42", "smb")
    assert found.number("customer_id") is None
    assert found.text("event_id") is None


@pytest.mark.parametrize("value", [{"nested": 1}, ["list"], 0.5])
def test_nested_values_and_binary_floats_are_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        event({**BASE, "a": value})


@given(st.permutations([{"ts": "2026-01-03T00:00:00Z"}, {"a": "x"}, {}, {"b": "0"}, {"customer_id": "cust_0"}, {}]))
def test_of_the_rows_with_one_event_id_the_least_counts_in_any_order(changes: list[dict[str, Any]]) -> None:
    rows = [event({**BASE, **change}) for change in changes]
    assert deduplicated(rows) == [event({**BASE, "customer_id": "cust_0"})]

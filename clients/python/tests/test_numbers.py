"""Exact numbers: nothing is rounded, and what cannot be kept exactly is refused."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation.canonical import number_text as reference_text
from simulation.numbers import exact_number as reference_number

from avs_brain_client.document import Meter, Subject
from avs_brain_client.json_text import exact_json, number_text, parse_exact
from avs_brain_client.metering import adds_nothing, exact_number, quantity, usage_event
from avs_brain_client.numbers import LIMIT, scaled, unscaled, used

SUBJECT = Subject("ws_1", "smb", "learning", "sandbox")
MINUTES = Meter("render", (), "sum", "minutes")

KEPT = st.one_of(
    st.integers(1 - LIMIT, LIMIT - 1),
    st.decimals(-LIMIT + 1, LIMIT - 1, places=12),
    st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**9), 10**9), st.integers(0, 12)),
)


@given(KEPT)
def test_what_is_kept_comes_back_the_same(value: int | Decimal) -> None:
    assert unscaled(scaled(value, "value")) == value


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        True,
        None,
        "1",
        LIMIT,
        -LIMIT,
        Decimal("1E+14"),
        Decimal("1E-13"),
        Decimal("1E-999999"),
        Decimal("Infinity"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match=r"^minutes"):
        scaled(value, "minutes")


def test_a_digit_far_behind_the_point_is_not_overlooked() -> None:
    with pytest.raises(ValueError, match="12 decimal places"):
        scaled(Decimal("1." + "0" * 300 + "1"), "value")


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_as_avs_brain_writes_them(value: Decimal) -> None:
    assert number_text(value) == reference_text(value)


DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


@given(st.one_of(st.text(alphabet="0123456789.-eE+", max_size=8), KEPT.map(str), DOUBLES.map(repr)))
def test_texts_are_numbers_where_they_are_for_avs_brain(text: str) -> None:
    assert exact_number(text) == reference_number(text)


@given(DOUBLES)
def test_a_double_is_metered_as_avs_brain_meters_it_however_it_is_written(value: float) -> None:
    for dimension in (
        value,
        repr(value),
        json.dumps(value),
        Decimal(repr(value)),
        reference_text(Decimal(repr(value))),
    ):
        event = usage_event({"event_type": "render", "customer_id": "c", "minutes": dimension}, SUBJECT, 0)
        added = unscaled(quantity(MINUTES, event))
        expected = reference_number(reference_text(Decimal(repr(value))))
        assert added == (expected or 0)
        assert (adds_nothing(MINUTES, event) is None) == (expected is not None)
        if abs(value) < LIMIT:
            assert abs(added - Decimal(repr(value))) <= Decimal("5e-13")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1]])
def test_what_is_no_dimension_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match=r"^minutes is"):
        usage_event({"event_type": "render", "customer_id": "c", "minutes": value}, SUBJECT, 0)


@pytest.mark.parametrize(
    ("dimensions", "reason"),
    [({"minutes": "3,5"}, "minutes is '3,5'"), ({"minutes": 10**20}, "no number below 10^14"), ({}, "is missing")],
)
def test_an_event_that_adds_nothing_to_a_sum_says_why(dimensions: dict[str, object], reason: str) -> None:
    event = usage_event({"event_type": "render", "customer_id": "c"} | dimensions, SUBJECT, 0)
    assert reason in (adds_nothing(MINUTES, event) or "")
    assert adds_nothing(replace(MINUTES, aggregation="count"), event) is None


@given(st.decimals(0, LIMIT - 1, allow_nan=False))
def test_a_reported_quantity_is_read_to_twelve_places(value: Decimal) -> None:
    assert abs(unscaled(used(value, "quantity")) - value) <= Decimal("5e-13")


@given(
    st.recursive(
        KEPT | st.text() | st.none() | st.booleans(), lambda some: st.lists(some) | st.dictionaries(st.text(), some)
    )
)
def test_json_comes_back_as_it_was(value: object) -> None:
    assert parse_exact(exact_json(value)) == value


def test_json_takes_no_floats() -> None:
    with pytest.raises(TypeError, match="float"):
        exact_json({"a": [0.5]})

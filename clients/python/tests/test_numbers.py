"""Exact numbers: nothing is rounded, and what cannot be kept exactly is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation.canonical import number_text as reference_text
from simulation.numbers import exact_number as reference_number

from avs_client.json_text import exact_json, number_text, parse_exact
from avs_client.metering import exact_number
from avs_client.numbers import LIMIT, scaled, unscaled

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


@given(st.one_of(st.text(alphabet="0123456789.-eE+", max_size=8), KEPT.map(str)))
def test_texts_are_numbers_where_they_are_for_avs_brain(text: str) -> None:
    assert exact_number(text) == reference_number(text)


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

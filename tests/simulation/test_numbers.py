"""Exactness: what counts as a number, and that nothing rounds before it is written (spec 4.1)."""

import json
from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.canonical import number_text
from simulation.numbers import at_least_zero, decimal_places, exact, exact_number, rounded, total


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", "4"),
        ("-0.5", "-0.5"),
        ("1.5e-7", "0.00000015"),
        ("1E+3", "1000"),
        ("99999999999999.999999999999", "99999999999999.999999999999"),
        ("1.0000000000000", "1"),
        ("0.30000000000000004", "0.3"),
        ("2.5500000000000002e-05", "0.0000255"),
        ("1e-13", "0"),
        ("-0.0000000000015", "-0.000000000002"),
        ("0.0000000000025", "0.000000000002"),
        ("9999999999999.9999999999999", "10000000000000"),
    ],
)
def test_json_numbers_are_read_to_twelve_places_half_even(text: str, value: str) -> None:
    assert exact_number(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["", "many", "007", "+1", ".5", "1.", "1e", "NaN", "Infinity", " 1", "1\n", "100000000000000", "1e1000", "٣"],
)
def test_everything_else_is_text(text: str) -> None:
    assert exact_number(text) is None


def test_a_number_that_rounding_would_bring_to_the_limit_is_none() -> None:
    assert exact_number("99999999999999.9999999999999") is None


@pytest.mark.parametrize("write", [repr, json.dumps, lambda value: number_text(Decimal(repr(value)))])
@given(value=st.floats(-(10.0**14), 10.0**14, exclude_min=True, exclude_max=True))
def test_any_double_below_the_limit_is_read_within_half_of_the_last_place(
    write: Callable[[float], str], value: float
) -> None:
    number = exact_number(write(value))
    assert number is not None
    assert abs(number - Decimal(write(value))) <= Decimal("5e-13")


@given(st.decimals(-(10**14) + 1, 10**14 - 1, places=12))
def test_a_number_survives_the_text_that_the_store_keeps(value: Decimal) -> None:
    assert exact_number(number_text(value)) == value


@pytest.mark.parametrize(("value", "places"), [("0", 0), ("0E-12", 0), ("1500", 0), ("0.250", 2), ("1E-12", 12)])
def test_decimal_places_are_those_that_the_value_needs(value: str, places: int) -> None:
    assert decimal_places(Decimal(value)) == places


def test_sums_keep_every_digit_whatever_the_context_of_the_caller() -> None:
    with localcontext() as context:
        context.prec = 5
        assert total([Decimal("99999999999999"), Decimal("0.000000000001")]) == Decimal("99999999999999.000000000001")


@pytest.mark.parametrize(
    ("value", "expected"), [("0.0000005", "0"), ("0.0000015", "0.000002"), ("-0.0000025", "-0.000002")]
)
def test_outputs_are_rounded_half_even_to_six_places(value: str, expected: str) -> None:
    assert rounded(Decimal(value)) == Decimal(expected)


@pytest.mark.parametrize("value", [0.5, True, "1", None, Decimal("NaN"), Decimal("1e14"), Decimal("1e-13")])
def test_a_plan_refuses_what_is_no_exact_number_in_range_and_names_it(value: object) -> None:
    with pytest.raises(ValueError, match=r"^price "):
        exact(value, "price")


def test_prices_and_quantities_are_not_negative() -> None:
    with pytest.raises(ValueError, match=r"pool\.included_quantity is -1"):
        at_least_zero(-1, "pool.included_quantity")

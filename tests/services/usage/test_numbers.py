"""Texts and the exact numbers that they mean: the columnar rendering against the reference."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.services.usage.numbers import column_texts, decimal_texts, float_texts, number_column, value_text
from simulation.numbers import exact_number

number_like = st.one_of(
    st.from_regex(r"-?[0-9]{1,16}(\.[0-9]{1,14})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["", " 1", "+1", ".5", "1.", "01", "1_000", "NaN", "Infinity", "-0", "1e-12", "1e-13", "1\n", "٣"]),
    st.text(max_size=4),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?[0-9]{1,15}\.[0-9]{10,26}", fullmatch=True),
)


@settings(deadline=None)
@given(st.lists(st.none() | number_like))
@example(["1.5000000000000", "99999999999999.999999999999", "100000000000000", "1e2", "0e999"])
@example(["0.30000000000000004", "2.5500000000000002e-05", "9999999999999.9999999999999", None])
@example(["99999999999999.9999999999999", "0.0000000000005", "0.0000000000015", "-0.00000000000250"])
def test_the_column_has_the_number_of_each_text_by_the_reference(texts: list[str | None]) -> None:
    column = number_column(pa.array(texts, pa.string()))
    expected = [None if text is None else exact_number(text) for text in texts]
    assert (column is None) == all(number is None for number in expected)
    assert column is None or column.to_pylist() == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("HD", "HD"),
        (True, "true"),
        (False, "false"),
        (None, None),
        (7, "7"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-7, "1e-7"),
        (1e16, "10000000000000000"),
        (Decimal("0.0000025"), "0.0000025"),
        (10**22, "1e+22"),
    ],
)
def test_json_values_have_one_text_each(value: object, text: str | None) -> None:
    assert value_text(value) == text


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(), st.booleans(), st.text(max_size=3))) | st.lists(st.integers()))
def test_a_column_of_values_has_the_texts_of_its_values(values: list[object]) -> None:
    column = column_texts(values)
    assert column is None or column.to_pylist() == [value_text(value) for value in values]


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_a_column_of_floats_has_the_texts_of_its_floats(values: list[float]) -> None:
    assert float_texts(pa.array(values, pa.float64())).to_pylist() == [value_text(value) for value in values]


def test_decimals_lose_the_scale_of_their_column() -> None:
    column = pa.array([Decimal("1.500"), Decimal("0.000"), None, Decimal("-12.000")])
    assert decimal_texts(column).to_pylist() == ["1.5", "0", None, "-12"]

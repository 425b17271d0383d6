"""What people write where a number is expected, and what the product makes of it: read, or named, never guessed."""

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.usage.notation import ANOTHER_WAY, FIXES, NOTATIONS, DecimalSign, kind_of, read_value
from simulation.numbers import exact_number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("3.5", None),
        ("0.30000000000000004", None),
        ("1e-300", None),
        ("3,5", "decimal_comma"),
        ("0,180", "decimal_comma"),
        ("1.234,5", "decimal_comma"),
        ("1 234,5", "decimal_comma"),
        ("1,234", "number_ambiguous"),
        ("-1,234", "number_ambiguous"),
        ("1,234.5", "thousands_separator"),
        ("12,345,678", "thousands_separator"),
        ("1.234.567", "thousands_separator"),
        ("1 234", "thousands_separator"),
        ("1'234", "thousands_separator"),
        ("$5", "number_with_unit"),
        ("12 ms", "number_with_unit"),
        ("5%", "number_with_unit"),
        ("1e20", "number_out_of_range"),
        ("1e1000", "number_out_of_range"),
        ("n/a", "value_not_a_number"),
        ("1,2,3", "value_not_a_number"),
        ("007", "value_not_a_number"),
        ("", "value_not_a_number"),
    ],
)
def test_each_way_of_writing_has_its_code_and_each_code_its_fix(text: str, code: str | None) -> None:
    assert kind_of(text) == code
    assert code is None or FIXES[code]


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("3,5", "3,5", "3.5"),
        ("1.234,5", "1.234,5", "1234.5"),
        ("1,234.5", "1234.5", "1,234.5"),
        ("1,234", "1234", "1.234"),
        ("1.234", "1.234", "1234"),
        ("1 234", "1234", "1234"),
        ("-0,180", "-0,180", "-0.180"),
        ("HD", "HD", "HD"),
    ],
)
def test_a_text_is_read_by_the_sign_that_was_said(text: str, point: str, comma: str) -> None:
    assert [read_value(text, sign) for sign in DecimalSign] == [point, comma]
    assert read_value(7, DecimalSign.COMMA) == 7


@given(st.from_regex(r"[+-]?[0-9.,' ]{1,10}", fullmatch=True) | st.text(max_size=5))
def test_arrow_and_python_take_the_same_texts_for_numbers(text: str) -> None:
    for pattern in (*NOTATIONS.values(), ANOTHER_WAY):
        matched = pc.match_substring_regex(pa.array([text]), pattern)[0].as_py()
        assert matched == (re.fullmatch(pattern, text) is not None)


@given(st.from_regex(r"-?[0-9]{1,3}([.,' ][0-9]{3}){0,2}([.,][0-9]{1,5})?", fullmatch=True))
def test_what_was_read_by_a_sign_is_a_number_or_was_none_of_that_sign(text: str) -> None:
    for sign in DecimalSign:
        if re.fullmatch(NOTATIONS[sign], text):
            assert exact_number(read_value(text, sign)) is not None

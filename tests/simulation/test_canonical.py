"""Canonical JSON: one value, one sequence of bytes (spec 2)."""

import json
from collections import UserDict, UserList
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.canonical import canonical_bytes, canonical_text, content_hash, number_text, parse_exact

DECIMALS = st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(), st.integers(-30, 30))
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | DECIMALS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@given(DECIMALS)
def test_a_number_is_written_exactly_and_has_an_exponent_only_where_ecmascript_writes_one(value: Decimal) -> None:
    text = number_text(value)
    assert Decimal(text) == value
    plain = not value or Decimal("1e-6") <= abs(value) < Decimal("1e21")
    assert ("e" in text) is not plain
    mantissa = text.partition("e")[0]
    assert not mantissa.endswith(".")
    assert "." not in mantissa or not mantissa.endswith("0")
    assert text != "-0"


@given(DECIMALS, st.integers(0, 20))
def test_zeros_at_the_end_make_no_other_number(value: Decimal, zeros: int) -> None:
    sign, digits, exponent = value.as_tuple()
    longer = Decimal((sign, (*digits, *(0,) * zeros), int(exponent) - zeros))
    assert number_text(longer) == number_text(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10**20, "100000000000000000000"),
        (10**21, "1e+21"),
        (-(10**21), "-1e+21"),
        (Decimal("123456789012345678901.5"), "123456789012345678901.5"),
        (Decimal("0.000001"), "0.000001"),
        (Decimal("0.00000015"), "1.5e-7"),
        (Decimal("-0.0"), "0"),
        (Decimal("1E+3"), "1000"),
        (Level.HIGH, "3"),
        (True, "true"),
        (Colour.RED, '"red"'),
        ('€\u2028\x1f"\\', '"€\u2028\\u001f\\"\\\\"'),
        (datetime(2026, 1, 15, 1, tzinfo=timezone(timedelta(hours=1))), '"2026-01-15T00:00:00Z"'),
        (datetime(2026, 1, 15, 0, 0, 0, 5, tzinfo=UTC), '"2026-01-15T00:00:00.000005Z"'),
        ((1, None), "[1,null]"),
        (UserList([UserDict({"a": 1})]), '[{"a":1}]'),
    ],
)
def test_scalars_and_what_is_like_them(value: Any, text: str) -> None:
    assert canonical_text(value) == text


def test_names_are_ordered_by_utf_16_as_in_rfc_8785() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = list(json.loads(canonical_text(dict.fromkeys(names, 0))))
    assert written == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@given(DOCUMENTS)
def test_what_was_written_reads_back_and_is_written_the_same_again(document: Any) -> None:
    text = canonical_text(document)
    assert canonical_text(parse_exact(text)) == text


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_in_which_a_document_was_made_is_forgotten(document: dict[str, int]) -> None:
    assert content_hash(dict(reversed(document.items()))) == content_hash(document)


@pytest.mark.parametrize("value", [0.5, Decimal("NaN"), Decimal("-Infinity"), {1, 2}, object()])
def test_what_has_no_exact_form_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical_bytes({"value": [value]})

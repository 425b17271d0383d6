"""Identifiers that ledgers take and numbers that keep their digits."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.billing.ledgers.texts import cents, filter_text, fits_double, fitted, places, plain, snake

EXACT = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**14, places=12)


def test_an_identifier_that_fits_stays_as_it_is() -> None:
    assert fitted("meter_hd.minute-1", 50) == "meter_hd.minute-1"


@given(st.text(max_size=80), st.integers(20, 60))
def test_an_identifier_that_does_not_fit_is_made_to(text: str, limit: int) -> None:
    assert len(fitted(text, limit)) <= limit
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", fitted(text, limit))


@given(st.text(max_size=80))
def test_a_snake_is_what_openmeter_takes(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", snake(text, 64))
    assert len(snake(text, 64)) <= 64


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_texts_become_different_identifiers(one: str, other: str) -> None:
    assert (snake(one, 64) == snake(other, 64)) == (one == other)
    assert (fitted(one, 64) == fitted(other, 64)) == (one == other)


@given(EXACT)
def test_a_plain_number_is_the_same_number_without_exponent(value: Decimal) -> None:
    assert Decimal(plain(value)) == value
    assert "E" not in plain(value).upper()


@given(EXACT)
def test_cents_are_a_hundred_times_as_much_exactly(value: Decimal) -> None:
    assert plain(cents(value)) == plain(value * 100)


@given(EXACT)
def test_what_fits_a_double_survives_one(value: Decimal) -> None:
    if fits_double(value):
        assert Decimal(repr(float(plain(value)))) == value


@pytest.mark.parametrize(("value", "needed"), [("10.00", 0), ("0.0000025", 7), ("1E+3", 0), ("1.5", 1)])
def test_places_are_those_that_a_number_needs(value: str, needed: int) -> None:
    assert places(Decimal(value)) == needed


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (4, "4"), (Decimal("4.0"), "4"), ("HD", "HD")])
def test_a_filter_value_is_written_as_an_event_property(value: Decimal | bool | int | str, text: str) -> None:
    assert filter_text(value) == text

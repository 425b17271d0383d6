"""Numbers, moments and identifiers at the border: exact or refused."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from api.parsing import parse_json
from api.schemas.common import ExactNumber, Flag, Identifier, Moment
from rules.ids import is_own_id
from simulation.canonical import Json, canonical_bytes, timestamp_text
from simulation.numbers import decimal_places

FITTING = st.integers(-(10**26) + 1, 10**26 - 1).map(lambda units: Decimal(units).scaleb(-12))


@given(FITTING)
def test_a_number_that_fits_comes_back_with_its_value(number: Decimal) -> None:
    assert ExactNumber().deserialize(number) == number
    assert parse_json(canonical_bytes(ExactNumber().deserialize(number))) == number


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_a_number_is_taken_exactly_or_not_at_all(number: Decimal) -> None:
    try:
        taken = ExactNumber().deserialize(number)
    except ValidationError:
        assert not number.is_finite() or abs(number) >= 10**14 or number != round(number, 12)
    else:
        assert taken == number


@given(st.integers(-(10**40), 10**40))
def test_whole_numbers_have_no_places(number: int) -> None:
    assert decimal_places(Decimal(number)) == 0


@pytest.mark.parametrize(("text", "places"), [("1.250", 2), ("1E+3", 0), ("1E-12", 12), ("0.10", 1), ("1.500E1", 0)])
def test_places_are_those_that_the_value_needs(text: str, places: int) -> None:
    assert decimal_places(Decimal(text)) == places


@pytest.mark.parametrize("value", [0.5, "1", True, False, None, [], {}])
def test_what_is_not_a_json_number_is_refused(value: Json) -> None:
    with pytest.raises(ValidationError):
        ExactNumber().deserialize(value)


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.builds(
    lambda microseconds, zone: (datetime(1971, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).astimezone(
        zone
    ),
    st.integers(0, 2 * 10**17),
    ZONES,
)


@given(MOMENTS)
def test_a_moment_is_the_same_instant_in_every_zone(moment: datetime) -> None:
    loaded = Moment().deserialize(moment.isoformat())
    assert loaded == moment
    assert Moment().deserialize(timestamp_text(loaded)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00.1234567Z",
        "２０２６-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        1767225600,
    ],
)
def test_what_names_no_instant_is_refused(text: str | int) -> None:
    with pytest.raises(ValidationError):
        Moment().deserialize(text)


@given(st.text(max_size=6))
def test_an_identifier_is_safe_in_a_path(text: str) -> None:
    if is_own_id(text):
        assert not set(text) & set("/?#%\\ \n\0")
    else:
        with pytest.raises(ValidationError):
            Identifier().deserialize(text)


@pytest.mark.parametrize("value", [0, 1, "true", Decimal(1), None])
def test_only_true_and_false_are_flags(value: Decimal | int | str | None) -> None:
    with pytest.raises(ValidationError):
        Flag().deserialize(value)

"""Exact decimals: what counts as a number in an event, how sums are kept exact, how outputs are rounded.

Quantities, prices and costs have at most 12 decimal places and stay below 10**14, so that every product and sum of a
run fits the 38 digits that columnar engines calculate with (spec 4.1). What events bring with more places, such as the
binary double 0.1 + 0.2, is read to 12 of them; what operators decide must have no more.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal

PLACES = 12
LIMIT = Decimal(10) ** 14
EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
_SIXTH_PLACE = Decimal("0.000001")
_LAST_PLACE = Decimal(1).scaleb(-PLACES)
_DIGITS_BELOW_LIMIT = 14
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


def fits(value: Decimal) -> bool:
    """Whether the value is below 10**14 in size and has no digit beyond the 12th decimal place."""
    return value.copy_abs() < LIMIT and decimal_places(value) <= PLACES


def decimal_places(value: Decimal) -> int:
    """The number of decimal places that the value needs: 0 for 1500, 2 for 0.250."""
    digits = value.as_tuple()
    if not value:
        return 0
    digits_text = "".join(map(str, digits.digits))
    return max(0, -int(digits.exponent) - (len(digits_text) - len(digits_text.rstrip("0"))))


def exact_number(text: str) -> Decimal | None:
    """The number that a dimension's text is, read to 12 decimal places; None for what is no number below 10**14.

    The notation is JSON's (spec 4.1).
    """
    return read_to_places(Decimal(text)) if _NUMBER.fullmatch(text) else None


def read_to_places(value: Decimal) -> Decimal | None:
    """The value rounded half-even to 12 decimal places; None where that is 10**14 or more in size."""
    if value and value.adjusted() >= _DIGITS_BELOW_LIMIT:
        return None
    written_places = -int(value.as_tuple().exponent)
    read = EXACT.quantize(value, _LAST_PLACE) if written_places > PLACES else value
    return read if read.copy_abs() < LIMIT else None


def exact(value: object, name: str) -> Decimal:
    """A quantity or an amount of USD from a plan's document; ValueError names the one that is out of range."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{name} must be an exact number, not {value!r}")
    number = Decimal(value)
    if not number.is_finite() or not fits(number):
        raise ValueError(f"{name} is {number}: it must be below 10**14 with at most {PLACES} decimal places")
    return number


def at_least_zero(value: object, name: str) -> Decimal:
    """A quantity or an amount of USD that must not be negative; ValueError names the one that is."""
    number = exact(value, name)
    if number < 0:
        raise ValueError(f"{name} is {number}: it must not be negative")
    return number


def total(values: Iterable[Decimal]) -> Decimal:
    """The exact sum of the values, whatever the caller's decimal context."""
    result = Decimal(0)
    for value in values:
        result = EXACT.add(result, value)
    return result


def rounded(value: Decimal) -> Decimal:
    """The value rounded half-even to 6 decimal places; called once for each number, when an output is written."""
    return EXACT.quantize(value, _SIXTH_PLACE)

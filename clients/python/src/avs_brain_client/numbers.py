"""Exact quantities and amounts: integers of 10**-12, so that no sum is ever rounded.

Prices and caps have at most 12 decimal places and stay below 10**14, as in AVS Brain's simulation. Quantities that an
app reports with more places are read to 12 of them, half-even, as AVS Brain reads its usage events.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal

PLACES = 12
SCALE: int = 10**PLACES
LIMIT: int = 10**14
_EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
_LAST_PLACE = Decimal(1).scaleb(-PLACES)
_DIGITS_BELOW_LIMIT = 14

Quantity = int | Decimal
"""What callers may pass as a quantity: floats are refused, because 0.1 + 0.2 is not 0.3."""


def scaled(value: object, name: str) -> int:
    """The value in units of 10**-12; ValueError names what is no exact number or out of range."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"{name} must be an int or a Decimal, not {value!r}")
    if isinstance(value, int):
        if not -LIMIT < value < LIMIT:
            raise ValueError(f"{name} is {value}: it must be below 10**14")
        return value * SCALE
    if not value.is_finite() or value.copy_abs() >= LIMIT:
        raise ValueError(f"{name} is {value}: it must be a number below 10**14")
    if value and value.adjusted() < -PLACES:
        raise ValueError(f"{name} is {value}: it must have at most {PLACES} decimal places")
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(numerator * SCALE, denominator)
    if rest:
        raise ValueError(f"{name} is {value}: it must have at most {PLACES} decimal places")
    return whole


def at_least_zero(value: object, name: str) -> int:
    """`scaled`, and not negative."""
    found = scaled(value, name)
    if found < 0:
        raise ValueError(f"{name} is {value}: it must not be negative")
    return found


def read_to_places(value: Decimal) -> Decimal | None:
    """The value rounded half-even to 12 decimal places; None where that is 10**14 or more in size."""
    if value and value.adjusted() >= _DIGITS_BELOW_LIMIT:
        return None
    written_places = -int(value.as_tuple().exponent)
    read = _EXACT.quantize(value, _LAST_PLACE) if written_places > PLACES else value
    return read if read.copy_abs() < LIMIT else None


def used(value: object, name: str) -> int:
    """A quantity that an app reports, read to 12 places and scaled; ValueError when it is none, or negative."""
    read = read_to_places(value) if isinstance(value, Decimal) and value.is_finite() and value >= 0 else None
    return at_least_zero(value if read is None else read, name)


def unscaled(value: int) -> Decimal:
    """The exact decimal, without zeros at its end: 3, 2.5, 1E-12."""
    whole, rest = divmod(value, SCALE)
    return Decimal(whole) if rest == 0 else _EXACT.normalize(_EXACT.scaleb(Decimal(value), -PLACES))


def exact_units(value: Decimal) -> int:
    """`unscaled` backwards: the value in units of 10**-12, of any size."""
    return int(_EXACT.scaleb(value, PLACES))


def ceiling(value: int, divisor: int) -> int:
    """value ÷ divisor, rounded up."""
    return -(-value // divisor)

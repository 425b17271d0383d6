"""Exact quantities and amounts: integers of 10**-12, so that nothing is ever rounded.

Quantities, prices and caps have at most 12 decimal places and stay below 10**14, as in AVS Brain's simulation.
"""

from decimal import Context, Decimal

PLACES = 12
SCALE: int = 10**PLACES
LIMIT: int = 10**14
_EXACT = Context(prec=120)

Quantity = int | Decimal
"""What callers may pass: floats are refused, because 0.1 + 0.2 is not 0.3."""


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


def unscaled(value: int) -> Decimal:
    """The exact decimal, without zeros at its end: 3, 2.5, 1E-12."""
    whole, rest = divmod(value, SCALE)
    return Decimal(whole) if rest == 0 else _EXACT.normalize(_EXACT.scaleb(Decimal(value), -PLACES))


def ceiling(value: int, divisor: int) -> int:
    """value ÷ divisor, rounded up."""
    return -(-value // divisor)

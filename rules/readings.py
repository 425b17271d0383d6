"""Amounts as people write them: the number that a text means, or the two that it can mean (spec 7)."""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import MappingProxyType

POINT, COMMA = ".", ","
PLACES = 12
"""The decimal places that money is kept in."""
_EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
_PLAIN = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_BY_SIGN = MappingProxyType(
    {
        POINT: re.compile(r"(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)?(?:(?<=[0-9])|(?=\.))(?:\.[0-9]+)?"),
        COMMA: re.compile(r"(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)?(?:(?<=[0-9])|(?=,))(?:,[0-9]+)?"),
    }
)
"""The notation of each decimal sign: the other sign groups three digits, and nothing else."""


def read(text: str, sign: str) -> Decimal | None:
    """The number that digits with this decimal sign mean: `1,234.5` with a point, `1.234,5` with a comma; else None."""
    if _BY_SIGN[sign].fullmatch(text):
        other = COMMA if sign == POINT else POINT
        return Decimal(text.replace(other, "").replace(sign, POINT))
    return Decimal(text) if _PLAIN.fullmatch(text) and "e" in text.casefold() else None


def readings(text: str) -> tuple[Decimal, ...]:
    """The numbers that digits of an unknown decimal sign can mean: none, one, or two for `1,234`.

    `1234.5` and `1.5e-3` are numbers as they are everywhere; a group of three digits never begins with 0, so `0,180` is
    one number too.
    """
    if _PLAIN.fullmatch(text):
        return (Decimal(text),)
    numbers = (read(text, POINT), read(text, COMMA))
    return tuple(dict.fromkeys(number for number in numbers if number is not None))


def plain_text(value: Decimal) -> str:
    """The number in plain digits without zeros at its end: `1234.5`, `0.0000025`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def divided(value: Decimal, number: Decimal) -> Decimal | None:
    """value ÷ number; None where that does not come out even in the places that money is kept in."""
    if not number:
        return None
    quotient = _EXACT.quantize(_EXACT.divide(value, number), Decimal(1).scaleb(-PLACES))
    return quotient if _EXACT.multiply(quotient, number) == value else None


def hundredth(value: Decimal) -> Decimal:
    """value ÷ 100 with every digit: cents in USD, per cent as a share."""
    return _EXACT.scaleb(value, -2)

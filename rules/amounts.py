"""Numbers as people read them, in sentences, tables and pictures alike: money, prices, shares and quantities. Pure.

What was computed is rounded for reading; what somebody typed, a price or a limit, keeps every place. Programs get the
exact numbers beside every text: in fields of answers, in CSV cells.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal

Number = int | Decimal

CENTS = 2
SMALL_DIGITS = 3
"""The digits that count in an amount below a dollar: `$0.695`, `$0.000012`."""
PERCENT_PLACES = 1
DOLLAR = 1
_EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)
"""Has room for every number that a column keeps, 38 digits, times a hundred."""


def money_text(value: Number) -> str:
    """A computed amount in USD: in cents from a dollar on, below with three digits that count, cents at least.

    `$1,234.50`, `$0.695`, `$0.0000025`, `−$3.00`.
    """
    return _dollars(_readable(Decimal(value)))


def price_text(value: Number) -> str:
    """A price or a limit that somebody set, in USD, with every place that it has: `$0.60`, `$0.00000015`, `$500.00`."""
    return _dollars(Decimal(value))


def percent_text(value: Number) -> str:
    """A computed share as per cent, to a tenth: 0.433498 is `43.3 %`."""
    return f"{quantity_text(_rounded(_hundredfold(value), PERCENT_PLACES))} %"


def share_text(value: Number) -> str:
    """A share that somebody set as per cent, with every place that it has: 0.6825 is `68.25 %`."""
    return f"{quantity_text(_hundredfold(value))} %"


def quantity_text(value: Number) -> str:
    """A plain amount: `1,234.5`, `−3`."""
    return plain_text(value).replace("-", "−")


def plain_text(value: Number, least_places: int = 0) -> str:
    """A number with thousands separated and no zeros at its end beyond `least_places` decimal places: `1,234.50`."""
    whole, _, places = f"{Decimal(value):,f}".partition(".")
    places = places.rstrip("0").ljust(least_places, "0")
    return f"{whole}.{places}" if places else whole


def _dollars(value: Decimal) -> str:
    return f"{'−' if value < 0 else ''}${plain_text(value.copy_abs(), CENTS)}"


def _readable(value: Decimal) -> Decimal:
    if not value or value.copy_abs() >= DOLLAR:
        return _rounded(value, CENTS)
    return _rounded(value, max(CENTS, SMALL_DIGITS - 1 - value.adjusted()))


def _hundredfold(value: Number) -> Decimal:
    return _EXACT.multiply(Decimal(value), Decimal(100))


def _rounded(value: Decimal, places: int) -> Decimal:
    return _EXACT.quantize(value, Decimal(1).scaleb(-places))

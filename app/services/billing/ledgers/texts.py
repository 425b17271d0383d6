"""Derive identifiers and numbers that ledgers take from ours: always the same ones, and nothing is lost."""

import re
from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType

from simulation.canonical import Json, number_text

DIGEST_DIGITS = 12
DOUBLE_DIGITS = 15
"""Every decimal of so many digits survives a JSON reader that keeps numbers as binary doubles."""

_ALLOWED = ("A-Za-z0-9_.-", "A-Za-z0-9_-", "A-Za-z0-9_./:@+~-")
_OTHERS = MappingProxyType({allowed: re.compile(f"[^{allowed}]+") for allowed in _ALLOWED})
_NOT_SNAKE = re.compile(r"[^a-z0-9]+")


def fitted(text: str, limit: int, allowed: str = "A-Za-z0-9_.-") -> str:
    """The text itself where a ledger takes it, else a near spelling with 12 digits of its SHA-256.

    `allowed` is the inside of one of the character classes that ledgers take. Two texts share a result only if they
    share those digits.
    """
    return _fitted(text, _OTHERS[allowed].sub("_", text), limit)


def snake(text: str, limit: int) -> str:
    """`fitted` for ledgers that take `^[a-z0-9]+(_[a-z0-9]+)*$` only."""
    return _fitted(text, _NOT_SNAKE.sub("_", text.lower()).strip("_"), limit)


def _fitted(text: str, cleaned: str, limit: int) -> str:
    if text and cleaned == text and len(text) <= limit:
        return text
    digest = sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{cleaned[: limit - DIGEST_DIGITS - 1].strip('_') or 'avs'}_{digest}"


def plain(value: Decimal) -> str:
    """A decimal without exponent and without idle zeros: `0.0000025`, `10`."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"


def cents(dollars: Decimal) -> Decimal:
    """The amount in cents, exact however many digits there are."""
    sign, digits, exponent = dollars.as_tuple()
    return Decimal((sign, digits, int(exponent) + 2))


def places(value: Decimal) -> int:
    """The number of decimal places that a number needs."""
    return len(plain(value).partition(".")[2])


def fits_double(value: Decimal) -> bool:
    """Whether a reader of JSON that keeps binary doubles still has all digits."""
    return len(plain(abs(value)).replace(".", "").strip("0")) <= DOUBLE_DIGITS


def filter_text(value: Json) -> str:
    """The value of a filter as an event property holds it; booleans as JSON writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else number_text(Decimal(value))


def filter_texts(values: Iterable[Json]) -> list[str]:
    """The values of a filter as event properties hold them, in their order."""
    return [filter_text(value) for value in values]

"""Canonical JSON: one value, one sequence of bytes (spec 2 and 4.1).

RFC 8785 with one extension: numbers are exact decimals, never binary floats. A decimal is written
in ECMAScript's notation of its exact digits, so for every number that a double can hold (15 digits)
the bytes equal those of any RFC 8785 implementation, and longer ones keep all their digits.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

Json = Any
"""A value of a JSON document, numbers exact: dict, list, str, int, Decimal, bool or None. Its reader knows which."""
JsonObject = dict[str, Json]
"""An object of a JSON document."""

_string = json.encoder.encode_basestring
_PLAIN_DIGITS = 21
_EXPONENT_FROM = 10**_PLAIN_DIGITS
"""From here on ECMAScript writes an integer with an exponent."""


def number_text(value: Decimal) -> str:
    """The ECMAScript notation of an exact decimal: `0.0000025`, `1.5e-7`, `1e+21`.

    Raises ValueError for NaN and the infinities, which JSON does not have.
    """
    if not value.is_finite():
        raise ValueError(f"{value} is not a JSON number")
    if not value:
        return "0"
    plain = str(value)
    if len(plain) <= _PLAIN_DIGITS and "E" not in plain:  # most numbers: only zeros at the end are to go
        return plain.rstrip("0").rstrip(".") if "." in plain else plain
    sign, digit_tuple, exponent = value.as_tuple()
    digits = "".join(map(str, digit_tuple)).lstrip("0")
    point = len(digits) + int(exponent)  # the value is 0.digits × 10**point
    digits = digits.rstrip("0")
    return ("-" if sign else "") + _place_point(digits, point)


def _place_point(digits: str, point: int) -> str:
    """ECMAScript's Number::toString, steps 6 to 10."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"


def timestamp_text(moment: datetime) -> str:
    """`2026-01-15T00:00:00Z`, with microseconds only where there are any; the moment must be aware."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _write(value: object) -> str:
    return _WRITERS.get(type(value), _write_similar)(value)


def _object(value: Mapping[str, object]) -> str:
    """Members in order of their names' UTF-16 code units, which for ASCII is the order of the strings themselves."""
    members = sorted(value.items(), key=None if "".join(value).isascii() else _utf_16)
    return "{" + ",".join([f"{_string(name)}:{_write(item)}" for name, item in members]) + "}"


def _array(value: Sequence[object]) -> str:
    return "[" + ",".join(map(_write, value)) + "]"


def _utf_16(member: tuple[str, object]) -> bytes:
    return member[0].encode("utf-16-be")


def _integer(value: int) -> str:
    return str(value) if -_EXPONENT_FROM < value < _EXPONENT_FROM else number_text(Decimal(value))


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _string,
    dict: _object,
    list: _array,
    Decimal: number_text,
    int: _integer,
    bool: lambda value: "true" if value else "false",
    type(None): lambda _: "null",
    datetime: lambda value: _string(timestamp_text(value)),
}
"""Writers by exact type: one look-up for the types that JSON is parsed into; `_write_similar` takes their relatives."""


def _write_similar(value: object) -> str:
    """Text of a value whose type is a subclass of a JSON type, or any other mapping or sequence; else TypeError."""
    for kind in (str, int, Decimal, datetime):
        if isinstance(value, kind):
            return _WRITERS[kind](value)
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, Sequence):
        return _array(value)
    raise TypeError(f"{type(value).__name__} has no canonical form; floats are refused on purpose")


def canonical_text(value: object) -> str:
    """The canonical JSON text of mappings, sequences, strings, booleans, integers, decimals, moments and None."""
    return _write(value)


def canonical_bytes(value: object) -> bytes:
    """`canonical_text` in UTF-8."""
    return canonical_text(value).encode()


def content_hash(value: object) -> str:
    """SHA-256 of the canonical bytes, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


NUMBERS: dict[str, Any] = {"parse_float": Decimal, "parse_constant": _no_constant}
"""The options by which Python's reader of JSON keeps numbers exact."""
_EXACT = json.JSONDecoder(**NUMBERS)
"""Made once: every JSON column of every row goes through it."""


def parse_exact(text: str | bytes) -> Json:
    """JSON with every number exact: integers as int, the rest as Decimal. NaN and Infinity raise ValueError."""
    return _EXACT.decode(text) if isinstance(text, str) else json.loads(text, **NUMBERS)

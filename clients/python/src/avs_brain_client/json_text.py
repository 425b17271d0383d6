"""JSON with exact numbers, both ways: decimals are written with their own digits, never through a float."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any


def exact_json(value: Any) -> str:
    """The JSON text of mappings, sequences, texts, integers, decimals, booleans and None."""
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{exact_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(exact_json, value)) + "]"
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float: use an int or a Decimal")
    return json.dumps(value)


def parse_exact(text: str | bytes) -> Any:
    """JSON with every number exact: integers as int, the rest as Decimal."""
    return json.loads(text, parse_float=Decimal)


def number_text(value: Decimal) -> str:
    """The canonical JSON notation (ECMAScript's) of an exact decimal: 4, 0.5, 1.5e-7, 1e+21."""
    sign, digit_tuple, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} is not a JSON number")
    digits = "".join(map(str, digit_tuple)).lstrip("0")
    if not digits:
        return "0"
    point = len(digits) + exponent
    return ("-" if sign else "") + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"

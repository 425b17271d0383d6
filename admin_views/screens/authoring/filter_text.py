"""The values of an event filter as one line of text: `HD, 4K`, `1080`, `true`, and `"1080"` for a text of digits.

A bare number, `true` or `false` is the value that JSON writes so; anything in quotation marks is a text (spec 1).
"""

import json
import re
from decimal import Decimal

from simulation.canonical import Json, canonical_text, number_text
from simulation.numbers import exact_number

TRUTHS = {"true": True, "false": False}
MAX_VALUES, MAX_VALUE_LENGTH = 100, 500
_ITEM = re.compile(r'\s*+("(?:[^"\\]|\\.)*+"|[^,"]*+)\s*+(,|$)')


def read_values(typed: str) -> list[Json]:
    """The values of the line, in order, without empty ones between commas; ValueError says what to type instead."""
    values, position = [], 0
    while position < len(typed):
        match = _ITEM.match(typed, position)
        if match is None:
            raise ValueError(f'{typed!r}: put a text with commas or quotation marks in it between two ", as in "a, b".')
        if match[1].strip():
            values.append(_read(match[1].strip()))
        position = match.end()
    if len(values) > MAX_VALUES:
        raise ValueError(f"Give at most {MAX_VALUES} values.")
    return values


def write_values(value: Json) -> str:
    """The line from which `read_values` reads one value, or a list of them."""
    return ", ".join(map(_write, value if isinstance(value, list) else [value]))


def _read(item: str) -> Json:
    if item.startswith('"'):
        try:
            item = json.loads(item)
        except ValueError as error:
            raise ValueError(f"{item} is no text in quotation marks.") from error
    elif item in TRUTHS:
        return TRUTHS[item]
    elif (number := exact_number(item)) is not None:
        return number
    if len(item) > MAX_VALUE_LENGTH:
        raise ValueError(f"A value has at most {MAX_VALUE_LENGTH} characters.")
    return item


def _write(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return number_text(Decimal(value))
    return value if _reads_back(value) else canonical_text(value)


def _reads_back(text: str) -> bool:
    try:
        return read_values(text) == [text] and type(read_values(text)[0]) is str
    except ValueError:
        return False

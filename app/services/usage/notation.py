"""Ways in which people write numbers that are not the store's own: decimal commas, separators, units beside them.

A number is written as in JSON, `1234.5`. What is written another way is named with its kind and the fix, and read only
where somebody has said which sign is the decimal one: `1,234` can mean two numbers, and a guess would be billed.
"""

import re
from enum import StrEnum
from types import MappingProxyType

from simulation.canonical import Json
from simulation.numbers import exact_number

_SPACES = " \u00a0\u202f\u2009'’_"
_WHOLE = r"(?:0|[1-9][0-9]*)"
_START = r"[+-]?[1-9][0-9]{0,2}"


class DecimalSign(StrEnum):
    """The decimal sign that somebody said a file has; the other one and spaces between three digits are separators."""

    POINT = "."
    COMMA = ","


def _notation(decimal: str) -> str:
    """The pattern of a number with this decimal sign, in groups of three digits or without them."""
    separators = [*_SPACES, *({",", "."} - {decimal})]
    grouped = [rf"{_START}(?:{re.escape(separator)}[0-9]{{3}})+" for separator in separators]
    return rf"(?:[+-]?{_WHOLE}|{'|'.join(grouped)})(?:{re.escape(decimal)}[0-9]+)?"


NOTATIONS = MappingProxyType({sign: f"^(?:{_notation(sign)})$" for sign in DecimalSign})
"""The pattern of the numbers that are read where a decimal sign was said; it holds for Arrow and for Python."""

SEPARATORS = MappingProxyType({sign: f"[+{_SPACES}{'.' if sign == ',' else ','}]" for sign in DecimalSign})
"""The characters that are left out of such a number."""

_BESIDE = r"\s?[^\W\d_]{1,12}(?:/[^\W\d_]{1,8})?|\s?[%‰€$£¥]"
_SEPARATED = MappingProxyType(
    {
        "number_ambiguous": rf"{_START},[0-9]{{3}}",
        "decimal_comma": rf"[+-]?(?:{_WHOLE}|{_START}(?:[.{_SPACES}][0-9]{{3}})+),[0-9]+",
        "thousands_separator": rf"{_START}(?:(?:,[0-9]{{3}})+|(?:[{_SPACES}][0-9]{{3}})+)(?:\.[0-9]+)?"
        rf"|{_START}(?:\.[0-9]{{3}}){{2,}}",
    }
)
_WITH_UNIT = rf"[+-]?(?:[$€£¥]|[A-Z]{{2,3}}\s?)\s?-?[0-9][0-9.,]*|[+-]?[0-9][0-9.,]*(?:{_BESIDE})"
ANOTHER_WAY = f"^(?:{'|'.join(_SEPARATED.values())})$"
"""The pattern of numbers with another decimal sign or with separators. `4K` and `12 ms` may well be meant as texts."""

_KINDS = tuple((code, re.compile(pattern)) for code, pattern in [*_SEPARATED.items(), ("number_with_unit", _WITH_UNIT)])
_JSON_NUMBER = re.compile(rf"-?{_WHOLE}(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SAY_THE_SIGN = "say which sign is the decimal one when you import the file (--decimal)"

FIXES = MappingProxyType(
    {
        "number_ambiguous": f"It can mean a thousand times the other: {_SAY_THE_SIGN}",
        "decimal_comma": f"Write 3.5 for 3,5, or {_SAY_THE_SIGN}",
        "thousands_separator": f"Write 1234.5 without separators, or {_SAY_THE_SIGN}",
        "number_with_unit": "Write the number alone, without currency, unit or percent sign",
        "number_out_of_range": "Numbers are below 10^14 in size: count in a larger unit",
        "value_not_a_number": "Write a number such as 3.5, or leave the field out",
    }
)
"""What to do, by the code of a warning."""

ASKS_FOR_THE_SIGN = frozenset({"number_ambiguous", "decimal_comma", "thousands_separator"})
"""The codes of values that can be read once somebody has said which sign is the decimal one."""


def kind_of(text: str) -> str | None:
    """The code of a warning about a text where a number is expected; None for a number."""
    if exact_number(text) is not None:
        return None
    if _JSON_NUMBER.fullmatch(text):
        return "number_out_of_range"
    return next((code for code, pattern in _KINDS if pattern.fullmatch(text)), "value_not_a_number")


def read_value(value: Json, sign: DecimalSign) -> Json:
    """A dimension's JSON value; a text that is a number of this decimal sign is written as the store reads it."""
    if not isinstance(value, str) or not re.fullmatch(NOTATIONS[sign], value):
        return value
    return re.sub(SEPARATORS[sign], "", value).replace(sign, ".")

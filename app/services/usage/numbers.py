"""Exact numbers of a dimension: JSON value → text, text → DECIMAL(38,12) (the store's data contract).

A dimension is kept as text; where that text is a number below 10^14 with at most 12 decimal places it is kept beside
it as an exact number. `exact_number` is the reference, `number_column` its columnar twin.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from simulation.canonical import number_text

NUMBER = pa.decimal128(38, 12)
_PLACES = 12
_LIMIT = Decimal(10) ** 14
_TEXT = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"
_number = re.compile(_TEXT)
# Arrow casts these directly; what else is a number (exponents, more than 12 written places) is rare.
_PLAIN = r"^-?(0|[1-9][0-9]{0,13})(\.[0-9]{1,12})?$"
_INTEGERS_AS_WRITTEN = 10**21  # from here on ECMAScript writes exponents


def exact_number(text: str) -> Decimal | None:
    """The number that a dimension's text means, or None when it means none or one that does not fit exactly."""
    if not _number.fullmatch(text):
        return None
    value = Decimal(text)
    if not value:
        return Decimal(0)
    if value.copy_abs() >= _LIMIT or _decimal_places(value) > _PLACES:
        return None
    return value


def _decimal_places(value: Decimal) -> int:
    _, digits, exponent = value.as_tuple()
    zeros = next(count for count, digit in enumerate(reversed(digits)) if digit)
    return -(int(exponent) + zeros)


def number_column(texts: pa.Array) -> pa.Array | None:
    """The DECIMAL(38,12) of each text, null where it is no number; None when there is no number at all."""
    plain = pc.match_substring_regex(texts, _PLAIN)
    numbers = pc.if_else(plain, texts, pa.scalar(None, texts.type)).cast(NUMBER)
    odd = pc.and_not(pc.match_substring_regex(texts, f"^(?:{_TEXT})$"), plain)
    if pc.any(odd).as_py():
        values = [exact_number(text) for text in texts.filter(odd).to_pylist()]
        numbers = pc.replace_with_mask(numbers, odd.fill_null(False), pa.array(values, NUMBER))
    return numbers if numbers.null_count < len(numbers) else None


def value_text(value: Any) -> str | None:
    """The text of one JSON value: strings as they are, numbers in ECMAScript notation, `true`/`false`; null is absent.

    Raises ValueError for NaN and the infinities and TypeError for nested values.
    """
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return number_text(Decimal(value))
        case float():
            return number_text(Decimal(repr(value)))
    raise TypeError(f"nested values are not dimensions: {type(value).__name__}")


def column_texts(values: Sequence[Any]) -> list[str | None] | None:
    """`value_text` of a whole column; None when it needs to be done value by value."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return list(values)
    if kinds == {int} and max(abs(value) for value in values if value is not None) < _INTEGERS_AS_WRITTEN:
        return [None if value is None else str(value) for value in values]
    if kinds == {float}:
        return [None if value is None else _float_text(value) for value in values]
    return None


def _float_text(value: float) -> str:
    """`repr` is already ECMAScript's notation but for `1.0`, `-0.0` and exponents; inf and nan raise ValueError."""
    text = repr(value)
    if text.endswith(".0") or "e" in text or "n" in text:
        return number_text(Decimal(text))
    return text

"""Exact numbers of dimensions: JSON value → text, text → DECIMAL(38,12) (the store's data contract).

A dimension is kept as text; where that text is a number below 10^14 it is kept beside it, read to 12 decimal places.
`simulation.numbers.exact_number` is the reference, `number_column` its columnar twin.
"""

from collections.abc import Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from simulation.canonical import Json, number_text
from simulation.numbers import EXACT, PLACES, exact_number

NUMBER = pa.decimal128(38, PLACES)
_STEP = Decimal(1).scaleb(-PLACES)
_TEXT = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"
# Arrow casts these directly, and those of most doubles after rounding; what else is a number (exponents) is rare.
PLAIN = r"^-?(0|[1-9][0-9]{0,13})(\.[0-9]{1,12})?$"
_DOUBLE = r"^-?(0|[1-9][0-9]{0,12})\.[0-9]{13,24}$"
_UNROUNDED = pa.decimal128(38, 24)


def number_column(texts: pa.Array) -> pa.Array | None:
    """The DECIMAL(38,12) of each text, null where it is no number; None when there is no number at all."""
    plain = pc.match_substring_regex(texts, PLAIN)
    numbers = pc.if_else(plain, texts, pa.scalar(None, texts.type)).cast(NUMBER)
    odd = pc.and_not(pc.match_substring_regex(texts, f"^(?:{_TEXT})$"), plain).fill_null(False)
    if pc.any(odd).as_py():
        numbers = pc.replace_with_mask(numbers, odd, _odd_numbers(texts.filter(odd)))
    return numbers if numbers.null_count < len(numbers) else None


def _odd_numbers(texts: pa.Array) -> pa.Array:
    """The numbers of texts that have more than 12 places, an exponent or more than 14 digits before the point."""
    double = pc.match_substring_regex(texts, _DOUBLE)
    numbers = _rounded(pc.if_else(double, texts, pa.scalar(None, texts.type)))
    other = pc.invert(double)
    if pc.any(other).as_py():
        values = [_at_scale(exact_number(text)) for text in texts.filter(other).to_pylist()]
        numbers = pc.replace_with_mask(numbers, other, pa.array(values, NUMBER))
    return numbers


def _rounded(texts: pa.Array) -> pa.Array:
    return pc.round(texts.cast(_UNROUNDED), ndigits=PLACES, round_mode="half_to_even").cast(NUMBER)


def _at_scale(number: Decimal | None) -> Decimal | None:
    """The number at the column's scale; Arrow refuses `0e999` as too wide otherwise."""
    return None if number is None else EXACT.quantize(number, _STEP)


def value_text(value: Json) -> str | None:
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


def column_texts(values: Sequence[Json]) -> pa.Array | None:
    """`value_text` of a whole column; None when its values have to be converted one by one."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if kinds == {float}:
        numbers = pa.array(values, pa.float64())
        return float_texts(numbers) if pc.all(pc.is_finite(numbers)).as_py() else None
    return _integer_texts(values) if kinds == {int} else None


def _integer_texts(values: Sequence[int | None]) -> pa.Array | None:
    try:
        return pa.array(values, pa.int64()).cast(pa.string())
    except OverflowError:
        return None


def float_texts(numbers: pa.Array) -> pa.Array:
    """The shortest text that reads back as the same double. Arrow's differ from ECMAScript's in exponents and `-0`."""
    texts = numbers.cast(pa.string())
    odd = pc.match_substring_regex(texts, "e|^-0$").fill_null(False)
    if pc.any(odd).as_py():
        corrected = [number_text(Decimal(text)) for text in texts.filter(odd).to_pylist()]
        texts = pc.replace_with_mask(texts, odd, pa.array(corrected, pa.string()))
    return texts


def decimal_texts(numbers: pa.Array) -> pa.Array:
    """Decimals in ECMAScript notation; Arrow would write all places of the column's scale."""
    return pa.array([None if value is None else number_text(value) for value in numbers.to_pylist()], pa.string())

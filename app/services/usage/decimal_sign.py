"""Columns of texts whose numbers are written with a decimal sign that somebody has said (`--decimal ,`)."""

import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.columns import Problems
from app.services.usage.notation import NOTATIONS, SEPARATORS, DecimalSign
from app.services.usage.numbers import PLAIN
from simulation.events import BASE_FIELDS


def read_texts(name: str, texts: pa.Array, sign: DecimalSign | None, unfit: Problems) -> pa.Array:
    """The texts with every number of this decimal sign written as the store reads it: `1.234,5` becomes `1234.5`.

    Texts that are no such numbers stay, and so do base fields. A number with the other sign, in a column that has some
    with this one, is noted as unfit: which number it means is not known.
    """
    if sign is None or name in BASE_FIELDS:
        return texts
    fits = pc.match_substring_regex(texts, NOTATIONS[sign]).fill_null(False)
    bare = pc.replace_substring_regex(texts.filter(fits), SEPARATORS[sign], "")
    plain = pc.replace_with_mask(texts, fits, pc.replace_substring(bare, sign, "."))
    if pc.any(pc.and_(fits, pc.not_equal(texts, plain))).as_py():
        other = pc.and_not(pc.match_substring_regex(texts, PLAIN), fits).fill_null(False)
        for position in pc.indices_nonzero(other).to_pylist():
            unfit.setdefault(position, (name, _contradicts(name, texts[position].as_py(), sign)))
    return plain


def _contradicts(name: str, text: str, sign: DecimalSign) -> str:
    return f"{name} is {text!r}, but this file's decimal sign is {str(sign)!r}: write the number with it"

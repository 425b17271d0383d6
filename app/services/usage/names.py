"""Names of columns and keys as names of fields: in whatever case and spelling, and legal for a dimension."""

import re
from collections.abc import Iterable

from app.services.usage.fields import by_folded_name
from simulation.events import BASE_FIELDS

MAX_NAME_LENGTH = 100
_LEGAL = re.compile(rf"[A-Za-z_][A-Za-z0-9_.-]{{0,{MAX_NAME_LENGTH - 1}}}")


def is_legal(name: str) -> bool:
    """Whether a dimension can have the name: letters, digits, `_ . -`, at most 100, a letter or `_` first."""
    return bool(_LEGAL.fullmatch(name))


def plain_name(name: str) -> str:
    """The name in snake case: `output_minutes` for `Output Minutes` and `outputMinutes`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[^a-z0-9.]+", "_", parted.casefold()).strip("_")


def field_names(columns: Iterable[str], dimensions: Iterable[str]) -> dict[str, str]:
    """Column → the field or dimension that it is, for columns without a mapping; unnamed columns are none.

    The name itself where it is known or legal; else the known name that differs in case and blanks only, else one
    made of its letters and digits.
    """
    known = {*BASE_FIELDS, *dimensions}
    by_folded = by_folded_name(known) | by_folded_name(BASE_FIELDS)
    names: dict[str, str] = {}
    for column in columns:
        stripped = column.strip()
        if not stripped:
            continue
        name = column if column in known else by_folded.get(stripped.casefold(), stripped)
        names[column] = name if name in known or is_legal(name) else _made_legal(name)
    return names


def _made_legal(name: str) -> str:
    made = plain_name(name)[:MAX_NAME_LENGTH]
    made = made if is_legal(made) else f"_{made}"[:MAX_NAME_LENGTH]
    return made if is_legal(made) and made.strip("_.") else name

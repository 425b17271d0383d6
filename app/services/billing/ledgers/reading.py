"""Reading values out of records that others wrote: nothing here trusts a shape."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from simulation.canonical import canonical_text

Json = Mapping[str, Any]


def member(record: Any, *path: str) -> Any:
    """The value at a path of members, None when there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def number(value: Any) -> Any:
    """An exact number, from JSON or from text, so that `10` equals `"10.00"`; what is no number stays as it is."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return value
    try:
        exact = Decimal(value)
    except InvalidOperation:
        return value
    return exact if exact.is_finite() else value


def unless_zero(value: Any) -> Any:
    """None for a number that is 0: a ledger may or may not write an amount that is nothing."""
    return value or None


def mapping(value: Any) -> Json:
    """The object itself, an empty one when it is none."""
    return value if isinstance(value, Mapping) else {}


def texts(value: Any) -> str | None:
    """A list of texts as one that does not depend on their order, None when there are none."""
    items = value if isinstance(value, list | tuple) else ()
    return canonical_text(sorted(map(str, items))) if items else None


def objects(value: Any) -> Sequence[Json]:
    """The objects of a list, nothing when it is none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else ()

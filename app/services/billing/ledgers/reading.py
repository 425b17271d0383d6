"""Read values out of records that a ledger wrote: nothing here relies on a shape."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from simulation.canonical import Json, JsonObject, canonical_text

Fields = Mapping[str, Json]
"""The members of a JSON object: a record's, or those of an object within it."""


def member(record: Json, *path: str) -> Json:
    """The value at a path of members, None when there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def number(value: Json) -> Json:
    """An exact number from JSON or from text, so that `10` equals `"10.00"`; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return value
    try:
        exact = Decimal(value)
    except InvalidOperation:
        return value
    return exact if exact.is_finite() else value


def unless_zero(value: Json) -> Json:
    """The value, None for a number that is 0: a ledger may leave out an amount of nothing."""
    return value or None


def mapping(value: Json) -> Fields:
    """The object itself, an empty one when the value is none."""
    return value if isinstance(value, Mapping) else {}


def texts(value: Json) -> str | None:
    """The texts of a list as one text in which their order makes no difference; None when there are none."""
    items = value if isinstance(value, list | tuple) else ()
    return canonical_text(sorted(map(str, items))) if items else None


def objects(value: Json) -> Sequence[Fields]:
    """The objects of a list, nothing when the value is none."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else ()


def numbers(prefix: str, items: Iterable[Fields], *names: str) -> JsonObject:
    """`prefix/index/name` → the number that the item at the index has under the name."""
    return {f"{prefix}/{index}/{name}": number(item.get(name)) for index, item in enumerate(items) for name in names}


def is_active(record: Fields) -> bool:
    """Whether a record is in force by its `status`; one that is only to be created has none yet."""
    return bool(record.get("status", "active") == "active")


def is_not_archived(record: Fields) -> bool:
    """Whether a record is in force by its `archived_at`."""
    return record.get("archived_at") is None

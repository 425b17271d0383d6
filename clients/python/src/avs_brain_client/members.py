"""Members of an avs_config, taken as what they must be: ValueError names the one that is something else."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

MOST_WHOLE = 2**53 - 1
"""The largest whole number that every client's language has exactly."""
MOST_DAYS = 100_000
"""273 years; in microseconds they are exact as a double, too."""

Json = Mapping[str, Any]


def text_of(given: Json, name: str) -> str:
    value = given[name]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is {value!r}: it must be a text")
    return value


def text_or_none(given: Json, name: str) -> str | None:
    value = given.get(name)
    if not (value is None or isinstance(value, str)):
        raise ValueError(f"{name} is {value!r}: it must be a text")
    return value


def object_of(given: Json, name: str) -> Json:
    """The object of this name; an empty one where there is none."""
    value = given.get(name)
    if not (value is None or isinstance(value, Mapping)):
        raise ValueError(f"{name} is {value!r}: it must be an object")
    return value or {}


def list_of(given: Json, name: str) -> Sequence[Any]:
    """The list of this name; an empty one where there is none."""
    value = given.get(name)
    if not (value is None or isinstance(value, list | tuple)):
        raise ValueError(f"{name} is {value!r}: it must be a list")
    return value or ()


def needed_list(given: Json, name: str) -> Sequence[Any]:
    if given.get(name) is None:
        raise ValueError(f"{name} is missing: it must be a list")
    return list_of(given, name)


def flag(given: Json, name: str) -> bool:
    value = given.get(name)
    if not (value is None or isinstance(value, bool)):
        raise ValueError(f"{name} is {value!r}: it must be true or false")
    return bool(value)


def days_of(given: Json, name: str) -> int | None:
    days = given.get("expires_after_days")
    return None if days is None else whole(days, name, MOST_DAYS)


def whole(value: Any, name: str, most: int = MOST_WHOLE) -> int:
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value <= most
    if not is_number or value != int(value):
        raise ValueError(f"{name} is {value!r}: it must be a whole number from 0 to {most}")
    return int(value)


def one_of(allowed: Sequence[str], value: Any, name: str) -> str:
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}: allowed are {', '.join(allowed)}")
    return str(value)

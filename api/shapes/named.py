"""Closed lists by their names: one component each in the published document, wherever a field has one (spec 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

Value = str | int


@dataclass(frozen=True)
class Named:
    """A closed list of texts or whole numbers, with the name that generated clients call its type by."""

    name: str
    values: tuple[Value, ...]
    description: str = ""


@dataclass(frozen=True)
class Written:
    """A JSON Schema that is written out, with the name of its component."""

    name: str
    schema: Mapping[str, object]


def named(name: str, values: Sequence[Value], description: str = "") -> Named:
    """The list under a name."""
    return Named(name, tuple(values), description)


def of_enum(kind: type[StrEnum]) -> Named:
    """An enum of the rules under its own name, with its docstring where it has one of its own."""
    own_text = " ".join((kind.__dict__.get("__doc__") or "").split())
    return Named(kind.__name__, tuple(item.value for item in kind), own_text)

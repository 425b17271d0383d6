"""The vocabulary of the usage event store: fields, limits, refusals, policies (spec 4.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from app.services.usage.notation import FIXES
from app.services.usage.written_times import UTC_TIMES, TimeReading
from simulation.events import BASE_FIELDS

STORED_FIELDS = ("event_id", "ts", "event_type", "customer_id", "segment")
MAX_TEXT_LENGTH = 1_000
MAX_NEW_DIMENSIONS = 500
SOURCE_SEPARATOR = "\u241f"
"""Stands in a stored event id between the source of a CloudEvent and its id: `/eu␟1`. No source has it."""


def sourced_id(source: str, event_id: str) -> str:
    """The id under which a CloudEvent is stored: two producers may both count from 1 (ADR 30)."""
    return f"{source}{SOURCE_SEPARATOR}{event_id}"


class UnreadableInput(ValueError):
    """The input as a whole cannot be read; the message names the place and the fix. Nothing has been stored."""

    code = "usage_input_unreadable"


class UnsupportedFormat(UnreadableInput):
    """A content type or a file name that names no known format."""

    code = "usage_format_unsupported"


NOT_AN_EVENT = "event_type and ts are missing: a preset or a mapping says which fields they are"


def missing(name: str) -> str:
    """The reason of a reject: the row lacks a field that every event has."""
    return f"{name} is missing"


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected event: its row (from 1), the field at fault, the reason, and the event's id where it has one."""

    row: int
    field: str
    reason: str
    event_id: str | None = None

    @property
    def is_no_event(self) -> bool:
        """Whether the row is no event at all: it cannot be read, or lacks a field that every event has."""
        return not self.field or self.reason in (NOT_AN_EVENT, missing(self.field))

    def as_dict(self) -> dict[str, object]:
        """The line of a rejects report."""
        return {"row": self.row, "event_id": self.event_id, "field": self.field, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Conflict:
    """An event that was not stored because another one has its id and says something else: its row (from 1), its id."""

    row: int
    event_id: str

    def as_dict(self) -> dict[str, object]:
        """The entry of a receipt."""
        return {"row": self.row, "event_id": self.event_id}


Summed = Mapping[tuple[str, str], tuple[str, ...]]
"""The names of the units that sum a field, by event type and field."""
NOTHING_SUMMED: Summed = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class UsageWarning:
    """Accepted events of one type whose field is no number where one is expected, all of one kind (`notation.FIXES`).

    `examples` are up to three of the texts, `units` the names of the units that sum the field, none where none does.
    """

    code: str
    event_type: str
    field: str
    count: int
    examples: tuple[str, ...]
    units: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What is wrong, what follows and the fix, in one sentence or two."""
        number = "1 event has" if self.count == 1 else f"{self.count:,} events have"
        likes = ", ".join(map(repr, self.examples))
        follows = f"{' and '.join(self.units)} adds 0 for each" if self.units else "a sum would add 0 for each"
        return (
            f"{self.event_type}: {number} a {self.field} that is no number, such as {likes}; {follows}. "
            f"{FIXES[self.code]}."
        )

    def and_also(self, other: "UsageWarning") -> "UsageWarning":
        """This warning with the events of another one of the same kind."""
        examples = tuple(dict.fromkeys((*self.examples, *other.examples)))[: max(len(self.examples), 3)]
        return replace(self, count=self.count + other.count, examples=examples)

    def told(self, usage_import_id: str | None) -> str:
        """The message with its undo: what came in can be taken out again by the id of its import or batch, if any."""
        if usage_import_id is None:
            return self.message
        return (
            f"{self.message} These events are stored as they are: to bring them in corrected, first undo "
            f"{usage_import_id} (Usage, `avs usage undo`, or POST /api/usage-imports/{usage_import_id}/undo)."
        )

    def as_dict(self, usage_import_id: str | None) -> dict[str, object]:
        """Plain JSON, the same at every door: `{code, event_type, field, count, examples, message}`, its undo told."""
        named = {"code": self.code, "event_type": self.event_type, "field": self.field, "count": self.count}
        return named | {"examples": list(self.examples), "message": self.told(usage_import_id)}


@dataclass(frozen=True)
class Policy:
    """The rules by which events are judged, from the catalogs as they were read.

    `workspace_id`: where they go; None when each event names its own. `catalog`: the dimensions of each event type;
    base fields named among them mean the base columns. `segments`: customer → segment, for events that name none.
    `workspaces`: those that exist, and `known_segments` those that the catalog has; None accepts any.
    `extend_catalog`: unknown event types, dimensions and segments are reported for the caller to add instead of
    rejected. `times`: what the times leave unsaid.

    Raises ValueError when two dimensions differ only in case: the columnar engine reads them as one.
    """

    workspace_id: str | None
    catalog: Mapping[str, frozenset[str]]
    segments: Mapping[str, str] | None = None
    workspaces: frozenset[str] | None = None
    extend_catalog: bool = False
    known_segments: frozenset[str] | None = None
    times: TimeReading = UTC_TIMES
    known_dimensions: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = frozenset().union(*self.catalog.values()) - set(BASE_FIELDS)
        folded = by_folded_name(names)
        for name in sorted(names):
            if folded[name.casefold()] != name:
                raise ValueError(f"dimensions {name!r} and {folded[name.casefold()]!r} differ only in case: rename one")
        object.__setattr__(self, "known_dimensions", names)


def by_folded_name(names: Iterable[str]) -> dict[str, str]:
    """Case-folded name → the first name in order that folds to it."""
    by_folded: dict[str, str] = {}
    for name in sorted(names):
        by_folded.setdefault(name.casefold(), name)
    return by_folded

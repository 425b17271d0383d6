"""The words that the usage event store shares: fields, limits, refusals (spec 4.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from simulation.events import BASE_FIELDS

STORED_FIELDS = ("event_id", "ts", "event_type", "customer_id", "segment")
MAX_ID_LENGTH = 200
MAX_TEXT_LENGTH = 1_000
MAX_NEW_DIMENSIONS = 500


class UnreadableInput(ValueError):
    """The input as a whole cannot be read; the message names the place and the mend. Nothing has been stored."""

    code = "usage_input_unreadable"


class UnsupportedFormat(UnreadableInput):
    """A content type or a file name that names no known format."""

    code = "usage_format_unsupported"


@dataclass(frozen=True, slots=True)
class Reject:
    """One event that does not fit: its 1-based row, the field at fault, why, and its id where it has one."""

    row: int
    field: str
    reason: str
    event_id: str | None = None

    def as_dict(self) -> dict[str, object]:
        """The line of a rejects report."""
        return {"row": self.row, "event_id": self.event_id, "field": self.field, "reason": self.reason}


@dataclass(frozen=True)
class Policy:
    """What the caller knows about the events to come.

    `workspace_id`: where they go; None when each event names its own. `catalog`: the dimensions of each event type;
    base fields named among them mean the base columns. `segments`: customer → segment, for events that name none.
    `workspaces`: those that exist; None accepts any. `extend_catalog`: unknown event types and dimensions are
    reported for the caller to add instead of rejected.

    Raises ValueError when two dimensions differ only in case: the columnar engine reads them as one.
    """

    workspace_id: str | None
    catalog: Mapping[str, frozenset[str]]
    segments: Mapping[str, str] | None = None
    workspaces: frozenset[str] | None = None
    extend_catalog: bool = False
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
    found: dict[str, str] = {}
    for name in sorted(names):
        found.setdefault(name.casefold(), name)
    return found

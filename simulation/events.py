"""One usage event as simulation sees it, and the rule by which a duplicated event_id counts once (spec 4.1)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from simulation.canonical import Json, number_text
from simulation.numbers import exact_number

BASE_FIELDS = ("event_id", "ts", "event_type", "workspace_id", "customer_id", "segment")


@dataclass(frozen=True)
class Event:
    """A usage event; `ts` is aware, `dimensions` are the texts of those that it has, by name."""

    event_id: str
    ts: datetime
    event_type: str
    workspace_id: str
    customer_id: str
    segment: str
    dimensions: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """A dimension's text; workspace_id, customer_id and segment may be named like dimensions."""
        if name in ("workspace_id", "customer_id", "segment"):
            return str(getattr(self, name))
        return self.dimensions.get(name)

    def number(self, name: str) -> Decimal | None:
        """The exact number that a dimension's text is, if it is one; the base fields never are."""
        text = self.dimensions.get(name)
        return None if text is None else exact_number(text)


def event(document: Mapping[str, Json]) -> Event:
    """A usage event from JSON with exact numbers: the base fields and any dimensions beside them."""
    moment = document["ts"]
    return Event(
        event_id=document["event_id"],
        ts=(datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(UTC),
        event_type=document["event_type"],
        workspace_id=document["workspace_id"],
        customer_id=document["customer_id"],
        segment=document["segment"],
        dimensions={
            name: dimension_text(value)
            for name, value in document.items()
            if name not in BASE_FIELDS and value is not None
        },
    )


def dimension_text(value: object) -> str:
    """The text that a dimension's JSON value is kept as: a text itself, a number in canonical notation, true or false.

    ValueError for any other value.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return number_text(Decimal(value))
    raise ValueError(f"{value!r} is no dimension value: a text, an exact number, true or false")


def deduplicated(events: Iterable[Event]) -> list[Event]:
    """The events with each event_id once: the least by (ts, then every other column), so that row order never decides.

    Columns are compared one after the other: event_type, customer_id, segment, then the dimensions in name order, an
    absent one before any text.
    """
    rows = list(events)
    names = sorted({name for row in rows for name in row.dimensions})

    def order(row: Event) -> tuple[object, ...]:
        texts = (row.dimensions.get(name) for name in names)
        return row.ts, row.event_type, row.customer_id, row.segment, *((text is not None, text or "") for text in texts)

    kept: dict[str, Event] = {}
    for row in rows:
        held = kept.get(row.event_id)
        if held is None or order(row) < order(held):
            kept[row.event_id] = row
    return list(kept.values())

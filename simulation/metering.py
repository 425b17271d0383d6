"""Metering as the specification says it (spec 4.2, 1): which events a unit counts, and what it counts of them.

`simulation.scan` is the columnar twin.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulation.events import Event
from simulation.numbers import EXACT, total
from simulation.plan import Meter
from simulation.window import Period

CustomerPeriod = tuple[str, int]
SAMPLE_FIELDS = ("event_id", "ts", "event_type", "customer_id", "segment")
"""What a sample shows of an event, beside the dimensions that it has."""


@dataclass(frozen=True)
class MeterPreview:
    """The events that a mapping would count, the units that they add up to, and the three newest of them."""

    events: int
    units: Decimal
    samples: tuple[Mapping[str, Any], ...]


def period_of(event: Event, periods: Sequence[Period]) -> int | None:
    """The index of the period with start < ts ≤ end, or None outside the window."""
    return next((period.index for period in periods if period.start < event.ts <= period.end), None)


def matches(meter: Meter, event: Event) -> bool:
    """Whether the event is of the meter's type and passes every filter."""
    return event.event_type == meter.event_type and all(
        any(_equals(event, name, value) for value in values) for name, values in meter.filters
    )


def _equals(event: Event, name: str, value: str | Decimal) -> bool:
    """Whether a dimension has the value of a filter: texts are compared exactly, numbers by value."""
    return event.text(name) == value if isinstance(value, str) else event.number(name) == value


def metered(meter: Meter, events: Iterable[Event], periods: Sequence[Period]) -> dict[CustomerPeriod, Decimal]:
    """The quantity of each customer and period in which any event matched; a sum can be negative."""
    groups: dict[CustomerPeriod, list[Event]] = defaultdict(list)
    for event in events:
        period = period_of(event, periods)
        if period is not None and matches(meter, event):
            groups[event.customer_id, period].append(event)
    return {key: quantity(meter, group) for key, group in groups.items()}


def quantity(meter: Meter, group: Sequence[Event]) -> Decimal:
    """The quantity that the events of one customer and period add up to."""
    match meter.aggregation:
        case "count":
            return Decimal(len(group))
        case "sum":
            return total(added(meter, event) for event in group)
        case _:
            return Decimal(len({event.text(meter.field) for event in group} - {None}))


def added(meter: Meter, event: Event) -> Decimal:
    """The number that an event adds to a sum: `field` less `minus`, either 0 where it is missing or no number."""
    number, *minus = (event.number(name) or Decimal(0) for name in meter.added)
    return EXACT.subtract(number, total(minus))


def summed(meter: Meter, event: Event) -> bool:
    """Whether the meter is a sum that the event belongs to, with a number to add or without."""
    return meter.aggregation == "sum" and matches(meter, event)


def unreadable(meter: Meter, event: Event) -> str | None:
    """The text that a sum cannot add or take off, because it is present but no exact number; None when there is none.

    Where both fields have one it is that of `field`.
    """
    texts = (event.text(name) for name in meter.added if event.number(name) is None)
    return next((text for text in texts if text is not None), None)

"""Which usage events a unit counts, and what it counts of them (spec 4.2, 1), the same as AVS Brain's simulation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any

from avs_brain_client.clock import microseconds, parse_moment
from avs_brain_client.document import Meter, Subject
from avs_brain_client.json_text import number_text
from avs_brain_client.numbers import SCALE, read_to_places, scaled

BASE_FIELDS = ("event_id", "ts", "event_type", "workspace_id", "customer_id", "segment")
NAMED_LIKE_DIMENSIONS = ("workspace_id", "customer_id", "segment")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """Something that a customer did; `dimensions` are texts by name."""

    event_id: str | None
    at_us: int
    event_type: str
    customer_id: str
    texts: Mapping[str, str]
    dimensions: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """A dimension's text; workspace_id, customer_id and segment may be named like dimensions."""
        return self.texts[name] if name in NAMED_LIKE_DIMENSIONS else self.dimensions.get(name)

    def number(self, name: str) -> Decimal | None:
        """The exact number that a dimension's text is, if it is one."""
        text = self.dimensions.get(name)
        return None if text is None else exact_number(text)


def usage_event(given: Mapping[str, Any], subject: Subject, now_us: int) -> UsageEvent:
    """An event as apps write it: event_type, customer_id and any dimensions; event_id and ts (RFC 3339 text or an aware
    datetime) when there are any. ValueError names what does not fit.
    """
    for name in ("event_type", "customer_id"):
        if not isinstance(given.get(name), str):
            raise ValueError(f"{name} is {given.get(name)!r}: an event needs it as a text")
    moment = given.get("ts")
    texts = {"customer_id": given["customer_id"]}
    for name in ("workspace_id", "segment"):
        texts[name] = given.get(name) or getattr(subject, name)
    return UsageEvent(
        event_id=given.get("event_id"),
        at_us=now_us if moment is None else parse_moment(moment) if isinstance(moment, str) else microseconds(moment),
        event_type=given["event_type"],
        customer_id=given["customer_id"],
        texts=texts,
        dimensions={
            name: _dimension_text(value, name)
            for name, value in given.items()
            if name not in BASE_FIELDS and value is not None
        },
    )


def exact_number(text: str) -> Decimal | None:
    """The number below 10**14 that a text is in JSON's notation, read to 12 decimal places; else None."""
    return read_to_places(Decimal(text)) if _NUMBER.fullmatch(text) else None


def matches(meter: Meter, event: UsageEvent) -> bool:
    """Whether the event is of the meter's type and passes every filter: texts exactly, numbers by value."""
    return event.event_type == meter.event_type and all(
        any(event.text(name) == value if isinstance(value, str) else event.number(name) == value for value in wanted)
        for name, wanted in meter.filters
    )


def quantity(meter: Meter, event: UsageEvent) -> int:
    """What a matching event adds, scaled: 1 of a count; of a sum its number less the one that is taken off, each 0
    where there is none; a distinct count adds 1 for every value that is new, which `distinct_value` names.
    """
    if meter.aggregation == "sum":
        return _summed(event, meter.field) - (_summed(event, meter.minus) if meter.minus else 0)
    return SCALE if meter.aggregation == "count" or event.text(meter.field) is not None else 0


def _summed(event: UsageEvent, name: str) -> int:
    number = event.number(name)
    return 0 if number is None else scaled(number, name)


def adds_nothing(meter: Meter, event: UsageEvent) -> str | None:
    """Why a sum gets nothing from a matching event: its field is missing or no number; None when it gets something."""
    if meter.aggregation != "sum" or event.number(meter.field) is not None:
        return None
    text = event.text(meter.field)
    return f"{meter.field} is missing" if text is None else f"{meter.field} is {text!r}, which is no number below 10^14"


def distinct_value(meter: Meter, event: UsageEvent) -> str | None:
    """What a distinct count counts; None for the other aggregations."""
    return event.text(meter.field) if meter.aggregation == "distinct_count" else None


def _dimension_text(value: object, name: str) -> str:
    """Texts as they are, numbers in canonical notation, true and false as words.

    A float is the shortest decimal that means it, as in JSON: an app's events may hold what its gateway or clock gave.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return number_text(Decimal(value))
    if isinstance(value, float) and isfinite(value):
        return number_text(Decimal(repr(value)))
    raise ValueError(f"{name} is {value!r}: a dimension is a text, a finite number, true or false")

"""Formats of HTTP bodies with usage events, read as dicts in row order, every number exact (spec 6).

A JSON array (or one object), NDJSON, CloudEvents 1.0 in structured mode, single and batch. Of CloudEvents:

    id → event_id · type → event_type · time → ts · subject → customer_id
    data → the dimensions, and segment, workspace_id, customer_id when it names them
    source, dataschema and extensions are not kept; the event id alone identifies an event within a workspace
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from app.services.usage.fields import UnreadableInput, UnsupportedFormat
from simulation.canonical import Json, JsonObject, parse_exact

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ATTRIBUTES = {"id": "event_id", "type": "event_type", "time": "ts", "subject": "customer_id"}


@dataclass(frozen=True, slots=True)
class Malformed:
    """Takes the place of an event that could not be read."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Events as read, a dict or Malformed each, and for each its row in the input, from 1 (NDJSON: its line)."""

    values: Sequence[Json]
    numbers: Sequence[int]

    @classmethod
    def counted(cls, values: Sequence[Json]) -> "Rows":
        """Rows numbered from 1."""
        return cls(values, range(1, len(values) + 1))


def parse_body(body: bytes, content_type: str) -> Rows:
    """The events of one request body.

    Raises UnsupportedFormat for a content type not listed in `CONTENT_TYPES`, and UnreadableInput when the body as a
    whole is no JSON; a bad NDJSON line spoils only its own row.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _PARSERS:
        raise UnsupportedFormat(f"content type {media_type or 'missing'!r} is not one of {', '.join(CONTENT_TYPES)}")
    return _PARSERS[media_type](body.removeprefix(BYTE_ORDER_MARK))


def _json_events(body: bytes) -> Rows:
    document = _load_document(body)
    return Rows.counted(document if isinstance(document, list) else [document])


def _cloud_event(body: bytes) -> Rows:
    return Rows.counted([_from_cloud_event(_load_document(body))])


def _cloud_event_batch(body: bytes) -> Rows:
    document = _load_document(body)
    if not isinstance(document, list):
        raise UnreadableInput("a CloudEvents batch is a JSON array of events")
    return Rows.counted(list(map(_from_cloud_event, document)))


def ndjson_events(body: bytes, first_line: int = 1) -> Rows:
    """The events of NDJSON, one a line; blank lines are skipped, but count as rows."""
    lines = body.splitlines()
    numbers = [number for number, line in enumerate(lines, first_line) if line and not line.isspace()]
    read = load if has_long_numbers(body) else orjson.loads  # one scan of the body costs less than one of each line
    return Rows([_load_line(lines[number - first_line], read) for number in numbers], numbers)


def _load_line(line: bytes, read: Callable[[bytes], Json]) -> Json:
    try:
        return read(line)
    except ValueError as error:
        return Malformed("", f"not JSON: {error}")


def _load_document(body: bytes) -> Json:
    try:
        return load(body)
    except ValueError as error:
        raise UnreadableInput(f"the body is not JSON: {error}") from None


def load(text: bytes) -> Json:
    """One JSON value. A number is a float only where a double keeps all its digits; longer ones are Decimal.

    Raises ValueError for anything that is not JSON: NaN, Infinity, truncation, broken UTF-8.
    """
    if not has_long_numbers(text):
        return orjson.loads(text)
    try:
        return parse_exact(text.decode())
    except ArithmeticError:
        raise ValueError("a number's exponent is out of range") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _scan_table() -> bytes:
    table = bytearray(b"x" * 256)
    for group, stand_in in ((b"0123456789", b"0"), (b":,[ \t\r\n", b":"), (b"eE", b"e")):
        for character in group:
            table[character] = stand_in[0]
    return bytes(table)


_SCAN_TABLE = _scan_table()
_SIXTEEN_DIGITS = b":" + b"0" * 16
_long_exponent = re.compile(rb":0+e000")


def has_long_numbers(text: bytes) -> bool:
    """Whether a number in the JSON text may have more digits than a double keeps: 16 digits, or a 3-digit exponent.

    Two linear passes at memory speed instead of a regular expression, which would cost more than the parse. True for
    digits inside a string too, which only costs time; never False for such a number.
    """
    scanned = text.translate(_SCAN_TABLE, b".+-")
    bare = scanned[:1] == b"0"  # a document that is nothing but a number
    return bare or _SIXTEEN_DIGITS in scanned or (b"0e000" in scanned and bool(_long_exponent.search(scanned)))


def _from_cloud_event(event: Json) -> JsonObject | Malformed:
    """The flat event of a CloudEvent (CloudEvents 1.0, JSON format), or Malformed."""
    if not isinstance(event, dict):
        return Malformed("", "not a JSON object")
    if event.get("specversion") != "1.0":
        return Malformed("specversion", "specversion must be '1.0'")
    if "data_base64" in event:
        return Malformed("data_base64", "binary data is not supported: send data as a JSON object")
    data = event.get("data") or {}
    if not isinstance(data, dict):
        return Malformed("data", "data must be a JSON object of dimensions")
    attributes = {name: event[key] for key, name in _ATTRIBUTES.items() if event.get(key) is not None}
    for name, value in attributes.items():
        if data.get(name, value) != value:
            return Malformed(name, f"data.{name} contradicts the event's attribute")
    return {**data, **attributes}


_PARSERS: dict[str, Callable[[bytes], Rows]] = {
    "application/json": _json_events,
    "application/x-ndjson": ndjson_events,
    "application/ndjson": ndjson_events,
    "application/jsonl": ndjson_events,
    "application/cloudevents+json": _cloud_event,
    "application/cloudevents-batch+json": _cloud_event_batch,
}
CONTENT_TYPES = tuple(_PARSERS)

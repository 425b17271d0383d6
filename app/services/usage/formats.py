"""Formats of HTTP bodies with usage events, read as dicts in row order, every number exact (spec 6).

JSON (an array, one object, an object that wraps an array), NDJSON, CSV, and CloudEvents 1.0 in structured mode, alone,
in a batch or one a line; each by what it holds, packed with gzip or not. Of CloudEvents:

    source and id → event_id, as `source␟id` (see fields.sourced_id) · type → event_type · time → ts
    subject → customer_id
    data → the dimensions, and segment, workspace_id, customer_id when it names them
    dataschema and extensions are not kept
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import contains

import orjson

from app.services.usage.content import BYTE_ORDER_MARK, GZIP, encoding_of
from app.services.usage.fields import SOURCE_SEPARATOR, UnreadableInput, UnsupportedFormat, sourced_id
from app.services.usage.wrappers import records
from app.sizes import MAX_UNPACKED_BODY_BYTES
from simulation.canonical import Json, JsonObject, parse_exact
from simulation.repeated_keys import RepeatedKey, first_repeated, may_repeat_keys, parse_marked, sentence

_OWN_NAMES = frozenset({"event_id", "event_type"})
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

    The body may be packed with gzip and be UTF-16; JSON of any kind is told by what it holds. Raises UnsupportedFormat
    for a content type not listed in `CONTENT_TYPES`, and UnreadableInput when the body as a whole is no JSON; a bad
    line or element of lines spoils only its own row.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _PARSERS:
        raise UnsupportedFormat(f"content type {media_type or 'missing'!r} is not one of {', '.join(CONTENT_TYPES)}")
    rows = _PARSERS[media_type](plain_text(body))
    if any(map(contains, _objects(rows.values), repeat("specversion"))):
        events = [from_cloud_event(value) if is_cloud_event(value) else value for value in rows.values]
        return Rows(events, rows.numbers)
    return rows


def plain_text(body: bytes) -> bytes:
    """The body unpacked and as UTF-8 without its mark. Raises UnreadableInput where it is broken or too large."""
    if body.startswith(GZIP):
        body = _unpacked(body)
    encoding = encoding_of(body[:4096])
    if encoding != "utf-8":
        try:
            body = body.decode(encoding).encode()
        except UnicodeError:
            raise UnreadableInput(f"the body is not {encoding}") from None
    return body.removeprefix(BYTE_ORDER_MARK)


def _unpacked(body: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(body)) as file:
            text = file.read(MAX_UNPACKED_BODY_BYTES + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableInput(f"the body cannot be unpacked: {error}") from None
    if len(text) > MAX_UNPACKED_BODY_BYTES:
        raise UnreadableInput(f"the body holds more than {MAX_UNPACKED_BODY_BYTES:,} bytes unpacked: send it in parts")
    return text


def _events(body: bytes) -> Rows:
    """The events of JSON or of CSV, told by the first character."""
    return _json_events(body) if body.lstrip()[:1] in (b"", b"[", b"{") else _csv_events(body)


def _json_events(body: bytes) -> Rows:
    try:
        values = _load_values(body)
    except ValueError as error:
        if _begins_with_a_line(body):
            return ndjson_events(body)
        raise UnreadableInput(f"the body is not JSON: {error}") from None
    if any(map(_OWN_NAMES.isdisjoint, _objects(values))):
        values = [record for value in values for record in records(value)]
    return Rows.counted(values)


def _objects(values: Sequence[Json]) -> Sequence[JsonObject]:
    """Those of the values that are objects; their members are looked at by loops in C, for most are to be stored."""
    return values if set(map(type, values)) == {dict} else [value for value in values if isinstance(value, dict)]


def _begins_with_a_line(body: bytes) -> bool:
    """Whether the first line is a whole object and others follow."""
    line, _, rest = body.strip().partition(b"\n")
    try:
        return bool(rest) and isinstance(load(line), dict)
    except ValueError:
        return False


def _load_values(body: bytes) -> list[Json]:
    """The elements of an array, or its one value. An element with a key twice is Malformed; a value alone raises."""
    document = load(body)
    if not may_repeat_keys(body, document if isinstance(document, list) else [document]):
        return document if isinstance(document, list) else [document]
    document = _marked(body)
    if isinstance(document, list):
        return [_unless_repeated(value) for value in document]
    if key := first_repeated(document):
        raise RepeatedKey(key)
    return [document]


def _unless_repeated(value: Json) -> Json:
    """The value, Malformed where an object in it has a key twice: which of the two counts cannot be told."""
    key = first_repeated(value)
    return value if key is None else Malformed("", f"not JSON: {sentence(key)}")


def _cloud_event(body: bytes) -> Rows:
    return Rows.counted([from_cloud_event(_load_document(body))])


def _cloud_event_batch(body: bytes) -> Rows:
    try:
        values = _load_values(body)
    except ValueError as error:
        raise UnreadableInput(f"the body is not JSON: {error}") from None
    if not body.lstrip().startswith(b"["):
        raise UnreadableInput("a CloudEvents batch is a JSON array of events")
    events = [value if isinstance(value, Malformed) else from_cloud_event(value) for value in values]
    return Rows.counted(events)


def _csv_events(body: bytes) -> Rows:
    """The rows of CSV with a header, as texts; an empty field is absent."""
    text = body.decode(errors="surrogateescape")
    delimiter = max(",;\t|", key=text.partition("\n")[0].count)
    try:
        header, *rows = filter(None, csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except (csv.Error, ValueError):
        raise UnreadableInput("the body is neither JSON nor CSV with a header") from None
    names = [name.strip() for name in header]
    if len(names) < 2 or len(set(names)) < len(names):
        raise UnreadableInput("the body is neither JSON nor CSV with a header of different names")
    return Rows.counted([_csv_event(names, row) for row in rows])


def _csv_event(names: Sequence[str], row: Sequence[str]) -> JsonObject | Malformed:
    if len(row) != len(names):
        return Malformed("", f"has {len(row)} fields where the header has {len(names)}")
    return {name: value for name, value in zip(names, row, strict=True) if value and name}


def ndjson_events(body: bytes, first_line: int = 1) -> Rows:
    """The events of NDJSON, one a line; blank lines are skipped, but count as rows."""
    lines = body.splitlines()
    numbers = [number for number, line in enumerate(lines, first_line) if line and not line.isspace()]
    read = load if has_long_numbers(body) else orjson.loads  # one scan of the body costs less than one of each line
    values = [_load_line(lines[number - first_line], read) for number in numbers]
    if may_repeat_keys(body, values):
        values = [
            _load_doubtful(lines[number - first_line], value) for number, value in zip(numbers, values, strict=True)
        ]
    return Rows(values, numbers)


def _load_doubtful(line: bytes, value: Json) -> Json:
    """The value of a line, Malformed where its text has a key twice."""
    if isinstance(value, Malformed) or not may_repeat_keys(line, [value]):
        return value
    try:
        key = first_repeated(_marked(line))
    except ValueError as error:
        return Malformed("", f"not JSON: {error}")
    return value if key is None else Malformed("", f"not JSON: {sentence(key)}")


def _load_line(line: bytes, read: Callable[[bytes], Json]) -> Json:
    try:
        return read(line)
    except ValueError as error:
        return Malformed("", f"not JSON: {error}")


def _load_document(body: bytes) -> Json:
    try:
        document = load(body)
        if may_repeat_keys(body, [document]) and (key := first_repeated(_marked(body))):
            raise RepeatedKey(key)
    except ValueError as error:
        raise UnreadableInput(f"the body is not JSON: {error}") from None
    return document


def _marked(text: bytes) -> Json:
    """The value of a text that was read before, its objects with a key twice marked; ValueError if it is too deep."""
    try:
        return parse_marked(text.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None


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


def is_cloud_event(event: Json) -> bool:
    """Whether a JSON value says of itself that it is a CloudEvent."""
    return isinstance(event, dict) and "specversion" in event and "event_type" not in event


def from_cloud_event(event: Json) -> JsonObject | Malformed:
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
    return _with_source({**data, **attributes}, event.get("source"))


def _with_source(event: JsonObject, source: Json) -> JsonObject | Malformed:
    """The event under an id that tells its producer too; one without a source keeps its id."""
    if source is not None and not isinstance(source, str):
        return Malformed("source", "source must be a string")
    if source and SOURCE_SEPARATOR in source:
        return Malformed("source", f"source must not contain {SOURCE_SEPARATOR}, which parts it from the id")
    event_id = event.get("event_id")
    return event | {"event_id": sourced_id(source, event_id)} if source and isinstance(event_id, str) else event


_PARSERS: dict[str, Callable[[bytes], Rows]] = {
    "application/json": _json_events,
    "text/csv": _csv_events,
    "text/tab-separated-values": _csv_events,
    "application/gzip": _events,
    "application/x-ndjson": ndjson_events,
    "application/ndjson": ndjson_events,
    "application/jsonl": ndjson_events,
    "application/cloudevents+json": _cloud_event,
    "application/cloudevents-batch+json": _cloud_event_batch,
}
CONTENT_TYPES = tuple(_PARSERS)

"""The records of JSON files, one a line or many in a document, with their numbers."""

from collections.abc import Iterator
from itertools import islice

from app.services.usage import json_stream
from app.services.usage.content import Content
from app.services.usage.fields import UnreadableInput
from app.services.usage.formats import Rows, ndjson_events
from app.services.usage.json_stream import MAX_VALUE
from simulation.canonical import Json

PIECE = 4 * 2**20  # bytes of lines read at a time
_VALUES = 10_000


def json_records(content: Content, piece_bytes: int = PIECE) -> Iterator[Rows]:
    """The records of a file in pieces, numbered from 1: by its lines, and on from there where one holds several."""
    pieces = _of_lines(content, piece_bytes) if content.file_format == "jsonl" else _of_document(content)
    last = 0
    for rows in pieces:
        if last >= rows.numbers[0] or any(map(_may_wrap, rows.values)):
            rows = _taken_apart(rows, last)
        if rows.numbers:
            last = rows.numbers[-1]
            yield rows


def _may_wrap(value: Json) -> bool:
    """Whether a value may be something else than an event of our own: most are not looked at any closer."""
    return isinstance(value, dict) and "event_id" not in value and "event_type" not in value


def _taken_apart(rows: Rows, last: int) -> Rows:
    numbered = list(json_stream.taken_apart(zip(rows.numbers, rows.values, strict=True), last))
    return Rows([value for _, value in numbered], [number for number, _ in numbered])


def _of_lines(content: Content, piece_bytes: int) -> Iterator[Rows]:
    with content.open() as file:
        first = 1
        while lines := file.readlines(piece_bytes):
            if max(map(len, lines)) > MAX_VALUE:
                raise UnreadableInput(f"has a line of more than {MAX_VALUE:,} bytes: write one event a line")
            rows = ndjson_events(b"".join(lines), first)
            first += len(lines)
            if rows.values:
                yield rows


def _of_document(content: Content) -> Iterator[Rows]:
    with content.open() as file:
        values, first = json_stream.values(file), 1
        while piece := list(islice(values, _VALUES)):
            yield Rows(piece, range(first, first + len(piece)))
            first += len(piece)

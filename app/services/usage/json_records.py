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
    values = _of_lines(content, piece_bytes) if content.file_format == "jsonl" else _of_document(content)
    numbered = json_stream.taken_apart(values)
    while piece := list(islice(numbered, _VALUES)):
        yield Rows([value for _, value in piece], [number for number, _ in piece])


def _of_lines(content: Content, piece_bytes: int) -> Iterator[tuple[int, Json]]:
    with content.open() as file:
        first = 1
        while lines := file.readlines(piece_bytes):
            if max(map(len, lines)) > MAX_VALUE:
                raise UnreadableInput(f"has a line of more than {MAX_VALUE:,} bytes: write one event a line")
            rows = ndjson_events(b"".join(lines), first)
            first += len(lines)
            yield from zip(rows.numbers, rows.values, strict=True)


def _of_document(content: Content) -> Iterator[tuple[int, Json]]:
    with content.open() as file:
        yield from enumerate(json_stream.values(file), 1)

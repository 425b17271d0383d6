"""The first rows of a file: what a preview shows, and a small file of the same kind to judge a column plan by."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from itertools import chain, islice
from pathlib import Path

import orjson

from app.services.usage.content import Content, recognise
from app.services.usage.csv_layout import layout, records
from app.services.usage.fields import UnreadableInput
from app.services.usage.formats import Malformed, load
from app.services.usage.json_records import json_records
from app.services.usage.nested import paths
from simulation.canonical import Json, JsonObject, number_text

HEAD_ROWS = 100
HEAD_BYTES = 2**18  # of lines, read at a time
MAX_COLUMNS = 500


@dataclass(frozen=True)
class Head:
    """The columns of a file and its first rows as texts; None is an absent value. Every row is as long as `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def values(self, position: int) -> list[str]:
        """The values of one column, without absent and empty ones."""
        return [value for row in self.rows if (value := row[position])]


def format_of(path: Path) -> str:
    """The format of a file by what it holds; UnsupportedFormat for archives, spreadsheets and the like."""
    return recognise(path).file_format


def read_head(path: Path, file_format: str | None = None, encoding: str | None = None) -> tuple[Head, bytes]:
    """The first rows of a file, and a plain file of the same kind that holds only them.

    Raises UnreadableInput when the file as a whole is unfit.
    """
    content = recognise(path, file_format, encoding)
    return _READERS[content.file_format](content)


def _csv_head(content: Content) -> tuple[Head, bytes]:
    found = layout(content)
    try:
        rows = list(islice(records(content, found), HEAD_ROWS))
    except csv.Error as error:
        raise UnreadableInput(f"cannot be read as csv: {error}") from None
    copy = StringIO(newline="")
    csv.writer(copy, delimiter=found.delimiter).writerows([found.columns, *rows])
    return _opened(_head(found.columns, rows)), copy.getvalue().encode(errors="surrogateescape")


def _opened(head: Head) -> Head:
    """The head with columns of JSON objects taken apart into the paths of their values."""
    columns: dict[str, list[str | None]] = {}
    for position, name in enumerate(head.columns):
        texts = [row[position] for row in head.rows]
        objects = [_object(text) for text in texts]
        if any(objects) and all(item is not None for item in objects):
            columns |= _columns_of([{name: item} if item else {} for item in objects if item is not None])
        else:
            columns[name] = texts
    if len(columns) < len(head.columns) or len(columns) > MAX_COLUMNS:
        return head  # two columns of one name, which the importer refuses by name
    return Head(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def _object(text: str | None) -> JsonObject | None:
    """The object that a cell holds, empty for an empty cell; None for anything else."""
    if not text:
        return {}
    try:
        value = load(text.encode(errors="replace")) if text.startswith("{") else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _json_head(content: Content) -> tuple[Head, bytes]:
    rows = list(islice(chain.from_iterable(piece.values for piece in json_records(content, HEAD_BYTES)), HEAD_ROWS))
    objects = [value for value in rows if isinstance(value, dict)]
    columns = _columns_of(objects)
    lines = [_line(value) for value in rows]
    return _head(list(columns), zip(*columns.values(), strict=True)), b"".join(lines)


def _columns_of(objects: Sequence[JsonObject]) -> dict[str, list[str | None]]:
    """Every path that some object has, with the texts of all of them."""
    flat = [dict(paths(item)) for item in objects]
    names = dict.fromkeys(name for item in flat for name in item)
    return {name: [_json_text(item.get(name)) for item in flat] for name in names}


def _parquet_head(content: Content) -> tuple[Head, bytes]:
    from app.services.usage import parquet_file  # late: of the three kinds of file one alone needs Arrow

    names, rows, copy = parquet_file.head(content.path, HEAD_ROWS)
    flat = [dict(paths(dict(zip(names, row, strict=True)))) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row)) if flat else names
    texts = [[None if row.get(name) is None else str(row[name]) for name in columns] for row in flat]
    return _head(columns, texts), copy


def _line(value: Json) -> bytes:
    """One record as a line of the copy; what was no JSON stays none."""
    if isinstance(value, Malformed):
        return f"{value.reason}\n".encode(errors="replace")
    try:
        return orjson.dumps(_exact(value)) + b"\n"
    except orjson.JSONEncodeError:  # half a surrogate pair
        return b"not JSON\n"


def _exact(value: Json) -> Json:
    """The value with numbers that a double or 64 bits would change written out."""
    match value:
        case bool():
            return value
        case int() | Decimal():
            return orjson.Fragment(number_text(Decimal(value)))
        case dict():
            return {name: _exact(item) for name, item in value.items()}
        case list():
            return [_exact(item) for item in value]
    return value


def _json_text(value: Json) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, default=str)


def _head(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Head:
    if len(columns) > MAX_COLUMNS:
        raise UnreadableInput(f"has {len(columns):,} columns; at most {MAX_COLUMNS} are read")
    width = len(columns)
    padded = (([*row] + [None] * width)[:width] for row in rows)
    return Head(
        tuple(_printable(name) or "" for name in columns),
        tuple(tuple(_printable(value) or None for value in row) for row in padded),
    )


def _printable(value: str | None) -> str | None:
    """The text with a mark for bytes that are no UTF-8; the importer rejects such values row by row."""
    return value and value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_READERS: dict[str, Callable[[Content], tuple[Head, bytes]]] = {
    "csv": _csv_head,
    "tsv": _csv_head,
    "json": _json_head,
    "jsonl": _json_head,
    "parquet": _parquet_head,
}

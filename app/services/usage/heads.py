"""The first rows of a file: what a preview shows, and a small file of the same kind to judge a column plan by."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from app.services.usage.fields import UnreadableInput, UnsupportedFormat
from app.services.usage.formats import BYTE_ORDER_MARK, ndjson_events
from simulation.canonical import Json

HEAD_ROWS = 100
MAX_COLUMNS = 500
MAX_LINE_BYTES = 2**20  # bytes
_DELIMITERS = ",;\t|"
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"%PDF")


@dataclass(frozen=True)
class Head:
    """The columns of a file and its first rows as texts; None is an absent value. Every row is as long as `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    def values(self, position: int) -> list[str]:
        """The values of one column, without absent and empty ones."""
        return [value for row in self.rows if (value := row[position])]


def format_of(path: Path) -> str:
    """`csv`, `jsonl` or `parquet`, by what the file holds; UnsupportedFormat for archives and JSON arrays."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(_ARCHIVES):
        raise UnsupportedFormat("is an archive or a spreadsheet: save it as CSV, JSON Lines or Parquet, not compressed")
    text = start.removeprefix(BYTE_ORDER_MARK).lstrip()
    if text.startswith(b"["):
        raise UnsupportedFormat("is a JSON array: write one event a line (JSON Lines)")
    return "jsonl" if text.startswith(b"{") else "csv"


def read_head(path: Path, file_format: str) -> tuple[Head, bytes]:
    """The first rows of a file, and a file of the same format that holds only them.

    Raises UnreadableInput when the file as a whole is unfit.
    """
    return {"csv": _csv_head, "jsonl": _lines_head, "parquet": _parquet_head}[file_format](path)


def _csv_head(path: Path) -> tuple[Head, bytes]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        delimiter = max(_DELIMITERS, key=file.readline(MAX_LINE_BYTES).count)
        file.seek(0)
        try:
            records = list(islice(filter(None, csv.reader(file, delimiter=delimiter)), HEAD_ROWS + 1))
        except csv.Error as error:
            raise UnreadableInput(f"cannot be read as csv: {error}") from None
    if not records:
        raise UnreadableInput("is empty: its first line must name the columns")
    copy = StringIO(newline="")
    csv.writer(copy, delimiter=delimiter).writerows(records)
    return _head(records[0], records[1:]), copy.getvalue().encode(errors="surrogateescape")


def _lines_head(path: Path) -> tuple[Head, bytes]:
    with path.open("rb") as file:
        content = b"".join(islice(_lines(file), HEAD_ROWS))
    objects = [value for value in ndjson_events(content).values if isinstance(value, dict)]
    columns = list(dict.fromkeys(name for event in objects for name in event))
    return _head(columns, [[_json_text(event.get(name)) for name in columns] for event in objects]), content


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES):
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            raise UnreadableInput(f"has a line of more than {MAX_LINE_BYTES:,} bytes: write one event a line")
        line = line.removeprefix(BYTE_ORDER_MARK)
        if line.strip():
            yield line


def _parquet_head(path: Path) -> tuple[Head, bytes]:
    from app.services.usage import parquet_file  # late: of the three kinds of file one alone needs Arrow

    columns, rows, content = parquet_file.head(path, HEAD_ROWS)
    texts = [[None if value is None else str(value) for value in row] for row in rows]
    return _head(columns, texts), content


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

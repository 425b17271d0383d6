"""The layout of a CSV file, told by its first lines: delimiter, header, and what stands before the header."""

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice

from app.services.usage.content import Content
from app.services.usage.fields import UnreadableInput
from app.sizes import MAX_LINE_BYTES
from simulation.events import BASE_FIELDS

DELIMITERS = ",;\t|"
HEADER_WITHIN = 30  # lines
_hint = re.compile(r"\"?sep=(.)\"?\s*", re.IGNORECASE)
_USUAL = frozenset(
    {
        *BASE_FIELDS, "timestamp", "time", "date", "datetime", "start_time", "end_time", "created_at", "occurred_at",
        "event", "event_name", "type", "id", "customer", "user_id", "user", "account_id", "model", "quantity",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """`lines_before` stand before the header, a hint about the delimiter among them, but `preamble` leaves it out.

    `is_spaced`: a blank follows each delimiter.
    """

    delimiter: str
    columns: tuple[str, ...]
    lines_before: int
    has_rows: bool
    is_spaced: bool
    preamble: int = 0


def open_text(content: Content) -> TextIOWrapper:
    """The file's text, line ends as they are; bytes that are no UTF-8 are surrogates."""
    return TextIOWrapper(content.open(), encoding="utf-8", errors="surrogateescape", newline="")


def layout(content: Content, expected: Collection[str] = ()) -> Layout:
    """The layout of a CSV file. The header is the first line, or the first whose names are `expected` or usual.

    Raises UnreadableInput, without the file's name, when there is no header.
    """
    with open_text(content) as file:
        lines = _first_lines(file)
    before, delimiter = _header_line(lines, expected, content.file_format)
    with open_text(content) as file:
        for _ in range(before):
            file.readline()
        try:
            rows = csv.reader(file, delimiter=delimiter)
            names = next(filter(None, rows), [])
            "".join(names).encode()
        except (csv.Error, UnicodeEncodeError):
            raise UnreadableInput(
                "is no CSV in UTF-8: its first line must name the columns, or name its encoding"
            ) from None
        has_rows = bool(file.read(1))
    if not any(name.strip() for name in names):
        raise UnreadableInput("is empty: its first line must name the columns")
    later = [name for name in names[1:] if name]
    is_spaced = bool(later) and all(name.startswith(" ") for name in later)
    columns = tuple(name.lstrip(" ") for name in names) if is_spaced else tuple(names)
    for name in columns:
        if name.strip() and columns.count(name) > 1:
            raise UnreadableInput(f"has two columns {name!r}: rename one")
    is_hinted = bool(lines and _hint.fullmatch(lines[0]))
    return Layout(delimiter, columns, before, has_rows, is_spaced, before - is_hinted)


def _first_lines(file: TextIOWrapper) -> list[str]:
    return list(islice(iter(lambda: file.readline(MAX_LINE_BYTES), ""), HEADER_WITHIN))


def _header_line(lines: list[str], expected: Collection[str], file_format: str) -> tuple[int, str]:
    """How many lines stand before the header, and the delimiter."""
    first = lines[0] if lines else ""
    hint = _hint.fullmatch(first)
    if hint:
        return 1, hint[1]
    delimiters = "\t" if file_format == "tsv" else DELIMITERS
    names = {name.casefold() for name in expected} | _USUAL
    if not any(_count_names(first, delimiter, names) for delimiter in delimiters):
        for place, line in enumerate(lines):
            for delimiter in delimiters:
                if _count_names(line, delimiter, names) >= 2:
                    return place, delimiter
    return 0, max(delimiters, key=first.count)


def _count_names(line: str, delimiter: str, names: Collection[str]) -> int:
    return sum(part.strip(' \r\n"').casefold() in names for part in line.split(delimiter))


def records(content: Content, found: Layout) -> Iterator[list[str]]:
    """The rows behind the header as the standard reader splits them, blank ones left out; csv.Error if it cannot."""
    with open_text(content) as file:
        for _ in range(found.lines_before):
            file.readline()
        rows = filter(None, csv.reader(file, delimiter=found.delimiter, skipinitialspace=found.is_spaced))
        next(rows, None)
        yield from rows

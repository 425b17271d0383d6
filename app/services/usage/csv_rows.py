"""Rows of CSV files that no columnar reader takes: quotes that do not pair, a blank behind each delimiter.

A record goes on over line breaks as long as a quote is open, but only if it then has the header's fields. Otherwise
its first line alone is bad, and the next line begins a new record.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

import pyarrow as pa

from app.services.usage.content import Content
from app.services.usage.csv_layout import Layout, open_text
from app.services.usage.fields import Reject

_ROWS = 10_000
_MOST_LINES = 50  # of one record


def lenient_blocks(
    content: Content, found: Layout, *, is_utf8: bool
) -> Iterator[tuple[Sequence[int], pa.RecordBatch, list[Reject]]]:
    """Blocks of text columns, the number of each row, and the rejects of rows that do not fit the header.

    The texts of a file that is not UTF-8 are read as Latin-1, for the caller to restore.
    """
    numbered = enumerate(_records(content, found, is_utf8=is_utf8), 1)
    names = [name or f"\0{place}" for place, name in enumerate(found.columns)]
    while piece := list(islice(numbered, _ROWS)):
        rows = [(number, record) for number, record in piece if isinstance(record, list)]
        columns = zip(*(record for _, record in rows), strict=True) if rows else ((),) * len(names)
        arrays = [pa.array([value or None for value in column], pa.string()) for column in columns]
        rejects = [Reject(number, "", record) for number, record in piece if isinstance(record, str)]
        yield [number for number, _ in rows], pa.RecordBatch.from_arrays(arrays, names), rejects


def _records(content: Content, found: Layout, *, is_utf8: bool) -> Iterator[list[str] | str]:
    """The fields of each record, or why a line is none; blank lines are neither."""
    with open_text(content) as file:
        file.reconfigure(encoding="utf-8" if is_utf8 else "latin-1", errors="strict")
        lines = iter(lambda: file.readline(), "")
        for _ in islice(lines, found.lines_before):
            pass
        is_header = True
        waiting: deque[str] = deque()
        while line := waiting.popleft() if waiting else next(lines, ""):
            if not line.strip("\r\n"):
                continue
            record, used = _record(line, waiting, lines, found)
            for _ in range(used):
                waiting.popleft()
            if not is_header:
                yield record
            is_header = False


def _record(line: str, waiting: deque[str], lines: Iterator[str], found: Layout) -> tuple[list[str] | str, int]:
    """The record that begins with a line, or why there is none, and how many of the waiting lines belong to it."""
    text, used = line, 0
    while text.count('"') % 2 and used < _MOST_LINES:
        if used == len(waiting):
            following = next(lines, "")
            if not following:
                break
            waiting.append(following)
        text, used = text + waiting[used], used + 1
    width = len(found.columns)
    fields = _fields(text, found) if text.count('"') % 2 == 0 else []
    if len(fields) == width:
        return fields, used
    if line.count('"') % 2:
        return "has a quote that is never closed", 0
    return f"has {len(fields)} fields where the header has {width}", 0


def _fields(text: str, found: Layout) -> list[str]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=found.delimiter, skipinitialspace=found.is_spaced)
    try:
        return next(reader, [])
    except csv.Error:
        return []

"""The one way in which a CSV file is written, so that no spreadsheet runs what someone else typed. Pure."""

import csv
import re
from collections.abc import Iterable
from decimal import Decimal

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell begins with that a spreadsheet may run; the last four are the wide forms of the first four."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)

Cell = str | int | Decimal | None


def safe_text(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it; what is a number, such as `-0.5`, stays one."""
    return "'" + text if text.startswith(FORMULA) and not _NUMBER.fullmatch(text) else text


class _Echo:
    """A file whose write returns what is written, so that a csv writer makes one line at a time."""

    @staticmethod
    def write(line: str) -> str:
        return line


def csv_line(cells: Iterable[Cell]) -> str:
    """A line of a CSV file, with its end (`\\r\\n`); None is an empty cell."""
    safe = ["" if cell is None else safe_text(cell) if isinstance(cell, str) else str(cell) for cell in cells]
    line: str = csv.writer(_Echo(), lineterminator="\r\n").writerow(safe)
    return line

"""Reading of files: text batches, a piece at a time, each row with its number.

Rows are numbered from 1: the line in JSON Lines, the data row in CSV (header and blank lines not counted) and Parquet.
"""

from pathlib import Path

import pyarrow as pa

from app.services.usage import csv_file, json_lines, parquet_file
from app.services.usage.fields import Policy, UnreadableInput, UnsupportedFormat
from app.services.usage.mapping import ColumnPlan
from app.services.usage.pieces import Source

_OPENERS = {"csv": csv_file.open_file, "jsonl": json_lines.open_file, "parquet": parquet_file.open_file}
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
FILE_FORMATS = tuple(_OPENERS)


def open_source(path: Path, plan: ColumnPlan, policy: Policy, file_format: str | None = None) -> Source:
    """Open a file by its format, or by its suffix.

    Raises UnsupportedFormat, and UnreadableInput (here or while reading) when the plan contradicts itself or the file
    as a whole is unfit.
    """
    plan.require_consistent()
    file_format = file_format or _SUFFIXES.get(path.suffix.lower())
    if file_format not in _OPENERS:
        raise UnsupportedFormat(f"{path.name}: name its format, one of {', '.join(FILE_FORMATS)}, or use its suffix")
    if not path.is_file():
        raise UnreadableInput(f"{path.name}: no such file")
    try:
        return _OPENERS[file_format](path, plan, policy)
    except pa.ArrowInvalid as error:
        raise UnreadableInput(f"{path.name} cannot be read as {file_format}: {error}") from None

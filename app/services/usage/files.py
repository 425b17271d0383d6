"""Reading of files: text batches, a piece at a time, each row with its number.

Rows are numbered from 1: the line in JSON Lines, the record in JSON, the data row in CSV (header and blank lines not
counted) and Parquet.
"""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from app.services.usage import csv_file, json_lines, parquet_file
from app.services.usage.content import FILE_FORMATS, Content, recognise
from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.mapping import ColumnPlan
from app.services.usage.pieces import Source

__all__ = ("FILE_FORMATS", "open_source")
_OPENERS: dict[str, Callable[[Content, ColumnPlan, Policy], Source]] = {
    "csv": csv_file.open_file,
    "tsv": csv_file.open_file,
    "json": json_lines.open_file,
    "jsonl": json_lines.open_file,
    "parquet": parquet_file.open_file,
}


def open_source(path: Path, plan: ColumnPlan, policy: Policy, file_format: str | None = None) -> Source:
    """Open a file by what it holds, or as the format and in the encoding that the plan names.

    Raises UnsupportedFormat, and UnreadableInput (here or while reading) when the plan contradicts itself or the file
    as a whole is unfit.
    """
    plan.require_consistent()
    if not path.is_file():
        raise UnreadableInput(f"{path.name}: no such file")
    try:
        content = recognise(path, file_format or plan.file_format, plan.encoding)
        return _OPENERS[content.file_format](content, plan, policy)
    except pa.ArrowInvalid as error:
        raise UnreadableInput(f"{path.name} cannot be read as {content.file_format}: {error}") from None
    except UnreadableInput as error:
        raise _named(error, path) from None


def _named(error: UnreadableInput, path: Path) -> UnreadableInput:
    """The refusal with the file's name, which readers of a piece of it do not know."""
    sentence = str(error)
    return error if path.name in sentence else type(error)(f"{path.name} {sentence}")

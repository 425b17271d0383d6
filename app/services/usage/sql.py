"""Parts of the SQL that DuckDB is asked in: names, texts and files, quoted. Only text: no engine is loaded for it."""

from collections.abc import Iterable
from pathlib import Path


def quoted(name: str) -> str:
    """A column name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal in SQL."""
    return "'" + value.replace("'", "''") + "'"


def scan(paths: Iterable[Path]) -> str:
    """The relation of Parquet files read together: columns that a file lacks are NULL."""
    listed = ", ".join(text(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"

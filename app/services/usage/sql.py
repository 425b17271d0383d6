"""Parts of the SQL for DuckDB: names, texts and files, quoted. They are only text: no engine is loaded for them."""

from collections.abc import Iterable
from pathlib import Path


def quoted(name: str) -> str:
    """The name of a column, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def scan(paths: Iterable[Path]) -> str:
    """The relation of Parquet files read together: columns that a file lacks are NULL."""
    listed = ", ".join(text(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"

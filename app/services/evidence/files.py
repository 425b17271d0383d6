"""Evidence as files: the comparison by day, and the raw events, as CSV and as Parquet.

Rows are written as they are read, so that no file is held in memory. CSV has exact numbers, moments in UTC, and no text
that a spreadsheet would run; Parquet has typed columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import TextIOWrapper
from itertools import islice
from tempfile import TemporaryFile
from typing import IO

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent
from app.services.evidence.comparison import in_force
from app.services.evidence.days import daily_comparisons
from rules.csv_cells import csv_line
from simulation.canonical import Json, canonical_text, number_text, timestamp_text

CSV, PARQUET = "csv", "parquet"
FORMATS: Mapping[str, str] = {CSV: "text/csv", PARQUET: "application/vnd.apache.parquet"}
"""Format → media type."""
COMPARISONS, EVENTS = "comparisons", "events"
CHUNK = 2_000

Row = Sequence[Json]
"""One value per column; its column's type knows which."""


@dataclass(frozen=True)
class ColumnType:
    """How a column is written: as text in CSV, as a value of a named type in Parquet (`parquet.TYPES`)."""

    text: Callable[[Json], str]
    type_name: str
    value: Callable[[Json], Json] = lambda value: value


TEXT = ColumnType(str, "text")
WHOLE = ColumnType(str, "whole")
NUMBER = ColumnType(lambda value: number_text(Decimal(value)), "number", Decimal)
DAY = ColumnType(str, "day", date.fromisoformat)
MOMENT = ColumnType(timestamp_text, "moment")
JSON = ColumnType(canonical_text, "text", canonical_text)

COMPARISON_COLUMNS: Mapping[str, ColumnType] = {
    "config_version_id": TEXT,
    "day": DAY,
    "event_type": TEXT,
    "action": TEXT,
    "percent": NUMBER,
    "events": WHOLE,
    "new_customers": WHOLE,
    "customers": WHOLE,
    "forecast_customers": WHOLE,
    "ratio": NUMBER,
    "verdict": TEXT,
}
EVENT_COLUMNS: Mapping[str, ColumnType] = {
    "enforcement_event_id": TEXT,
    "workspace_id": TEXT,
    "customer_id": TEXT,
    "config_version_id": TEXT,
    "occurred_at": MOMENT,
    "event_type": TEXT,
    "context": JSON,
    "client_id": TEXT,
    "sequence": WHOLE,
    "received_at": MOMENT,
}


@dataclass(frozen=True)
class EvidenceTable:
    """A table to write: its columns by name, and its rows, which can be read once."""

    columns: Mapping[str, ColumnType]
    rows: Iterable[Row]


def comparison_table(session: AnySession, config: ConfigVersion, *, now: datetime) -> EvidenceTable:
    """Forecast against observed by day, action and threshold (see `days`)."""
    comparisons = daily_comparisons(session, in_force(session, config, now=now))
    names = list(COMPARISON_COLUMNS)[1:]
    rows = ((config.config_version_id, *(getattr(row, name) for name in names)) for row in comparisons)
    return EvidenceTable(COMPARISON_COLUMNS, rows)


def event_table(session: AnySession, config: ConfigVersion) -> EvidenceTable:
    """Every enforcement event about the config, oldest first, read in pieces of `CHUNK` rows."""
    columns = [getattr(EnforcementEvent, name) for name in EVENT_COLUMNS]
    ordered = (
        sa.select(*columns)
        .filter_by(config_version_id=config.config_version_id)
        .order_by(EnforcementEvent.occurred_at, EnforcementEvent.enforcement_event_id)
        .execution_options(yield_per=CHUNK)
    )
    return EvidenceTable(EVENT_COLUMNS, session.execute(ordered))


def table_of(session: AnySession, config: ConfigVersion, name: str, *, now: datetime) -> EvidenceTable:
    """The table of that name, `COMPARISONS` or `EVENTS`, of a config."""
    return event_table(session, config) if name == EVENTS else comparison_table(session, config, now=now)


def temporary_file(table: EvidenceTable, format_name: str) -> IO[bytes]:
    """The table in a temporary file, open at its beginning; closing it removes it."""
    file = TemporaryFile()  # noqa: SIM115  the answer that sends it closes it
    write_rows(table, format_name, file)
    file.seek(0)
    return file


def file_name(config_version_id: str, table_name: str, format_name: str) -> str:
    """`cfg_1.comparisons.csv`."""
    return f"{config_version_id}.{table_name}.{format_name}"


def write_rows(table: EvidenceTable, format_name: str, file: IO[bytes]) -> None:
    """Write the table into an open binary file, which stays open."""
    (_write_lines if format_name == CSV else _write_parquet)(table, file)


def _write_lines(table: EvidenceTable, file: IO[bytes]) -> None:
    text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    text.write(csv_line(table.columns))
    columns = list(table.columns.values())
    for row in table.rows:
        cells = [None if value is None else column.text(value) for column, value in zip(columns, row, strict=True)]
        text.write(csv_line(cells))
    text.detach()


def _write_parquet(table: EvidenceTable, file: IO[bytes]) -> None:
    from app.services.evidence import parquet  # late: Arrow comes with the first file in its format

    types = {name: column.type_name for name, column in table.columns.items()}
    parquet.write(types, _column_pieces(table), file)


def _column_pieces(table: EvidenceTable) -> Iterator[list[list[Json]]]:
    """Some rows at a time, as the values of each column."""
    columns, remaining = list(table.columns.values()), iter(table.rows)
    while piece := list(islice(remaining, CHUNK)):
        by_column = zip(columns, zip(*piece, strict=True), strict=True)
        yield [[None if value is None else column.value(value) for value in values] for column, values in by_column]

"""Evidence as files: the comparison by day, and the raw events, as CSV and as Parquet.

Rows are written as they are read, so that no file is held in memory. CSV has exact numbers, moments in UTC, and no text
that a spreadsheet would run; Parquet has typed columns.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import TextIOWrapper
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent
from app.services.evidence.comparison import in_force
from app.services.evidence.days import daily_comparisons
from app.services.wording.csv_cells import safe_text
from simulation.canonical import canonical_text, number_text, timestamp_text

CSV, PARQUET = "csv", "parquet"
FORMATS: Mapping[str, str] = {CSV: "text/csv", PARQUET: "application/vnd.apache.parquet"}
"""Format → media type."""
COMPARISONS, EVENTS = "comparisons", "events"
CHUNK = 2_000

Row = Sequence[Any]


@dataclass(frozen=True)
class Kind:
    """How a column is written: as text in CSV, as a value of a type in Parquet."""

    text: Callable[[Any], str]
    arrow: pa.DataType
    value: Callable[[Any], Any] = lambda value: value


TEXT = Kind(safe_text, pa.string())
WHOLE = Kind(str, pa.int64())
NUMBER = Kind(lambda value: number_text(Decimal(value)), pa.decimal128(38, 12), Decimal)
DAY = Kind(str, pa.date32(), date.fromisoformat)
MOMENT = Kind(timestamp_text, pa.timestamp("us", tz="UTC"))
JSON = Kind(canonical_text, pa.string(), canonical_text)

COMPARISON_COLUMNS: Mapping[str, Kind] = {
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
EVENT_COLUMNS: Mapping[str, Kind] = {
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
    """A table to write: columns and an iterator of rows, read once."""

    columns: Mapping[str, Kind]
    rows: Iterable[Row]


def comparison_table(session: Any, config: ConfigVersion, *, now: datetime) -> EvidenceTable:
    """Forecast against observed by day, action and threshold (`evidence_days`)."""
    found = daily_comparisons(session, in_force(session, config, now=now))
    names = list(COMPARISON_COLUMNS)[1:]
    rows = ((config.config_version_id, *(getattr(row, name) for name in names)) for row in found)
    return EvidenceTable(COMPARISON_COLUMNS, rows)


def event_table(session: Any, config: ConfigVersion) -> EvidenceTable:
    """Every enforcement event about the config, oldest first, read in pieces."""
    columns = [getattr(EnforcementEvent, name) for name in EVENT_COLUMNS]
    ordered = (
        sa.select(*columns)
        .filter_by(config_version_id=config.config_version_id)
        .order_by(EnforcementEvent.occurred_at, EnforcementEvent.enforcement_event_id)
        .execution_options(yield_per=CHUNK)
    )
    return EvidenceTable(EVENT_COLUMNS, session.execute(ordered))


def table_of(session: Any, config: ConfigVersion, what: str, *, now: datetime) -> EvidenceTable:
    """`comparisons` or `events` of a config."""
    return event_table(session, config) if what == EVENTS else comparison_table(session, config, now=now)


def temporary_file(table: EvidenceTable, format_name: str) -> IO[bytes]:
    """The table in a temporary file, open at its beginning; who closes it removes it."""
    file = TemporaryFile()  # noqa: SIM115  the answer that sends it closes it
    write_rows(table, format_name, file)
    file.seek(0)
    return file


def file_name(config_version_id: str, what: str, format_name: str) -> str:
    """`cfg_1.comparisons.csv`."""
    return f"{config_version_id}.{what}.{format_name}"


def write_rows(table: EvidenceTable, format_name: str, file: IO[bytes]) -> None:
    """Write the table into an open binary file, which stays open."""
    (_write_csv if format_name == CSV else _write_parquet)(table, file)


def _write_csv(table: EvidenceTable, file: IO[bytes]) -> None:
    text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    line = csv.writer(text, lineterminator="\r\n").writerow
    line(table.columns)
    kinds = list(table.columns.values())
    for row in table.rows:
        line("" if value is None else kind.text(value) for kind, value in zip(kinds, row, strict=True))
    text.detach()


def _write_parquet(table: EvidenceTable, file: IO[bytes]) -> None:
    kinds = table.columns.values()
    schema = pa.schema([(name, kind.arrow) for name, kind in table.columns.items()])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for piece in _pieces(table.rows):
            columns = zip(*piece, strict=True)
            arrays = [_array(kind, values) for kind, values in zip(kinds, columns, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _array(kind: Kind, values: Iterable[Any]) -> pa.Array:
    return pa.array([None if value is None else kind.value(value) for value in values], kind.arrow)


def _pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while piece := list(islice(left, CHUNK)):
        yield piece

"""Evidence as files: golden bytes as CSV, the same values typed as Parquet, nothing that a spreadsheet would run."""

import csv
from datetime import timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.models.base import AnySession
from app.models.transactions import write
from app.services.configs.lookup import get_config
from app.services.evidence import files
from app.services.evidence.events import accept
from rules.csv_cells import safe_text
from simulation.canonical import JsonObject
from tests import factories as f
from tests.services.evidence.test_comparison import FORECAST
from tests.services.golden_files import matches_golden

LATER = f.NOW + timedelta(days=4, hours=5)


@pytest.fixture
def live(session: AnySession) -> AnySession:
    """cfg_1 is active since NOW with the forecast, and seven customers were warned, throttled and blocked."""
    with write(session):
        f.decided_on(session, **FORECAST)
        accept(session, list(map(event, range(1, 8))), actor=f.OPERATOR, now=LATER)
    return session


def event(number: int) -> JsonObject:
    kinds = ("rail_warning_shown", 70), ("rail_warning_shown", 90), ("hard_cap_blocked", 100)
    event_type, percent = kinds[number % 3]
    return {
        "enforcement_event_id": f"enf_{number}",
        "workspace_id": "ws_1",
        "customer_id": f"cust_{number}",
        "config_version_id": "cfg_1",
        "occurred_at": f.NOW + timedelta(hours=13 * number),
        "event_type": event_type,
        "context": {"percent": percent, "used_quantity": Decimal("210.5")},
        **({"client_id": "cli_1", "sequence": number} if number > 1 else {}),
    }


def content(session: AnySession, what: str, format_name: str) -> bytes:
    table = files.table_of(session, get_config(session, "cfg_1"), what, now=LATER)
    with files.temporary_file(table, format_name) as file:
        return file.read()


@pytest.mark.parametrize("what", [files.COMPARISONS, files.EVENTS])
def test_csv_is_the_same_bytes_on_both_engines(live: AnySession, what: str) -> None:
    assert matches_golden(f"evidence.{what}.csv", content(live, what, files.CSV))


@pytest.mark.parametrize("what", [files.COMPARISONS, files.EVENTS])
def test_parquet_holds_what_csv_holds(live: AnySession, what: str) -> None:
    rows = list(csv.DictReader(StringIO(content(live, what, files.CSV).decode())))
    table = pq.read_table(BytesIO(content(live, what, files.PARQUET)))
    columns = files.EVENT_COLUMNS if what == files.EVENTS else files.COMPARISON_COLUMNS
    assert table.column_names == list(columns)
    for line, row in zip(rows, table.to_pylist(), strict=True):
        for name, kind in columns.items():
            value = row[name]
            told = "" if value is None else value if kind is files.JSON else kind.text(value)
            assert told == line[name]


def test_parquet_columns_are_typed(live: AnySession) -> None:
    kinds = dict(zip(*_names_and_types(content(live, files.EVENTS, files.PARQUET)), strict=True))
    assert kinds["occurred_at"] == pa.timestamp("us", tz="UTC")
    assert kinds["sequence"] == pa.int64()
    kinds = dict(zip(*_names_and_types(content(live, files.COMPARISONS, files.PARQUET)), strict=True))
    assert kinds["day"] == pa.date32()
    assert kinds["ratio"] == pa.decimal128(38, 12)


def _names_and_types(parquet: bytes) -> tuple[list[str], list[pa.DataType]]:
    schema = pq.read_schema(BytesIO(parquet))
    return schema.names, schema.types


def test_a_config_without_events_gives_the_heads_alone(live: AnySession) -> None:
    with write(live):
        f.simulated(live, "cfg_2")
    config = get_config(live, "cfg_2")
    for what in (files.COMPARISONS, files.EVENTS):
        with files.temporary_file(files.table_of(live, config, what, now=LATER), files.CSV) as file:
            assert file.read().count(b"\r\n") == 1
        with files.temporary_file(files.table_of(live, config, what, now=LATER), files.PARQUET) as file:
            assert pq.read_table(file).num_rows == 0


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@cmd", "\tx", "\rx"])
def test_no_text_runs_as_a_formula(text: str) -> None:
    table = files.EvidenceTable({"customer_id": files.TEXT}, [(text,)])
    with files.temporary_file(table, files.CSV) as file:
        assert next(csv.reader(StringIO(file.read().decode().split("\r\n", 1)[1], newline="")))[0] == "'" + text
    assert safe_text("plain") == "plain"
    assert safe_text("-1") == "-1"


def test_rows_are_written_in_pieces(live: AnySession) -> None:
    """More rows than a piece: all of them, in order."""
    table = files.EvidenceTable({"number": files.WHOLE}, ((number,) for number in range(2 * files.CHUNK + 1)))
    with files.temporary_file(table, files.PARQUET) as file:
        read = pq.ParquetFile(file)
        assert read.read().column("number").to_pylist() == list(range(2 * files.CHUNK + 1))
        assert read.num_row_groups == 3

"""`avs export evidence`: what an analyst's script would run."""

import csv
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import Result
from flask import Flask

from app.cli import avs
from app.commands.export import export
from app.models.base import db
from app.models.transactions import write
from app.services.evidence.events import accept
from tests import factories as f


@pytest.fixture
def run(sqlite_app: Flask) -> Callable[..., Result]:
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session)
        event = {
            "workspace_id": "ws_1",
            "customer_id": "=cmd",
            "config_version_id": "cfg_1",
            "occurred_at": f.NOW,
            "event_type": "hard_cap_blocked",
        }
        accept(db.session, [event], actor=f.OPERATOR, now=f.NOW)

    def invoke(*arguments: str | Path, exit_code: int = 0) -> Result:
        result = sqlite_app.test_cli_runner().invoke(export, ["evidence", *map(str, arguments)])
        assert result.exit_code == exit_code, result.output
        return result

    return invoke


def test_the_comparison_is_printed_as_csv(run: Callable[..., Result]) -> None:
    assert run("cfg_1").stdout.startswith("config_version_id,day,event_type,action,percent,")


def test_raw_events_are_safe_for_a_spreadsheet(run: Callable[..., Result]) -> None:
    (row,) = csv.DictReader(StringIO(run("cfg_1", "--rows", "events").stdout))
    assert (row["customer_id"], row["event_type"]) == ("'=cmd", "hard_cap_blocked")


def test_parquet_is_written_as_bytes_to_the_terminal_or_a_file(run: Callable[..., Result], tmp_path: Path) -> None:
    printed = run("cfg_1", "--rows", "events", "--format", "parquet").stdout_bytes
    target = tmp_path / "events.parquet"
    run("cfg_1", "--rows", "events", "--format", "parquet", "--out", target)
    assert pq.read_table(BytesIO(printed)) == pq.read_table(target)


def test_a_config_that_does_not_exist_is_named(run: Callable[..., Result]) -> None:
    assert "'cfg_none'" in run("cfg_none", exit_code=1).output


def test_the_command_is_part_of_avs(sqlite_app: Flask) -> None:
    result = sqlite_app.test_cli_runner().invoke(avs, ["export", "--help"])
    assert "evidence" in result.output

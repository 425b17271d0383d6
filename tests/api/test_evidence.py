"""A decision's evidence by day and by event: as JSON that is published, as CSV and Parquet that tools read."""

import csv
from io import BytesIO, StringIO

import pyarrow.parquet as pq
import pytest

from app.models.base import db
from app.models.transactions import write
from app.services.configs.lookup import newest_decision
from simulation.canonical import JsonObject
from tests import factories as f
from tests.api.conftest import Api, exact

FORECAST = {
    "window": {"days": 30},
    "enforcement_forecast": {
        "thresholds": [{"percent": 100, "action": "block", "customers": 4}],
        "spend_cap": None,
        "customers_over_spend_cap": None,
    },
}


@pytest.fixture
def reported(studio: Api) -> Api:
    """cfg_1 blocked twenty customers on its second day where four were forecast; one number is missing."""
    with write(db.session):
        row = f.config(db.session)
        f.run(db.session, row, outputs=f.outputs(**FORECAST))
        f.approve(db.session)
    studio.post("/api/enforcement-events", [event(number) for number in range(1, 22) if number != 7], 202)
    return studio


def event(number: int) -> JsonObject:
    return {
        "enforcement_event_id": f"enf_{number:02}",
        "workspace_id": "ws_1",
        "customer_id": f"cust_{number}",
        "config_version_id": "cfg_1",
        "occurred_at": "2026-01-16T10:00:00Z",
        "event_type": "hard_cap_blocked",
        "context": {"percent": 100, "action": "block"},
        "client_id": "cli_1",
        "sequence": number,
    }


def address(tail: str = "") -> str:
    return f"/api/decision-records/{newest_decision(db.session, 'cfg_1').decision_id}/evidence{tail}"


def file_of(api: Api, path: str) -> tuple[str | None, str, bytes]:
    """A file's answer; the checked client reads JSON alone."""
    with api.client.get(path) as answer:
        assert answer.status_code == 200
        return answer.mimetype, answer.headers["Content-Disposition"], answer.data


def test_the_evidence_names_limits_clients_and_every_day(reported: Api) -> None:
    found = exact(reported.get(address()))
    (limit,) = found["evidence"]["by_threshold"]
    assert (limit["percent"], limit["action"], limit["customers"], limit["verdict"]) == (
        100,
        "block",
        20,
        "more_than_forecast",
    )
    (client,) = found["evidence"]["reporters"]["listed"]
    assert (client["client_id"], client["missing"], client["missing_ranges"]) == ("cli_1", 1, [[7, 7]])
    days = [row for row in found["comparisons"] if row["percent"] == 100]
    assert [(row["day"], row["customers"], row["verdict"]) for row in days[:2]] == [
        ("2026-01-15", 0, "too_early"),
        ("2026-01-16", 20, "more_than_forecast"),
    ]


def test_the_gap_closes_when_the_late_event_arrives(reported: Api) -> None:
    reported.post("/api/enforcement-events", event(7), 202)
    (client,) = reported.get(address()).json["evidence"]["reporters"]["listed"]
    assert (client["missing"], client["missing_ranges"]) == (0, [])


def test_the_comparison_comes_as_csv_and_parquet_with_the_same_rows(reported: Api) -> None:
    kind, named, content = file_of(reported, address("?format=csv"))
    assert (kind, named) == ("text/csv", "attachment; filename=cfg_1.comparisons.csv")
    rows = list(csv.DictReader(StringIO(content.decode())))
    assert len(rows) == len(reported.get(address("?format=json")).json["comparisons"])
    kind, named, content = file_of(reported, address("?format=parquet"))
    assert (kind, named) == ("application/vnd.apache.parquet", "attachment; filename=cfg_1.comparisons.parquet")
    assert [row["verdict"] for row in pq.read_table(BytesIO(content)).to_pylist()] == [row["verdict"] for row in rows]


def test_the_raw_events_come_as_csv_unless_parquet_is_asked_for(reported: Api) -> None:
    kind, named, content = file_of(reported, address("/events"))
    assert (kind, named) == ("text/csv", "attachment; filename=cfg_1.events.csv")
    rows = list(csv.DictReader(StringIO(content.decode())))
    assert [row["enforcement_event_id"] for row in rows] == [f"enf_{n:02}" for n in range(1, 22) if n != 7]
    _, _, content = file_of(reported, address("/events?format=parquet"))
    assert pq.read_table(BytesIO(content)).column("sequence").to_pylist() == [int(row["sequence"]) for row in rows]


@pytest.mark.parametrize("tail", ["?format=xlsx", "/events?format=json", "?rows=1"])
def test_a_format_that_is_not_made_is_named(reported: Api, tail: str) -> None:
    (error,) = reported.get(address(tail), 400).json["errors"]
    assert error["pointer"] in ("format", "rows")


@pytest.mark.parametrize("tail", ["", "/events"])
def test_an_unknown_decision_is_not_found(sqlite_api: Api, tail: str) -> None:
    assert sqlite_api.get(f"/api/decision-records/dec_none/evidence{tail}", 404).json["code"] == "not_found"

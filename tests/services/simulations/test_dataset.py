"""Whether the events that a run stands on have changed since, and how much that came to."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import usage_events
from app.models.base import db
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.configs.reading import read_config
from app.services.simulations.dataset import change_since, compared
from app.services.simulations.usage_facts import findings_with_usage
from app.services.usage.coverage import Coverage
from rules.draft import DatasetChange
from rules.enums import HistoricalWindow
from simulation.canonical import Json
from simulation.output_shapes import CoveredDocument, DatasetDocument
from tests import factories as f
from tests.present import present
from tests.services import review_runs as r

UNCHANGED = DatasetChange(status="unchanged")


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    client = sqlite_app.test_client()
    r.prepared(client)
    return client


def late(client: FlaskClient, event_id: str, ts: str, **changes: Json) -> None:
    event = {
        "event_id": event_id,
        "ts": ts,
        "event_type": "video_render_completed",
        "workspace_id": f.WORKSPACE,
        "customer_id": "cust_1",
        "segment": f.SEGMENT,
        "resolution": "HD",
        "render_mode": "production",
        "output_minutes": 1,
    } | changes
    answer = client.post("/api/usage-events", json=[event])
    assert present(answer.json)["accepted"] == 1


def change(run: SimulationRun) -> DatasetChange:
    return change_since(db.session, usage_events().store, run.simulation_run_id)


def codes() -> list[str]:
    reading = read_config(db.session, "cfg_1")
    found = findings_with_usage(db.session, usage_events().store, reading, now=f.NOW)
    return [finding.code for finding in found if finding.code == "simulation_dataset_changed"]


def test_a_run_over_events_that_are_still_the_same_is_left_alone(client: FlaskClient) -> None:
    assert change(r.simulated()) == UNCHANGED
    assert codes() == []


def test_usage_that_arrives_for_the_time_after_the_run_is_no_change(client: FlaskClient) -> None:
    run = r.simulated()
    late(client, "live", "2026-01-15T00:00:01Z")
    late(client, "later", "2026-03-01T00:00:00Z")
    assert change(run) == UNCHANGED


def test_late_usage_is_counted_in_the_window_and_before_it(client: FlaskClient) -> None:
    run = r.simulated()
    late(client, "late", "2026-01-05T00:00:00Z")
    late(client, "history", "2025-06-01T00:00:00Z")
    assert change(run) == DatasetChange(status="changed", added=1, added_before=1)
    assert codes() == ["simulation_dataset_changed"]


def test_usage_of_another_segment_is_no_change_of_a_run_about_one(client: FlaskClient) -> None:
    run, of_all = r.simulated(), r.simulated(segment=None)
    late(client, "other", "2026-01-05T00:00:00Z", segment="enterprise")
    assert (change(run), change(of_all)) == (UNCHANGED, DatasetChange(status="changed", added=1))


def test_simulating_again_settles_it(client: FlaskClient) -> None:
    r.simulated()
    late(client, "late", "2026-01-05T00:00:00Z")
    assert change(r.simulated()) == UNCHANGED
    assert codes() == []


def test_the_demo_events_never_change(client: FlaskClient) -> None:
    run = r.simulated(window=HistoricalWindow.MOCKED, as_of=None)
    late(client, "late", "2026-01-05T00:00:00Z")
    assert change(run).status == "fixed"
    assert "covered" not in run.dataset


def test_of_a_run_of_an_earlier_version_it_is_not_known(client: FlaskClient) -> None:
    run = r.simulated()
    with write(db.session):
        stored = db.session.get_one(SimulationRun, run.simulation_run_id)
        stored.dataset = DatasetDocument(
            source=run.dataset["source"],
            row_count=run.dataset["row_count"],
            newest_ts=run.dataset["newest_ts"],
            digest=run.dataset["digest"],
            engine_version=run.dataset["engine_version"],
        )
    late(client, "late", "2026-01-05T00:00:00Z")
    assert change(run).status == "unknown"
    assert codes() == []


def test_events_that_are_gone_and_events_that_came_are_told_apart_by_month() -> None:
    before: CoveredDocument = {"before_window": 7, "window": {"2026-01": 5, "2026-02": 3}, "digest": "a"}
    now = Coverage(6, {"2026-01": 2, "2026-02": 1207}, "b")
    expected = DatasetChange(status="changed", added=1204, removed=3, removed_before=1)
    assert compared(before, now) == expected


def test_a_corrected_event_is_a_change_although_there_are_as_many() -> None:
    before: CoveredDocument = {"before_window": 0, "window": {"2026-01": 5}, "digest": "a"}
    assert compared(before, Coverage(0, {"2026-01": 5}, "b")) == DatasetChange(status="changed")


def test_a_run_keeps_what_it_covers_beside_the_fingerprint_of_the_whole(client: FlaskClient) -> None:
    late(client, "next_month", "2026-02-10T00:00:00Z")
    run = r.simulated()
    assert run.dataset["row_count"] == 4
    covered = run.dataset["covered"]
    assert (covered["before_window"], covered["window"]) == (0, {"2025-12": 1, "2026-01": 2})

"""The live line beside an event mapping: over stored events, over the demo events, and while nothing can be counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.workspace import Workspace
from app.services.simulations.live_line import DEMO, USAGE, Counted, LiveLine, incomplete, live_line
from app.services.usage.fields import Policy
from app.services.usage.formats import parse_body
from app.services.usage.store import EventStore, UsageEvents
from seed.loader import DEMO_EVENTS
from simulation.canonical import Json, JsonObject
from tests.factories import HD_MINUTE

NEWEST = datetime(2026, 3, 31, 12, tzinfo=UTC)
HD = {
    "event_type": "video_render_completed",
    "filters": {"resolution": "HD"},
    "aggregation": {"type": "sum", "field": "output_minutes"},
}


@pytest.fixture
def events(tmp_path: Path) -> Iterator[UsageEvents]:
    store = EventStore(tmp_path / "usage")
    yield UsageEvents(store, DEMO_EVENTS)
    store.close()


def workspace(data_mode: str = "csv_upload") -> Workspace:
    return Workspace(workspace_id="ws_1", workspace_name="Lumina", operator_role="founder", data_mode=data_mode)


def report(events: UsageEvents, *rendered: dict[str, Any]) -> None:
    """Store renders: `days` before the newest, minutes and resolution."""
    rows = [
        {
            "event_id": f"evt_{number}",
            "ts": (NEWEST - timedelta(days=render.get("days", 0))).isoformat(),
            "event_type": "video_render_completed",
            "workspace_id": "ws_1",
            "customer_id": render.get("customer_id", "cust_1"),
            "segment": render.get("segment", "smb"),
            "resolution": render.get("resolution", "HD"),
            "output_minutes": render.get("output_minutes", 1),
        }
        for number, render in enumerate(rendered)
    ]
    store(events, rows)


def store(events: UsageEvents, rows: list[dict[str, Any]]) -> None:
    policy = Policy("ws_1", {}, extend_catalog=True)
    receipt = events.store.ingest(parse_body(orjson.dumps(rows), "application/json"), policy)
    assert receipt.accepted == len(rows), receipt.rejects


def counted(line: LiveLine) -> Counted:
    assert line.counted is not None, line.problem
    return line.counted


def test_it_counts_the_thirty_days_before_the_newest_event_and_shows_the_newest_three(events: UsageEvents) -> None:
    report(
        events,
        {"days": 0, "output_minutes": 2},
        {"days": 1, "output_minutes": "0.5"},
        {"days": 2, "output_minutes": 4, "resolution": "4K"},
        {"days": 3, "output_minutes": 8},
        {"days": 29, "output_minutes": 16},
        {"days": 30, "output_minutes": 32},
    )
    line = live_line(events, workspace(), None, HD, NEWEST)
    assert (line.source, line.problem, counted(line).window.as_of) == (USAGE, "", NEWEST)
    preview = counted(line).preview
    assert (preview.events, preview.units) == (4, Decimal("26.5"))
    assert [sample["event_id"] for sample in preview.samples] == ["evt_0", "evt_1", "evt_3"]
    assert counted(line).columns == ["output_minutes", "resolution"]


def test_when_no_event_passes_the_filters_it_says_how_many_there_were(events: UsageEvents) -> None:
    report(events, {}, {"days": 1})
    line = live_line(events, workspace(), None, HD | {"filters": {"resolution": "8K"}}, NEWEST)
    assert (counted(line).preview.events, counted(line).of_its_type) == (0, 2)


def test_what_matches_no_unit_of_the_cycle_is_said_by_value(events: UsageEvents) -> None:
    report(
        events,
        {"resolution": "HD"},
        {"resolution": "4K", "output_minutes": 2},
        {"resolution": "8K", "output_minutes": 30},
        {"resolution": "8K", "output_minutes": 60},
        {"resolution": "SD", "output_minutes": 5, "days": 31},
    )
    others = {"vu_4k": HD | {"filters": {"resolution": "4K"}}, "vu_draft": None}
    usage = counted(live_line(events, workspace(), None, HD, NEWEST, others)).usage
    assert (usage["events"], usage["unmatched_events"]) == (4, 2)
    assert usage["quantities"][0]["unmatched_quantity"] == 90
    assert [(row["values"], row["events"]) for row in usage["values"]] == [({"resolution": "8K"}, 2)]
    alone = counted(live_line(events, workspace(), None, HD, NEWEST)).usage
    assert alone["unmatched_events"] == 3


def test_without_a_filter_every_event_counts(events: UsageEvents) -> None:
    report(events, {}, {"resolution": "8K"})
    usage = counted(live_line(events, workspace(), None, HD | {"filters": {}}, NEWEST)).usage
    assert (usage["events"], usage["unmatched_events"], usage["values"]) == (2, 0, [])


def test_a_segment_has_its_own_newest_event(events: UsageEvents) -> None:
    report(events, {"segment": "enterprise"}, {"days": 40, "output_minutes": 3}, {"days": 41, "output_minutes": 4})
    line = live_line(events, workspace(), "smb", HD, NEWEST)
    assert counted(line).window.as_of == NEWEST - timedelta(days=40)
    assert counted(line).preview.units == 7
    assert live_line(events, workspace(), "nobody", HD, NEWEST).problem == "No usage events have arrived yet."


def test_new_events_change_the_line(events: UsageEvents) -> None:
    report(events, {})
    assert counted(live_line(events, workspace(), None, HD, NEWEST)).preview.events == 1
    row: JsonObject = {"event_id": "evt_new", "ts": NEWEST.isoformat(), "event_type": "video_render_completed"}
    row |= {"workspace_id": "ws_1", "customer_id": "cust_2", "segment": "smb", "resolution": "HD", "output_minutes": 1}
    store(events, [row])
    assert counted(live_line(events, workspace(), None, HD, NEWEST)).preview.events == 2


def test_a_mocked_workspace_without_events_is_asked_about_the_demo_events(events: UsageEvents) -> None:
    line = live_line(events, workspace("mocked"), "anything", HD, NEWEST)
    assert (line.source, line.segment) == (DEMO, None)
    assert (counted(line).preview.events, counted(line).preview.units) == (2, Decimal(10))
    assert [sample["event_id"] for sample in counted(line).preview.samples] == ["evt_1002", "evt_1001"]


def test_without_events_and_without_demo_data_it_says_so(events: UsageEvents) -> None:
    assert live_line(events, workspace(), None, HD, NEWEST).problem == "No usage events have arrived yet."


def test_the_demo_and_the_store_count_the_same(events: UsageEvents) -> None:
    demo = orjson.loads(DEMO_EVENTS.read_bytes())
    asked = [HD, HD | {"filters": {}}, HD_MINUTE["event_mapping"]]
    asked.append(HD | {"aggregation": {"type": "distinct_count", "field": "customer_id"}})
    before = [counted(live_line(events, workspace("mocked"), None, mapping, NEWEST)) for mapping in asked]
    own = [row | {"workspace_id": "ws_1"} for row in demo]
    store(events, own)
    after = [live_line(events, workspace("mocked"), None, mapping, NEWEST) for mapping in asked]
    assert [line.source for line in after] == [USAGE] * len(asked)
    assert [counted(line).preview for line in after] == [item.preview for item in before]
    assert [counted(line) for line in after] == before


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (None, "Choose the event"),
        ({"filters": {"resolution": "HD"}}, "Choose the event"),
        ({"event_type": "x"}, "Choose how"),
        ({"event_type": "x", "aggregation": {"type": "sum"}}, "Choose the field that sum works on"),
        ({"event_type": "x", "aggregation": {"type": "distinct_count", "field": ""}}, "distinct count"),
        ({"event_type": "x", "aggregation": {"type": "median", "field": "y"}}, "cannot be metered"),
    ],
)
def test_a_mapping_that_cannot_be_metered_says_what_is_missing(events: UsageEvents, mapping: Json, says: str) -> None:
    report(events, {})
    line = live_line(events, workspace(), None, mapping, NEWEST)
    assert line.counted is None
    assert says in line.problem


@given(st.dictionaries(st.sampled_from(["event_type", "filters", "aggregation"]), st.none() | st.just({})))
def test_no_mapping_in_pieces_breaks_it(mapping: dict[str, Any]) -> None:
    assert incomplete(mapping)


def test_an_event_of_the_future_moves_no_window(events: UsageEvents) -> None:
    report(events, {"days": 0, "output_minutes": 2}, {"days": -27_000, "output_minutes": 64})
    line = counted(live_line(events, workspace(), None, HD, NEWEST))
    assert (line.window.as_of, line.preview.units) == (NEWEST, Decimal(2))

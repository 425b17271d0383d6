"""The summary of a workspace's events agrees with counting them one by one."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services.usage.fields import Policy
from app.services.usage.formats import Rows
from app.services.usage.store import EventStore
from app.services.usage.summary import DAYS, customer_segments, usage_summary

POLICY = Policy("ws_1", {"a": frozenset(), "b": frozenset()})
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 2, 28))  # noqa: DTZ001
EVENTS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), MOMENTS), max_size=40)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    store = EventStore(tmp_path / "usage")
    yield store
    store.close()


def event(number: int, event_type: str, customer: str, moment: datetime, segment: str = "smb") -> dict[str, str]:
    ts = moment.isoformat() + "Z"
    return {"event_id": f"e{number}", "ts": ts, "event_type": event_type, "customer_id": customer, "segment": segment}


def test_an_empty_workspace_has_no_moments(store: EventStore) -> None:
    summary = usage_summary(store, "ws_1")
    assert (summary.events, summary.customers, summary.event_types, summary.days) == (0, 0, (), ())
    assert summary.first_ts is summary.last_ts is None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_counts_by_type_and_day_are_those_of_the_events(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str, datetime]]
) -> None:
    store = EventStore(tmp_path_factory.mktemp("usage"))
    store.ingest(Rows.counted([event(number, *row) for number, row in enumerate(events)]), POLICY)
    summary = usage_summary(store, "ws_1")
    store.close()
    assert summary.events == len(events)
    assert summary.customers == len({customer for _, customer, _ in events})
    assert {row.event_type: row.events for row in summary.event_types} == Counter(kind for kind, _, _ in events)
    assert summary.first_ts == min((moment.replace(tzinfo=UTC) for _, _, moment in events), default=None)
    days = Counter(moment.date() for _, _, moment in events)
    assert [(row.day, row.events) for row in summary.days] == sorted(days.items(), reverse=True)[:DAYS]


def test_new_events_are_seen_at_once(store: EventStore) -> None:
    store.ingest(Rows.counted([event(1, "a", "x", datetime(2026, 1, 1))]), POLICY)  # noqa: DTZ001
    assert usage_summary(store, "ws_1").events == 1
    store.ingest(Rows.counted([event(2, "a", "y", datetime(2026, 1, 2))]), POLICY)  # noqa: DTZ001
    summary = usage_summary(store, "ws_1")
    assert (summary.events, summary.days[0].day) == (2, date(2026, 1, 2))


def test_a_customer_is_of_the_segment_of_its_newest_event(store: EventStore) -> None:
    rows = [event(1, "a", "x", datetime(2026, 2, 1), "pro"), event(2, "a", "x", datetime(2026, 1, 1), "starter")]  # noqa: DTZ001
    store.ingest(Rows.counted(rows), POLICY)
    assert customer_segments(store, "ws_1") == [("x", "pro")]
    assert customer_segments(store, "ws_2") == []

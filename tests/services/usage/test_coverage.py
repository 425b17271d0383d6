"""What a question covers, counted and fingerprinted: the same however it lies in files, and no more than its scope."""

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services.usage.coverage import Coverage, Scope, coverage
from app.services.usage.store import EventStore
from tests.services.usage.conftest import event, put

AS_OF = datetime(2026, 3, 15, 12, tzinfo=UTC)
START = AS_OF - timedelta(days=30)
SMB = Scope("ai_video_smb", START, AS_OF)
ALL = Scope(None, START, AS_OF)
TIMES = ("2026-01-20T00:00:00Z", "2026-02-01T00:00:00Z", "2026-02-20T00:00:00Z", "2026-03-15T12:00:00Z")


def seen(store: EventStore, scope: Scope = SMB) -> Coverage:
    return coverage(store, "ws_1", scope)


def filled(store: EventStore) -> Coverage:
    """Two events before the window, one in each of its two months; the last at the very end of the scope."""
    put(store, *(event(f"e{number}", ts=ts) for number, ts in enumerate(TIMES)))
    return seen(store)


def test_events_are_counted_before_the_window_and_in_it_by_month(store: EventStore) -> None:
    covered = filled(store)
    assert (covered.before_window, covered.window) == (2, {"2026-02": 1, "2026-03": 1})


def test_nothing_stored_is_nothing_covered(store: EventStore) -> None:
    assert seen(store) == Coverage(0, {}, "0" * 64)


def test_usage_that_arrives_for_a_later_time_changes_nothing(store: EventStore) -> None:
    covered = filled(store)
    put(store, event("later", ts="2026-03-15T12:00:00.000001Z"), event("next", ts="2026-04-01T00:00:00Z"))
    assert seen(store) == covered


def test_usage_of_another_segment_changes_only_a_question_about_all_of_them(store: EventStore) -> None:
    covered, of_all = filled(store), seen(store, ALL)
    put(store, event("other", ts=TIMES[2], segment="ai_video_enterprise"))
    assert seen(store) == covered
    assert seen(store, ALL).window == {"2026-02": 2, "2026-03": 1}
    assert seen(store, ALL).digest != of_all.digest


def test_late_usage_in_the_window_and_before_it_changes_counts_and_digest(store: EventStore) -> None:
    covered = filled(store)
    put(store, event("late", ts="2026-03-01T00:00:00Z"), event("older", ts="2025-12-01T00:00:00Z"))
    now = seen(store)
    assert (now.before_window, now.window) == (3, {"2026-02": 1, "2026-03": 2})
    assert now.digest != covered.digest


def test_as_many_events_of_other_content_have_another_digest(store: EventStore) -> None:
    covered = filled(store)
    other = EventStore(store.root.parent / "other")
    put(other, *(event(f"e{number}", ts=ts, output_minutes=Decimal(9)) for number, ts in enumerate(TIMES)))
    now = seen(other)
    assert (now.before_window, now.window) == (covered.before_window, covered.window)
    assert now.digest != covered.digest
    other.close()


def test_files_that_were_written_before_the_index_knew_segments_are_read_once(store: EventStore) -> None:
    put(store, event("other", ts=TIMES[2], segment="ai_video_enterprise"))
    covered = filled(store)
    store.close()
    with sqlite3.connect(store.root / "index.sqlite") as index:
        index.execute("UPDATE file SET segments = NULL")
    again = EventStore(store.root)
    assert seen(again) == covered
    assert all(file.segments for file in again.snapshot("ws_1").files)
    again.close()


def test_an_index_of_an_earlier_version_gets_the_column_and_goes_on(store: EventStore) -> None:
    covered = filled(store)
    store.close()
    with sqlite3.connect(store.root / "index.sqlite") as index:
        index.execute("ALTER TABLE file DROP COLUMN segments")
    again = EventStore(store.root)
    assert seen(again) == covered
    put(again, event("late", ts=TIMES[2]))
    assert seen(again).window == {"2026-02": 2, "2026-03": 1}
    again.close()


DAYS = st.integers(0, 100)
EVENTS = st.lists(st.tuples(DAYS, st.sampled_from(["smb", "enterprise"]), st.integers(0, 3)), max_size=25)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(EVENTS, st.integers(31, 100), st.booleans(), st.integers(1, 5))
def test_what_is_covered_depends_on_the_events_in_scope_alone(
    store: EventStore, events: list[tuple[int, str, int]], day: int, one_segment: bool, batch: int
) -> None:
    """Against the same events in scope in a store of their own, put in as one batch."""
    scope = Scope("smb" if one_segment else None, FIRST + timedelta(days=day - 30), FIRST + timedelta(days=day))
    rows = [
        (FIRST + timedelta(days=at), event(f"e{n}", ts=f"{FIRST + timedelta(days=at):%Y-%m-%dT%H:%M:%SZ}", **more))
        for n, (at, segment, minutes) in enumerate(events)
        for more in [{"segment": segment, "output_minutes": minutes}]
    ]
    in_scope = [row for ts, row in rows if ts <= scope.as_of and scope.segment in (None, row["segment"])]
    folder = store.root.parent / f"case_{len(list(store.root.parent.iterdir()))}"
    spread, alone = EventStore(folder / "spread"), EventStore(folder / "alone")
    for at in range(0, len(rows), batch):
        put(spread, *(row for _, row in rows[at : at + batch]))
        spread.flush("ws_1")
    put(alone, *in_scope)
    covered = coverage(spread, "ws_1", scope)
    assert covered == coverage(alone, "ws_1", scope)
    assert covered.before_window + sum(covered.window.values()) == len(in_scope)
    spread.close()
    alone.close()

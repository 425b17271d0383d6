"""Usage that was stored before numbers were read as they are now: nobody's events stay at nothing in silence."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.services.usage.stats import usage_stats
from app.services.usage.store import EventStore
from tests.services.usage.conftest import event, put, stored

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def grow_old(store: EventStore) -> None:
    """Make the files what they were: named without a rule, and without the numbers that it did not read."""
    with store.index.writing() as connection:
        for path, digest in connection.execute("SELECT path, digest FROM file").fetchall():
            old = str(Path(path).with_name(f"{digest}.parquet"))
            table = pq.read_table(store.root / path, partitioning=None)
            kept = [name for name in table.column_names if name != "n_output_minutes"]
            pq.write_table(table.select(kept), store.root / old)
            (store.root / path).unlink()
            connection.execute(
                "UPDATE file SET path = ?, numbers = '[\"context_tokens\"]', sha256 = NULL, size = NULL WHERE path = ?",
                (old, path),
            )


@pytest.fixture
def old(store: EventStore) -> EventStore:
    """A store of one month and one day, in which doubles were kept as texts alone."""
    tokens = {"event_type": "llm_request", "context_tokens": 7}
    put(store, event("a", output_minutes=0.1 + 0.2), event("b", output_minutes=50 / 60), event("c", **tokens))
    put(store, event("d", ts="2026-02-02T00:00:00Z", output_minutes="3,5"))
    store.flush("ws_1")
    grow_old(store)
    return store


def test_numbers_that_were_stored_as_texts_alone_count_the_next_time_somebody_looks(old: EventStore) -> None:
    sums = {row.event_type: row.sums for row in usage_stats(old, "ws_1", NOW)}
    assert sums == {
        "video_render_completed": {"output_minutes": Decimal("1.133333333333")},
        "llm_request": {"context_tokens": Decimal(7)},
    }


def test_reading_again_changes_no_event_and_no_fingerprint(store: EventStore, old: EventStore) -> None:
    with old.index.reading() as connection:
        before = connection.execute("SELECT month, rows, digest FROM file ORDER BY month").fetchall()
    files = store.snapshot("ws_1").files
    assert [(file.month, file.rows, file.digest) for file in files] == before
    assert [row["event_id"] for row in stored(store)] == ["a", "b", "c", "d"]
    assert [file.numbers for file in files] == [("context_tokens", "output_minutes"), ("context_tokens",)]


def test_a_file_is_read_again_once(old: EventStore) -> None:
    first = old.snapshot("ws_1")
    stamps = [path.stat().st_mtime_ns for path in first.paths]
    assert old.snapshot("ws_1") == first
    assert [path.stat().st_mtime_ns for path in first.paths] == stamps


def test_files_of_an_earlier_rule_are_read_again_before_they_are_merged(old: EventStore) -> None:
    with old.maintaining():
        old.compact("ws_1", fan_in=1000)
    assert "n_output_minutes" in stored(old)[0]

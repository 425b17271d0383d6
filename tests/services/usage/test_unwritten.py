"""What the store cannot write as Parquet now is read all the same, with the same figures and the same digest."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import pytest

from app import patience
from app.file_lock import exclusive
from app.services.usage.stats import usage_stats
from app.services.usage.store import EventStore
from app.services.usage.summary import usage_summary
from tests.services.usage.conftest import event, put, stored

NOW = datetime(2026, 3, 1, tzinfo=UTC)
Result = TypeVar("Result")


@contextmanager
def unwritable(store: EventStore) -> Iterator[None]:
    """Somebody else moves the store's files, for longer than a request waits."""
    with exclusive(store.root / "maintenance.lock"):
        yield


def asked(question: Callable[[], Result]) -> Result:
    """The answer to a request, which is in a hurry."""
    answers: list[Result] = []

    def request() -> None:
        patience.hurry(0.05)
        answers.append(question())

    thread = threading.Thread(target=request)
    thread.start()
    thread.join(30)
    return answers[0]


def test_a_reading_has_every_event_while_the_store_cannot_write(store: EventStore) -> None:
    put(store, event("a"), event("b", ts="2026-02-02T10:00:00Z"))
    store.flush("ws_1")
    put(store, event("c"), event("d", customer_id="cust_2002"))
    with unwritable(store):
        unwritten = asked(lambda: store.snapshot("ws_1"))
        summary = asked(lambda: usage_summary(store, "ws_1"))
        stats = asked(lambda: usage_stats(store, "ws_1", NOW))
        assert asked(lambda: store.snapshot("ws_1")).paths == unwritten.paths
        put(store, event("e"))
        assert asked(lambda: store.snapshot("ws_1")).row_count == 5
    assert (unwritten.row_count, summary.events, summary.customers) == (4, 4, 2)
    assert [row["event_id"] for row in stored(store)] == ["a", "b", "c", "d", "e"]
    store.withdraw("ws_1", ["e"])
    written = store.snapshot("ws_1")
    assert (written.digest, written.row_count) == (unwritten.digest, unwritten.row_count)
    assert usage_summary(store, "ws_1") == summary
    assert usage_stats(store, "ws_1", NOW) == stats


def test_a_batch_is_acknowledged_although_the_files_cannot_be_written(store: EventStore) -> None:
    long_tail = EventStore(store.root, flush_rows=1)
    with unwritable(store):
        for number in range(10):
            receipt = asked(lambda number=number: put(long_tail, event(f"e_{number}")))  # type: ignore[misc]
            assert receipt.accepted == 1
    assert len(stored(long_tail)) == 10
    long_tail.close()


def test_any_other_failure_is_raised(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_workspace_id: str) -> None:
        raise KeyError("a fault of the product")

    monkeypatch.setattr(store, "flush", fails)
    with pytest.raises(KeyError):
        store.snapshot("ws_1")

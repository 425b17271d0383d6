"""Whatever the order, the batches and the repetitions: the same events, the same fingerprint."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.usage.store import EventStore
from tests.services.usage.conftest import event, put, stored

events_strategy = st.lists(
    st.builds(
        event,
        st.integers(0, 30).map("e{}".format),
        ts=st.sampled_from(["2026-01-31T23:59:59.999999Z", "2026-02-01T00:00:00Z", "2026-01-15T12:00:00+05:00"]),
        customer_id=st.sampled_from(["cust_1", "Zoë"]),
        resolution=st.none() | st.sampled_from(["HD", "4K", "1", "\n"]),
        output_minutes=st.none() | st.integers(-5, 10**15) | st.decimals(0, 10, places=13),
    ),
    max_size=12,
    unique_by=lambda item: item["event_id"],
)


def _content(
    events: list[dict[str, Any]], cuts: list[int], *, flush: bool = False, merge: bool = False
) -> tuple[Any, ...]:
    """What a new store holds after the events came in batches cut at these places."""
    with tempfile.TemporaryDirectory() as folder:
        store = EventStore(Path(folder))
        for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
            put(store, *events[start:end])
            if flush:
                store.flush("ws_1")
        store.flush("ws_1")
        if merge:
            with store.maintaining():
                store.compact("ws_1", fan_in=2)
        dataset = store.snapshot("ws_1")
        content = (dataset.digest, dataset.row_count, dataset.newest_ts, dataset.numbers, stored(store))
        store.close()
    return content


@settings(deadline=None, max_examples=25)
@given(st.data(), events_strategy)
def test_order_batches_flushes_and_merges_change_neither_content_nor_fingerprint(
    data: st.DataObject, events: list[dict[str, Any]]
) -> None:
    expected = _content(events, [])
    shuffled = data.draw(st.permutations(events))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=4)))
    assert _content(shuffled, cuts, flush=data.draw(st.booleans()), merge=data.draw(st.booleans())) == expected


@settings(deadline=None, max_examples=25)
@given(st.data(), events_strategy)
def test_repeating_events_changes_nothing(data: st.DataObject, events: list[dict[str, Any]]) -> None:
    repeats = data.draw(st.lists(st.sampled_from(events), max_size=8)) if events else []
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events) + len(repeats)), max_size=3)))
    assert _content(events + repeats, cuts, flush=data.draw(st.booleans())) == _content(events, [])

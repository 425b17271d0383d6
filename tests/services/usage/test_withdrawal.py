"""Taking events out again: a whole import or batch, or single events, and correcting what was wrong."""

import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.usage.fields import Policy
from app.services.usage.formats import Rows
from app.services.usage.importer import import_file
from app.services.usage.origins import Arrival
from app.services.usage.soundness import DamagedUsage
from app.services.usage.store import EventStore, Receipt
from app.services.usage.validate import validate
from simulation.canonical import JsonObject
from tests.services.usage.conftest import CATALOG, POLICY, event, put, rows_of, stored
from tests.services.usage.workers import ingest_and_undo, processes

NOW = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
EMPTY = "0" * 64


def arrival(name: str, source: str = "HTTP") -> Arrival:
    return Arrival(name, source, NOW)


def batch(store: EventStore, name: str, *events: JsonObject, policy: Policy = POLICY) -> Receipt:
    """Store the events as one batch that can be undone by its name."""
    return store.ingest(Rows.counted(events), policy, arrival(name))


def replace(store: EventStore, name: str, *events: JsonObject) -> Receipt:
    return store.replace(validate(Rows.counted(events), POLICY), arrival(name))


def ids(store: EventStore, workspace_id: str = "ws_1") -> list[str]:
    return [str(row["event_id"]) for row in stored(store, workspace_id)]


def months(store: EventStore, tmp_path: Path, name: str, *prefixes: str) -> None:
    """Import a file with an event in each of three months for each prefix."""
    lines = [f"{p}{m},2026-0{m}-01T00:00:00Z,video_render_completed,c,s" for p in prefixes for m in (1, 2, 3)]
    path = tmp_path / f"{name}.csv"
    path.write_text("\n".join(["event_id,ts,event_type,customer_id,segment", *lines]))
    import_file(store, path, POLICY, arrival=arrival(name, path.name))


def test_a_wrong_import_is_taken_out_and_the_store_is_as_if_it_had_never_come(
    store: EventStore, tmp_path: Path
) -> None:
    months(store, tmp_path, "imp_right", "right")
    before, rows = store.snapshot("ws_1"), stored(store)
    months(store, tmp_path, "imp_wrong", "wrong", "other")
    assert store.snapshot("ws_1").digest != before.digest
    (undone,) = store.undo("imp_wrong", NOW)
    after = store.snapshot("ws_1")
    assert (undone.stored, undone.source) == (6, "imp_wrong.csv")
    assert (after.digest, after.row_count, stored(store)) == (before.digest, 3, rows)
    (origin,) = store.origins_of("imp_wrong")
    assert (origin.stored, origin.undone_at) == (0, NOW)


def test_what_was_undone_may_come_again(store: EventStore, tmp_path: Path) -> None:
    months(store, tmp_path, "imp_1", "a")
    before = store.snapshot("ws_1").digest
    store.undo("imp_1", NOW)
    assert (store.snapshot("ws_1").digest, store.snapshot("ws_1").row_count) == (EMPTY, 0)
    months(store, tmp_path, "imp_2", "a")
    assert store.snapshot("ws_1").digest == before
    store.undo("imp_2", NOW)
    months(store, tmp_path, "imp_3", "a")
    for hours in (1, 9):  # files that came to life again are nobody's rubbish
        store.sweep(NOW + hours * HOUR, HOUR)
    assert (store.snapshot("ws_1").digest, len(stored(store))) == (before, 3)


@pytest.mark.parametrize("flush", [True, False])
def test_a_batch_over_http_is_undone_wherever_it_lies_and_its_ids_are_free_at_once(
    store: EventStore, flush: bool
) -> None:
    other = EventStore(store.root)
    batch(store, "bat_1", event("a"), event("b"))
    batch(other, "bat_2", event("b"), event("c"))
    if flush:
        store.flush("ws_1")
    store.undo("bat_1", NOW)
    assert ids(store) == ["c"]
    assert batch(store, "bat_3", event("a")).accepted == 1
    assert batch(other, "bat_4", event("b"), event("a"), event("c")).accepted == 1
    assert ids(other) == ["a", "b", "c"]
    other.close()


def test_a_batch_over_several_workspaces_is_undone_in_all_of_them(store: EventStore) -> None:
    policy = Policy(None, CATALOG)
    batch(store, "bat_1", event("a", workspace_id="ws_1"), event("b", workspace_id="ws_2"), policy=policy)
    batch(store, "bat_2", event("c", workspace_id="ws_2"), policy=policy)
    assert [(one.workspace_id, one.stored) for one in store.undo("bat_1", NOW)] == [("ws_1", 1), ("ws_2", 1)]
    assert (ids(store), ids(store, "ws_2")) == ([], ["c"])


def test_undoing_twice_or_what_is_not_there_changes_nothing(store: EventStore) -> None:
    batch(store, "bat_1", event("a"))
    store.undo("bat_1", NOW)
    batch(store, "bat_2", event("a"))
    assert store.undo("bat_1", NOW) == store.undo("bat_none", NOW) == []
    assert ids(store) == ["a"]


def test_a_batch_that_stores_nothing_is_not_kept(store: EventStore) -> None:
    assert batch(store, "bat_1", event("a")).usage_import_id == "bat_1"
    assert batch(store, "bat_2", event("a")).usage_import_id is None
    assert [one.usage_import_id for one in store.newest_origins("ws_1", 10)] == ["bat_1"]


def test_events_are_withdrawn_by_their_ids_and_may_come_again(store: EventStore) -> None:
    batch(store, "bat_1", event("a"), event("b"), event("c"))
    put(store, event("d"))
    assert store.withdraw("ws_1", ["d", "b", "nobody", "b"]) == ["b", "d"]
    assert ids(store) == ["a", "c"]
    assert [one.stored for one in store.origins_of("bat_1")] == [2]
    assert batch(store, "bat_2", event("b")).accepted == 1
    store.undo("bat_1", NOW)
    assert ids(store) == ["b"]
    assert store.withdraw("ws_1", []) == store.withdraw("ws_unknown", ["a"]) == []


def test_events_that_came_before_their_imports_were_known_are_withdrawn_by_their_ids(store: EventStore) -> None:
    put(store, event("old"))
    batch(store, "bat_1", event("new"))
    assert (store.rows_with_origin("ws_1"), store.snapshot("ws_1").row_count) == (1, 2)
    store.withdraw("ws_1", ["old"])
    assert ids(store) == ["new"]


def test_a_corrected_event_takes_the_place_of_the_stored_one(store: EventStore) -> None:
    batch(store, "bat_1", event("a", output_minutes=1), event("b", output_minutes=1))
    receipt = replace(store, "bat_2", event("a", output_minutes=2), event("b", output_minutes=1), event("c"))
    assert (receipt.accepted, receipt.duplicates, receipt.conflicts, dict(receipt.replaced)) == (2, 1, (), {"ws_1": 1})
    assert [row.get("d_output_minutes") for row in stored(store)] == ["2", "1", None]
    assert replace(store, "bat_3", event("a", output_minutes=2)).duplicates == 1
    store.undo("bat_2", NOW)
    assert ids(store) == ["b"]


def test_the_files_of_other_months_stay_as_they_are(store: EventStore, tmp_path: Path) -> None:
    months(store, tmp_path, "imp_1", "a", "b")
    before = {file.month: file.path for file in store.snapshot("ws_1").files}
    store.withdraw("ws_1", ["a2"])
    after = {file.month: file.path for file in store.snapshot("ws_1").files}
    assert {month for month in before if before[month] != after[month]} == {"2026-02"}


def test_readers_of_the_old_files_are_not_disturbed(store: EventStore) -> None:
    batch(store, "bat_1", event("a"))
    batch(store, "bat_2", event("b"))
    old = store.files("ws_1")
    store.undo("bat_1", NOW)
    store.sweep(NOW, HOUR)
    assert [row["event_id"] for row in rows_of(old)] == ["a", "b"]
    store.sweep(NOW + HOUR, HOUR)
    assert not any(path.exists() for path in old)


def test_withdrawing_stops_when_the_files_are_not_what_was_stored(store: EventStore) -> None:
    batch(store, "bat_1", event("a"))
    store.flush("ws_1")
    batch(store, "bat_2", event("b"))
    first, second = store.files("ws_1")
    whole = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(DamagedUsage, match="is not what was written"):
        store.withdraw("ws_1", ["a"])
    first.write_bytes(whole)
    assert len(store.files("ws_1")) == 2


def test_two_imports_of_one_file_at_once_count_once_and_lose_no_file(store: EventStore, tmp_path: Path) -> None:
    """The one that comes too late finds its own file, by name and content, committed already: it must leave it."""
    path = tmp_path / "a.csv"
    path.write_text("event_id,ts,event_type,customer_id,segment\na,2026-01-01T00:00:00Z,llm_request,c,s")
    barrier, outcomes = threading.Barrier(4), list[int]()

    def work() -> None:
        own = EventStore(store.root)
        barrier.wait()
        outcomes.append(import_file(own, path, POLICY).accepted)
        own.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(outcomes), ids(store)) == (1, ["a"])


def test_processes_that_store_and_undo_beside_each_other_leave_what_was_not_undone(store: EventStore) -> None:
    with ProcessPoolExecutor(3, mp_context=processes()) as pool:
        kept = sorted(chain.from_iterable(pool.map(ingest_and_undo, [store.root] * 3, range(3))))
    assert ids(store) == kept
    assert store.snapshot("ws_1").row_count == len(kept)


steps = st.lists(
    st.tuples(st.sampled_from(["send", "undo", "withdraw", "replace", "flush"]), st.integers(0, 5), st.integers(0, 2)),
    max_size=12,
)


@settings(deadline=None, max_examples=20)
@given(steps)
def test_whatever_is_sent_undone_and_withdrawn_the_store_holds_what_a_plain_list_would(
    steps: list[tuple[str, int, int]],
) -> None:
    plain: dict[str, tuple[int, str]] = {}  # id → what it says, the batch it came in
    with tempfile.TemporaryDirectory() as folder:
        store = EventStore(Path(folder))
        for place, (step, number, said) in enumerate(steps):
            name, key = f"bat_{place}", f"e{number}"
            match step:
                case "send":
                    batch(store, name, event(key, output_minutes=said))
                    plain.setdefault(key, (said, name))
                case "replace":
                    replace(store, name, event(key, output_minutes=said))
                    plain[key] = plain[key] if plain.get(key, (None,))[0] == said else (said, name)
                case "undo":
                    store.undo(f"bat_{number}", NOW)
                    plain = {key: value for key, value in plain.items() if value[1] != f"bat_{number}"}
                case "withdraw":
                    store.withdraw("ws_1", [key])
                    plain.pop(key, None)
                case "flush":
                    store.flush("ws_1")
        fresh = EventStore(Path(folder) / "fresh")
        put(fresh, *[event(key, output_minutes=said) for key, (said, _) in plain.items()])
        assert store.snapshot("ws_1").digest == fresh.snapshot("ws_1").digest
        assert store.rows_with_origin("ws_1") == store.snapshot("ws_1").row_count == len(plain)
        fresh.close()
        store.close()

"""Killed with SIGKILL at a chosen point: the old state or the new one, and nothing that a later run cannot mend."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest

from app.services.usage.formats import Rows
from app.services.usage.origins import Arrival
from app.services.usage.store import EventStore
from tests.services.usage.conftest import POLICY, event, put, stored
from tests.services.usage.workers import ACTIONS, NEW, OLD, SWEPT_AT, die, processes

OLD_IDS = {item["event_id"] for item in OLD}
ALL_IDS = OLD_IDS | {item["event_id"] for item in NEW}


def _store_with_old_events(tmp_path: Path) -> EventStore:
    """Three files of one event each, and a CSV with the new events beside the store."""
    store = EventStore(tmp_path / "usage")
    for item in OLD:
        put(store, item)
        store.flush("ws_1")
    lines = [",".join(NEW[0]), *(",".join(map(str, item.values())) for item in NEW)]
    (tmp_path / "new.csv").write_text("\n".join(lines))
    return store


def _kill(store: EventStore, action: str, point: str, when: str) -> None:
    process = processes().Process(target=die, args=(store.root, action, point, when))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def _ids(store: EventStore) -> set[str]:
    return {row["event_id"] for row in stored(store)}


def _assert_whole(store: EventStore) -> None:
    """Counts, files and rows agree, each id once; then a sweep leaves exactly the committed files."""
    dataset, rows = store.snapshot("ws_1"), stored(store)
    assert dataset.row_count == len(rows) == len({row["event_id"] for row in rows})
    for days in (10, 20):
        store.sweep(SWEPT_AT + timedelta(days=days), timedelta(days=1))
    assert set(store.root.glob("workspace_id=*/*/*.parquet")) == set(store.files("ws_1"))
    assert not list((store.root / "incoming").iterdir())
    assert stored(store) == rows


@pytest.mark.parametrize(
    ("action", "point", "when", "expected"),
    [
        ("ingest", "index.orjson.dumps", "before", OLD_IDS),
        ("ingest", "store.EventStore._flush_long_tails", "before", ALL_IDS),
        ("ingest", "parquet._write", "after", ALL_IDS),
        ("ingest", "os.replace", "before", ALL_IDS),
        ("ingest", "os.replace", "after", ALL_IDS),
        ("ingest", "store.EventStore._commit_flush", "before", ALL_IDS),
        ("ingest", "index.Partition.add_files", "after", ALL_IDS),
        ("ingest", "store.EventStore._commit_flush", "after", ALL_IDS),
        ("compact", "parquet._write", "after", OLD_IDS),
        ("compact", "os.replace", "after", OLD_IDS),
        ("compact", "compaction.supersede_files", "after", OLD_IDS),
        ("compact", "index.Partition.add_files", "after", OLD_IDS),
        ("compact", "staging.shutil.rmtree", "before", OLD_IDS),
        ("import", "importer._make_candidates", "after", OLD_IDS),
        ("import", "parquet._write", "after", OLD_IDS),
        ("import", "os.replace", "after", OLD_IDS),
        ("import", "importer._commit_files", "before", OLD_IDS),
        ("import", "index.Partition.take_ids", "after", OLD_IDS),
        ("import", "index.Partition.add_files", "after", OLD_IDS),
        ("import", "importer._commit_files", "after", ALL_IDS),
    ],
)
def test_a_killed_writer_leaves_the_old_state_or_the_new_one(
    tmp_path: Path, action: str, point: str, when: str, expected: set[str]
) -> None:
    store = _store_with_old_events(tmp_path)
    before = store.snapshot("ws_1")
    _kill(store, action, point, when)
    assert _ids(store) == expected
    if expected == OLD_IDS:
        assert store.snapshot("ws_1").digest == before.digest
    _assert_whole(store)
    ACTIONS[action](store)
    assert len(_ids(store)) == (len(OLD_IDS) if action == "compact" else len(ALL_IDS))
    _assert_whole(store)
    store.close()


UNDOING = (
    ("parquet._write", "after", False),
    ("os.replace", "before", False),
    ("os.replace", "after", False),
    ("withdrawal.commit", "before", False),
    ("withdrawal.supersede_files", "after", False),
    ("index.Partition.add_files", "after", False),
    ("index.Partition.release_ids", "after", False),
    ("withdrawal.commit", "after", False),
    ("staging.shutil.rmtree", "before", True),
)
"""Where a writer that takes events out is killed, and whether they are gone then."""


@pytest.mark.parametrize("action", ["undo", "withdraw", "replace"])
@pytest.mark.parametrize(("point", "when", "gone"), UNDOING)
def test_a_killed_withdrawal_takes_out_all_or_nothing(
    tmp_path: Path, action: str, point: str, when: str, gone: bool
) -> None:
    store = EventStore(tmp_path / "usage")
    put(store, event("stays", ts="2026-01-03T00:00:00Z"))
    store.ingest(Rows.counted(OLD), POLICY, Arrival("bat_old", "HTTP", SWEPT_AT))
    store.flush("ws_1")
    before = stored(store)
    after = {"stays"} | (OLD_IDS if action == "replace" else set())
    _kill(store, action, point, when)
    if gone:
        assert _ids(store) == after
    else:
        assert stored(store) == before
    _assert_whole(store)
    ACTIONS[action](store)
    assert _ids(store) == after
    assert [row["d_output_minutes"] for row in stored(store) if row["event_id"] in OLD_IDS] == (
        ["77"] * 3 if action == "replace" else []
    )
    _assert_whole(store)
    assert store.ingest(Rows.counted(OLD), POLICY).accepted == (0 if action == "replace" else 3)
    store.close()


@pytest.mark.parametrize(("point", "when"), [("staging._expired", "after"), ("staging.Path.unlink", "after")])
def test_a_killed_sweep_takes_only_what_no_one_needs(tmp_path: Path, point: str, when: str) -> None:
    store = _store_with_old_events(tmp_path)
    ACTIONS["compact"](store)
    store.sweep(SWEPT_AT - timedelta(days=30), timedelta(days=1))
    _kill(store, "sweep", point, when)
    assert _ids(store) == OLD_IDS
    _assert_whole(store)
    store.close()


REINDEXING = (
    ("reindexing._begin", "before"),
    ("reindexing._begin", "after"),
    ("reindexing._Files.enter", "after"),
    ("index.Partition.add_files", "after"),
    ("reindexing._end", "before"),
    ("reindexing._end", "after"),
    ("file_store.FileStore._follow", "before"),
    ("manifest.Manifest.follow", "after"),
)
"""Where a writer that makes the index anew is killed."""


@pytest.mark.parametrize("is_lost", [False, True], ids=["index", "no-index"])
@pytest.mark.parametrize(("point", "when"), REINDEXING)
def test_a_killed_reindex_is_done_by_the_next_one(tmp_path: Path, point: str, when: str, is_lost: bool) -> None:
    store = _store_with_old_events(tmp_path)
    before = store.snapshot("ws_1")
    store.close()
    if is_lost:
        for path in store.root.glob("index.sqlite*"):
            path.unlink()
    _kill(store, "reindex", point, when)
    again = EventStore(store.root)
    assert again.snapshot("ws_1") == before
    assert put(again, *OLD).duplicates == len(OLD)
    _assert_whole(again)
    again.close()


@pytest.mark.parametrize(
    ("action", "point", "when", "expected"),
    [
        ("ingest", "file_store.FileStore._follow", "before", ALL_IDS),
        ("ingest", "parquet.note_placing", "after", ALL_IDS),
        ("ingest", "parquet.move", "after", ALL_IDS),
        ("compact", "file_store.FileStore._follow", "before", OLD_IDS),
        ("import", "parquet.move", "after", OLD_IDS),
        ("import", "file_store.FileStore._follow", "before", ALL_IDS),
    ],
)
def test_an_index_that_is_lost_after_a_kill_costs_only_what_waited(
    tmp_path: Path, action: str, point: str, when: str, expected: set[str]
) -> None:
    store = _store_with_old_events(tmp_path)
    store.close()
    _kill(store, action, point, when)
    files = EventStore(store.root)  # what waits is written before the index is lost
    assert _ids(files) == expected
    files.close()
    for path in store.root.glob("index.sqlite*"):
        path.unlink()
    again = EventStore(store.root)
    assert _ids(again) == expected
    _assert_whole(again)
    again.close()


@pytest.mark.parametrize(
    ("point", "when"),
    [("reindexing.forget", "before"), ("reindexing._end", "after"), ("reindexing.forget", "after"),
     ("set_aside._moved", "after")],
)  # fmt: skip
def test_a_killed_taking_out_deletes_nothing(tmp_path: Path, point: str, when: str) -> None:
    store = _store_with_old_events(tmp_path)
    files = {path.name for path in store.files("ws_1")}
    store.close()
    _kill(store, "take_out", point, when)
    again = EventStore(store.root)
    again.sweep(SWEPT_AT, timedelta(days=1))
    assert {path.name for path in store.root.rglob("*.parquet")} == files
    assert len(_ids(again)) in (len(OLD) - 1, len(OLD))
    _assert_whole(again)
    again.close()


@pytest.mark.parametrize(
    ("point", "when"), [("parquet.move", "after"), ("reindexing._end", "after"), ("set_aside._moved", "before")]
)
def test_a_killed_taking_in_is_done_by_the_next_one(tmp_path: Path, point: str, when: str) -> None:
    store = _store_with_old_events(tmp_path)
    path = store.files("ws_1")[0]
    held = path.read_bytes()
    store.take_out(str(path.relative_to(store.root)), SWEPT_AT)
    path.write_bytes(held)
    assert len(store.sweep(SWEPT_AT, timedelta(days=1)).unknown) == 1
    store.close()
    _kill(store, "take_in", point, when)
    again = EventStore(store.root)
    again.take_in(SWEPT_AT)
    assert _ids(again) == OLD_IDS
    _assert_whole(again)
    again.close()

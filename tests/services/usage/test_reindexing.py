"""A lost or older index is noticed and made anew from the files: nothing that was stored is lost or counts twice."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.services.usage import soundness
from app.services.usage.formats import Rows
from app.services.usage.importer import import_file
from app.services.usage.origins import FROM_FILES, Arrival
from app.services.usage.parquet import OWN_COLUMNS
from app.services.usage.set_aside import files_aside
from app.services.usage.soundness import DamagedUsage
from app.services.usage.store import EventStore
from simulation.canonical import JsonObject
from tests.services.usage.conftest import POLICY, event, put, stored

NOW = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
Damage = Callable[[Path], None]


def batch(store: EventStore, name: str, *ids: str) -> None:
    store.ingest(
        Rows.counted([event(event_id, output_minutes=1) for event_id in ids]), POLICY, Arrival(name, "HTTP", NOW)
    )


def lose_index(root: Path) -> None:
    for path in root.glob("index.sqlite*"):
        path.unlink()


def empty_index(root: Path) -> None:
    lose_index(root)
    (root / "index.sqlite").touch()


def garble_index(root: Path) -> None:
    lose_index(root)
    (root / "index.sqlite").write_bytes(b"This is no database." * 1000)


def foreign_index(root: Path) -> None:
    lose_index(root)
    other = EventStore(root.parent / "other")
    put(other, event("foreign"))
    other.flush("ws_1")
    other.close()
    shutil.copy(root.parent / "other/index.sqlite", root / "index.sqlite")


LOST = (lose_index, empty_index, garble_index, foreign_index)


@pytest.fixture
def grown(tmp_path: Path) -> EventStore:
    """Events of two files and three batches: one undone, one withdrawn in part, one that named no segment."""
    store = EventStore(tmp_path / "usage")
    (tmp_path / "file.csv").write_text(
        "event_id,ts,event_type,customer_id,segment,output_minutes\n"
        "f1,2026-01-03T00:00:00Z,video_render_completed,cust_1,smb,4\n"
        "f2,2026-02-03T00:00:00Z,video_render_completed,cust_1,smb,5\n"
    )
    import_file(store, tmp_path / "file.csv", POLICY, arrival=Arrival("imp_1", "file.csv", NOW))
    batch(store, "bat_1", "a", "b")
    store.flush("ws_1")
    batch(store, "bat_undone", "u1", "u2")
    store.undo("bat_undone", NOW)
    batch(store, "bat_3", "c", "d")
    store.withdraw("ws_1", ["d"])
    return store


def reopened(store: EventStore, damage: Damage) -> EventStore:
    store.close()
    damage(store.root)
    return EventStore(store.root)


@pytest.mark.parametrize("damage", LOST)
def test_a_lost_index_is_made_anew_with_everything(grown: EventStore, damage: Damage) -> None:
    events, dataset = stored(grown), grown.snapshot("ws_1")
    origins = grown.newest_origins("ws_1", 10)
    store = reopened(grown, damage)
    assert store.reindexed is not None
    assert (store.reindexed.events, store.reindexed.by_manifest) == (5, True)
    assert stored(store) == events
    assert store.snapshot("ws_1") == dataset
    kept = [(one.usage_import_id, one.source, one.accepted, one.stored, one.undone_at) for one in origins]
    assert kept == [
        (one.usage_import_id, one.source, one.accepted, one.stored, one.undone_at)
        for one in store.newest_origins("ws_1", 10)
    ]
    assert store.sweep(NOW, HOUR).unknown == ()
    store.close()
    again = EventStore(store.root)
    assert again.reindexed is None
    again.close()


def test_after_a_lost_index_ids_are_taken_conflicts_noticed_and_imports_undone(grown: EventStore) -> None:
    store = reopened(grown, lose_index)
    receipt = put(store, event("a", output_minutes=1), event("b", output_minutes=2), event("d"), event("u1"))
    assert (receipt.accepted, receipt.duplicates, len(receipt.conflicts)) == (2, 1, 1)
    assert [one.stored for one in store.undo("imp_1", NOW)] == [2]
    assert [row["event_id"] for row in stored(store)] == ["a", "b", "c", "d", "u1"]
    assert store.undo("bat_undone", NOW) == []
    store.close()


def test_an_older_index_is_noticed_and_its_waiting_events_count_once(grown: EventStore) -> None:
    batch(grown, "bat_4", "w1", "w2")
    grown.close()
    shutil.copy(grown.root / "index.sqlite", grown.root.parent / "backup")
    batch(grown, "bat_5", "x")
    grown.undo("bat_1", NOW)
    events, dataset = stored(grown), grown.snapshot("ws_1")

    def restore(root: Path) -> None:
        lose_index(root)
        shutil.copy(root.parent / "backup", root / "index.sqlite")

    store = reopened(grown, restore)
    assert store.reindexed is not None
    assert stored(store) == events
    assert store.snapshot("ws_1").digest == dataset.digest
    assert store.tail_rows("ws_1") == 0
    assert put(store, event("w1", output_minutes=1)).duplicates == 1
    store.close()


def test_without_index_and_manifest_every_file_counts_and_each_event_once(grown: EventStore) -> None:
    with grown.maintaining():
        grown.compact("ws_1", fan_in=2)
    events = {row["event_id"] for row in stored(grown)}

    def lose_both(root: Path) -> None:
        lose_index(root)
        (root / "manifest.sqlite").unlink()

    store = reopened(grown, lose_both)
    assert store.reindexed is not None
    assert not store.reindexed.by_manifest
    rows = [row["event_id"] for row in stored(store)]
    assert len(rows) == len(set(rows))
    assert events <= set(rows)
    assert {one.source for one in store.newest_origins("ws_1", 10)} == {FROM_FILES}
    assert [one.stored for one in store.undo("imp_1", NOW)] == [2]
    store.close()


def test_a_folder_of_files_from_a_backup_names_what_is_missing_and_sets_aside_what_nothing_names(
    grown: EventStore,
) -> None:
    grown.close()
    shutil.copytree(grown.root, grown.root.parent / "backup")
    with grown.maintaining():
        grown.compact("ws_1", fan_in=2)
    events = stored(grown)
    for hours in range(2):
        grown.sweep(NOW + hours * HOUR, HOUR)

    def restore_files(root: Path) -> None:
        shutil.rmtree(root / "workspace_id=ws_1")
        shutil.copytree(root.parent / "backup/workspace_id=ws_1", root / "workspace_id=ws_1")

    store = reopened(grown, restore_files)
    assert store.sweep(NOW, HOUR).unknown
    with pytest.raises(DamagedUsage, match="is missing"):
        store.snapshot("ws_1")
    for damage in store.damages("ws_1"):
        store.take_out(damage.path, NOW)
    assert sum(one.events for one in store.take_in(NOW)) > 0
    came_back = {"d"}  # withdrawn by its id since: the file of the backup holds it, and no undone import does
    assert {row["event_id"] for row in stored(store)} == {row["event_id"] for row in events} | came_back
    assert store.take_in(NOW) == []
    assert not [one for one in files_aside(store.root) if one.reason == "unknown"]
    store.close()


def test_a_file_that_was_lost_with_the_index_is_named_until_it_is_back_and_then_counts_once(grown: EventStore) -> None:
    events = stored(grown)
    path = next(path for path in grown.files("ws_1") if "month=2026-02" in str(path))
    path.rename(grown.root / "kept")
    store = reopened(grown, lose_index)
    with pytest.raises(DamagedUsage, match="is missing"):
        store.files("ws_1")
    put(store, event("f2", ts="2026-02-03T00:00:00Z", customer_id="cust_1", segment="smb", output_minutes=5))
    (grown.root / "kept").rename(path)
    assert stored(store) == events
    store.close()


def grow_old(root: Path) -> None:
    """Make of the store what the former version left: no manifest, no digests of files, no own columns in them."""
    with closing(sqlite3.connect(root / "index.sqlite")) as connection, connection:
        for trigger in ("file_came", "file_changed", "file_went", "origin_was_undone"):
            connection.execute(f"DROP TRIGGER {trigger}")
        for path, digest in connection.execute("SELECT path, digest FROM file").fetchall():
            former = str(Path(path).with_name(f"{digest}.r2.parquet"))
            table = pq.read_table(root / path, partitioning=None)
            pq.write_table(table.drop_columns(list(OWN_COLUMNS)), root / former)
            (root / path).unlink()
            connection.execute("UPDATE file SET path = ? WHERE path = ?", (former, path))
        for column in ("sha256", "size", "keyed"):
            connection.execute(f"ALTER TABLE file DROP COLUMN {column}")
        for table_name in ("state", "placing"):
            connection.execute(f"DROP TABLE {table_name}")
    (root / "manifest.sqlite").unlink()


def test_a_store_of_the_former_version_upgrades_by_itself_and_learns_its_files_digests(
    grown: EventStore,
) -> None:
    events, digest = stored(grown), grown.snapshot("ws_1").digest
    store = reopened(grown, grow_old)
    assert store.reindexed is None
    dataset = store.snapshot("ws_1")
    assert (stored(store), dataset.digest) == (events, digest)
    assert all(file.sha256 for file in dataset.files)
    assert [one.stored for one in store.undo("bat_1", NOW)] == [2]
    kept = store.snapshot("ws_1")
    first = kept.paths[0]
    whole = first.read_bytes()
    first.write_bytes(whole + b" ")
    with pytest.raises(DamagedUsage, match="is cut or grown"):
        store.snapshot("ws_1")
    first.write_bytes(whole)
    again = reopened(store, lose_index)
    assert again.snapshot("ws_1").digest == kept.digest
    assert put(again, event("c", output_minutes=1)).duplicates == 1
    assert again.undo("bat_undone", NOW) == []
    again.close()


@pytest.mark.parametrize(
    ("said", "damage"),
    [
        ("is missing", lambda path: path.unlink()),
        ("is cut or grown", lambda path: path.write_bytes(path.read_bytes()[:-1])),
        ("is not what was written", lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?")),
    ],
)
def test_a_damaged_file_gives_no_figures_and_usage_still_comes_in(grown: EventStore, said: str, damage: Damage) -> None:
    events = stored(grown)
    path = grown.files("ws_1")[0]
    whole = path.read_bytes()
    damage(path)
    with pytest.raises(DamagedUsage, match=said) as refusal:
        grown.snapshot("ws_1")
    assert refusal.value.extra["files"][0]["path"] == str(path.relative_to(grown.root))
    batch(grown, "bat_6", "new")
    path.write_bytes(whole)
    assert stored(grown) == sorted([*events, *(row for row in stored(grown) if row["event_id"] == "new")], key=_id)
    grown.close()


def _id(row: JsonObject) -> str:
    return str(row["event_id"])


def test_a_file_is_read_whole_once_and_again_when_it_has_changed(
    grown: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown.snapshot("ws_1")
    reads: list[Path] = []

    def read(path: Path) -> str:
        reads.append(path)
        return "another"

    monkeypatch.setattr(soundness, "sha256_of", read)
    grown.snapshot("ws_1")
    assert reads == []
    path = grown.files("ws_1")[0]
    os.utime(path)
    with pytest.raises(DamagedUsage, match="is not what was written"):
        grown.snapshot("ws_1")
    assert reads == [path]
    grown.close()


def test_an_index_that_is_removed_under_a_running_store_takes_nothing_more(grown: EventStore) -> None:
    lose_index(grown.root)
    with pytest.raises(Exception, match="was removed while the server ran"):
        put(grown, event("late"))
    store = EventStore(grown.root)
    assert len(stored(store)) == 5
    with pytest.raises(Exception, match="was replaced while the server ran"):
        put(grown, event("late"))
    store.close()

"""The store as its users see it: what is put in comes out once, by workspace, wherever it lies."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from app.services.usage import compaction
from app.services.usage.fields import Policy
from app.services.usage.set_aside import files_aside
from app.services.usage.soundness import DamagedUsage
from app.services.usage.stats import usage_stats
from app.services.usage.store import EventStore
from tests.services.usage.conftest import CATALOG, event, put, rows_of, stored

NOW = datetime(2026, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_an_event_comes_out_with_text_and_exact_number_of_each_dimension(store: EventStore) -> None:
    put(store, event("a", ts="2026-01-02T12:00:00.5+02:00", resolution="HD", output_minutes=Decimal("0.0000025")))
    assert stored(store) == [
        {
            "event_id": "a",
            "ts": datetime(2026, 1, 2, 10, 0, 0, 500000),  # noqa: DTZ001
            "event_type": "video_render_completed",
            "customer_id": "cust_2001",
            "segment": "ai_video_smb",
            "d_resolution": "HD",
            "d_output_minutes": "0.0000025",
            "n_output_minutes": Decimal("0.000002500000"),
        }
    ]


def test_the_first_event_of_an_id_counts_within_a_batch_and_across_batches_tail_and_files(store: EventStore) -> None:
    receipt = put(store, event("a", resolution="first"), event("b"), event("a", resolution="second"))
    assert (receipt.accepted, receipt.duplicates, len(receipt.conflicts)) == (2, 0, 1)
    assert put(store, event("a", resolution="third"), event("c")).accepted == 1
    store.flush("ws_1")
    receipt = put(store, event("a", resolution="fourth"), event("c"), event("d"))
    assert (receipt.accepted, receipt.duplicates, len(receipt.conflicts)) == (1, 1, 1)
    assert [(row["event_id"], row.get("d_resolution")) for row in stored(store)] == [
        ("a", "first"), ("b", None), ("c", None), ("d", None),
    ]  # fmt: skip


def test_the_same_id_in_two_workspaces_is_two_events(store: EventStore) -> None:
    put(store, event("a"))
    receipt = put(store, event("a"), policy=Policy("ws_2", CATALOG))
    assert receipt.accepted == 1
    assert len(stored(store)) == len(stored(store, "ws_2")) == 1


def test_a_batch_over_several_workspaces_is_stored_by_workspace(store: EventStore) -> None:
    receipt = put(
        store, event("a", workspace_id="ws_1"), event("b", workspace_id="ws/2 é"), policy=Policy(None, CATALOG)
    )
    assert receipt.accepted == 2
    (path,) = store.files("ws/2 é")
    assert path.parts[-3] == "workspace_id=ws%2F2%20%C3%A9"
    assert [row["event_id"] for row in rows_of((path,))] == ["b"]


def test_rejects_do_not_hold_up_the_rest(store: EventStore) -> None:
    receipt = put(store, event("a"), event("b", ts="soon"))
    assert (receipt.accepted, receipt.rejected) == (1, 1)
    assert len(stored(store)) == 1


def test_an_empty_store_has_no_files_and_a_fingerprint_all_the_same(store: EventStore) -> None:
    dataset = store.snapshot("ws_unknown")
    assert (dataset.paths, dataset.row_count, dataset.newest_ts, dataset.digest) == ((), 0, None, "0" * 64)
    assert put(store).accepted == 0
    assert usage_stats(store, "ws_unknown", NOW) == []


def test_events_lie_in_the_month_of_their_ts_late_ones_too(store: EventStore) -> None:
    put(store, event("a", ts="2026-01-31T23:59:59.999999Z"), event("b", ts="2026-02-01T00:00:00Z"))
    store.flush("ws_1")
    put(store, event("late", ts="2026-02-01T01:30:00+02:00"))
    assert sorted((file.month, file.rows) for file in store.snapshot("ws_1").files) == [
        ("2026-01", 1), ("2026-01", 1), ("2026-02", 1),
    ]  # fmt: skip


def test_files_are_sorted_by_time_then_id_and_say_what_is_in_them(store: EventStore) -> None:
    put(store, event("b"), event("c", ts="2026-01-01T00:00:00Z", output_minutes=1), event("a"))
    (file,) = store.snapshot("ws_1").files
    table = pq.read_table(store.root / file.path, partitioning=None)
    assert table["event_id"].to_pylist() == ["c", "a", "b"]
    assert (file.rows, file.dimensions, file.numbers) == (3, ("output_minutes",), ("output_minutes",))
    assert [file.min_ts, file.max_ts] == [datetime(2026, 1, 1), datetime(2026, 1, 2, 10)]  # noqa: DTZ001


def test_a_long_tail_is_written_without_being_asked(tmp_path: Path) -> None:
    store = EventStore(tmp_path, flush_rows=3)
    put(store, event("a"), event("b"))
    assert not list(tmp_path.glob("workspace_id=*"))
    put(store, event("c"))
    assert list(tmp_path.glob("workspace_id=ws_1/month=2026-01/*.parquet"))
    store.close()


def test_many_small_batches_do_not_make_many_files(store: EventStore) -> None:
    for number in range(40):
        put(store, event(f"e{number:02}", output_minutes=number))
        store.flush("ws_1")
    dataset = store.snapshot("ws_1")
    assert len(dataset.files) < 16
    assert [row["event_id"] for row in stored(store)] == [f"e{number:02}" for number in range(40)]


def test_merging_joins_files_with_different_columns_and_keeps_the_digest(store: EventStore) -> None:
    for number in range(7):
        put(store, event(f"e{number}", **({"output_minutes": number} if number % 2 else {"resolution": "HD"})))
        store.flush("ws_1")
    before, events = store.snapshot("ws_1"), stored(store)
    with store.maintaining():
        store.compact("ws_1", fan_in=2)
    after = store.snapshot("ws_1")
    assert (len(before.files), len(after.files)) == (7, 1)
    assert (after.digest, after.row_count, after.newest_ts) == (before.digest, 7, before.newest_ts)
    assert stored(store) == events


def test_merging_leaves_alone_what_is_not_what_was_stored(store: EventStore) -> None:
    for name in "ab":
        put(store, event(name))
        store.flush("ws_1")
    first, second = store.files("ws_1")
    whole = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with store.maintaining():
        store.compact("ws_1", fan_in=2)
    with pytest.raises(DamagedUsage, match="is not what was written"):
        store.files("ws_1")
    first.write_bytes(whole)
    assert store.files("ws_1") == (first, second)


def test_merging_stops_when_the_digest_of_the_events_is_not_that_of_the_files(store: EventStore) -> None:
    for name in "ab":
        put(store, event(name))
        store.flush("ws_1")
    files = store.files("ws_1")
    with store.index.writing() as connection:
        connection.execute("UPDATE file SET digest = ? WHERE path LIKE ?", ("0" * 64, f"%{files[0].name}"))
    with store.maintaining(), pytest.raises(compaction.DamagedFiles, match=r"2026-01 of ws_1"):
        store.compact("ws_1", fan_in=2)
    assert store.files("ws_1") == files


def test_replaced_files_stay_until_their_grace_is_over(store: EventStore) -> None:
    for name in "ab":
        put(store, event(name))
        store.flush("ws_1")
    old = store.files("ws_1")
    with store.maintaining():
        store.compact("ws_1", fan_in=2)
    assert store.sweep(NOW, HOUR).deleted == 0
    assert store.sweep(NOW + HOUR / 2, HOUR).deleted == 0
    assert [row["event_id"] for row in rows_of(old)] == ["a", "b"]
    assert store.sweep(NOW + HOUR, HOUR).deleted == 2
    assert not any(path.exists() for path in old)
    assert [row["event_id"] for row in stored(store)] == ["a", "b"]
    assert store.sweep(NOW + 2 * HOUR, HOUR).deleted == 0


def test_a_sweep_sets_aside_files_that_the_index_does_not_know_and_clears_abandoned_folders(store: EventStore) -> None:
    put(store, event("a"))
    (path,) = store.files("ws_1")
    orphan = path.with_name("orphan.parquet")
    orphan.write_bytes(path.read_bytes())
    abandoned = store.root / "incoming" / "dead"
    abandoned.mkdir()
    (aside,) = store.sweep(NOW, HOUR).unknown
    assert aside == store.root / "set_aside/2026-02-01T00-00-00Z-unknown" / orphan.relative_to(store.root)
    assert aside.read_bytes() == path.read_bytes()
    assert [one.former for one in files_aside(store.root)] == [str(orphan.relative_to(store.root))]
    assert not orphan.exists()
    assert not abandoned.exists()
    assert path.exists()


def test_a_replaced_file_stays_while_the_one_that_replaced_it_is_lost(store: EventStore) -> None:
    for name in "ab":
        put(store, event(name))
        store.flush("ws_1")
    old = store.files("ws_1")
    with store.maintaining():
        store.compact("ws_1", fan_in=2)
    store.files("ws_1")[0].unlink()
    for hours in range(3):
        assert store.sweep(NOW + hours * HOUR, HOUR).deleted == 0
    assert [row["event_id"] for row in rows_of(old)] == ["a", "b"]


def test_the_fingerprint_tells_data_apart(store: EventStore, tmp_path: Path) -> None:
    digests = set()
    for number, change in enumerate(
        [{}, {"customer_id": "x"}, {"resolution": "HD"}, {"output_minutes": "HD"}, {"segment": "x"}]
    ):
        other = EventStore(tmp_path / str(number))
        put(other, event("a", **change))
        digests.add(other.snapshot("ws_1").digest)
        other.close()
    assert len(digests) == 5


def test_two_stores_over_one_folder_see_each_others_events(store: EventStore) -> None:
    put(store, event("a"))
    with_other = EventStore(store.root)
    assert put(with_other, event("a"), event("b")).accepted == 1
    assert put(store, event("b"), event("c")).accepted == 1
    assert with_other.snapshot("ws_1").row_count == 3
    with_other.close()


def test_stats_give_counts_times_and_exact_sums(store: EventStore) -> None:
    put(store, event("a", output_minutes=6), event("b", output_minutes=Decimal("0.000000000001"), resolution="4K"))
    put(store, event("c", event_type="llm_request", customer_id="acme", context_tokens="n/a"))
    llm, video = usage_stats(store, "ws_1", NOW)
    assert (llm.event_type, llm.customer_id, llm.events, llm.sums) == ("llm_request", "acme", 1, {})
    assert video.sums == {"output_minutes": Decimal("6.000000000001")}
    assert video.first_ts == video.last_ts == datetime(2026, 1, 2, 10, tzinfo=UTC)


def test_a_policy_decides_for_each_batch(store: EventStore) -> None:
    assert put(store, event("a", event_type="new")).rejected == 1
    receipt = put(store, event("a", event_type="new"), policy=Policy("ws_1", CATALOG, extend_catalog=True))
    assert receipt.accepted == 1
    assert receipt.new_event_types == {"new": frozenset()}

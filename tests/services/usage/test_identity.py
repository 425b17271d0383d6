"""Which events are one and the same: by source and id, by the whole row, and what an id sent again may say."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.services.usage import parquet
from app.services.usage.fields import Policy
from app.services.usage.fingerprints import content_digest_sql, content_digests
from app.services.usage.formats import Rows, parse_body
from app.services.usage.importer import ImportReport, import_file
from app.services.usage.mapping import OWN_NAMES, ColumnPlan
from app.services.usage.origins import Arrival
from app.services.usage.store import EventStore, Receipt
from app.services.usage.validate import validate
from simulation.canonical import Json, JsonObject
from tests.services.usage.conftest import CATALOG, POLICY, event, put, stored

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def cloud_event(source: str | None, event_id: str = "1", **data: Json) -> JsonObject:
    document = {
        "specversion": "1.0",
        "id": event_id,
        "type": "video_render_completed",
        "time": "2026-01-06T00:00:00Z",
        "subject": "cust_1",
        "data": {"segment": "smb"} | data,
    }
    return document if source is None else document | {"source": source}


def send(store: EventStore, *events: Json) -> Receipt:
    return store.ingest(parse_body(orjson.dumps(events), "application/cloudevents-batch+json"), POLICY)


def counts(outcome: Receipt | ImportReport) -> tuple[int, int, int, int]:
    conflicts = outcome.conflicts if isinstance(outcome, ImportReport) else len(outcome.conflicts)
    return outcome.accepted, outcome.duplicates, conflicts, outcome.rejected


def ids(store: EventStore) -> list[str]:
    return [str(row["event_id"]) for row in stored(store)]


# A producer and its numbers


def test_two_producers_that_both_count_from_one_are_both_counted_and_sent_again_none_counts_twice(
    store: EventStore,
) -> None:
    batch = [cloud_event("/eu", output_minutes=3), cloud_event("/us", output_minutes=4)]
    assert counts(send(store, *batch)) == (2, 0, 0, 0)
    assert counts(send(store, *batch)) == (0, 2, 0, 0)
    store.flush("ws_1")
    assert counts(send(store, *batch)) == (0, 2, 0, 0)
    assert ids(store) == ["/eu␟1", "/us␟1"]


def test_an_id_as_it_is_shown_is_the_cloud_event_it_was_shown_for(store: EventStore) -> None:
    send(store, cloud_event("/eu"))
    again = event("/eu␟1", ts="2026-01-06T00:00:00Z", customer_id="cust_1", segment="smb")
    assert put(store, again).duplicates == 1


def test_an_id_without_a_source_is_nobodys_but_its_own(store: EventStore) -> None:
    assert counts(send(store, cloud_event("/eu"), cloud_event(None), cloud_event(""))) == (2, 1, 0, 0)


def test_source_and_id_are_never_mistaken_for_another_pair(store: EventStore) -> None:
    pairs = [("/a", "b/1"), ("/a/b", "1"), ("/a b", "1"), ("/a", "b 1"), ("/a", "b␟1")]
    assert send(store, *(cloud_event(source, event_id) for source, event_id in pairs)).accepted == 5
    (reject,) = send(store, cloud_event("/a␟b")).rejects
    assert (reject.field, "␟" in reject.reason) == ("source", True)


def test_source_and_id_may_each_have_the_full_length(store: EventStore) -> None:
    assert send(store, cloud_event("s" * 200, "i" * 200)).accepted == 1
    for source, event_id in (("s" * 201, "1"), ("/eu", "i" * 201)):
        (reject,) = send(store, cloud_event(source, event_id)).rejects
        assert reject.reason == "event_id is longer than 200 characters"
    (reject,) = send(store, cloud_event("/eu", "1") | {"source": 5}).rejects
    assert reject.reason == "source must be a string"


# Rows without ids


def write(tmp_path: Path, name: str, *lines: str) -> Path:
    path = tmp_path / name
    path.write_text("\n".join(lines))
    return path


def take(store: EventStore, path: Path, plan: ColumnPlan = OWN_NAMES) -> ImportReport:
    return import_file(store, path, POLICY, plan)


HEADER = "event_id,ts,event_type,customer_id,segment,output_minutes"
ROW = "{},2026-01-01T00:00:00Z,video_render_completed,c,s,{}"


def test_json_lines_keep_their_ids_whatever_the_first_line_lacks(store: EventStore, tmp_path: Path) -> None:
    events = [event(f"e{number}", output_minutes=number) for number in range(6)]
    del events[0]["event_id"]
    path = write(tmp_path, "a.jsonl", *map(json.dumps, events))
    assert counts(take(store, path)) == (6, 0, 0, 0)
    assert put(store, *events[1:]).duplicates == 5
    assert ids(store)[:5] == ["e1", "e2", "e3", "e4", "e5"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_rows_with_and_without_an_id_mix_in_every_format(store: EventStore, tmp_path: Path, name: str) -> None:
    rows = [event("own", output_minutes=1)] + [event("", output_minutes=minutes) for minutes in (2, 2, 3)]
    path = tmp_path / name
    if name.endswith("csv"):
        path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]))
    elif name.endswith("jsonl"):
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    report = take(store, path)
    assert (counts(report), report.rows_without_id) == ((4, 0, 0, 0), 3)
    assert counts(take(store, path)) == (0, 4, 0, 0)
    assert sum(float(str(row["d_output_minutes"])) for row in stored(store)) == 8


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_file_without_ids_read_in_another_way_makes_no_second_event(
    store: EventStore, tmp_path: Path, name: str
) -> None:
    columns = ["ts", "event_type", "customer_id", "segment", "minutes", "note"]
    rows = [["2026-01-01T00:00:00Z", "video_render_completed", "c", "s", str(n), "x"] for n in (1, 1, 2)]
    path = tmp_path / name
    if name.endswith("csv"):
        path.write_text("\n".join(",".join(row) for row in [columns, *rows]))
    elif name.endswith("jsonl"):
        path.write_text("\n".join(json.dumps(dict(zip(columns, row, strict=True))) for row in rows))
    else:
        pq.write_table(pa.table(dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))), path)
    assert counts(take(store, path, ColumnPlan(ignore=["minutes", "note"]))) == (3, 0, 0, 0)
    assert counts(take(store, path, ColumnPlan(ignore=["minutes", "note"]))) == (0, 3, 0, 0)
    other_reading = ColumnPlan({"output_minutes": "minutes"}, ignore=["note"])
    report = take(store, path, other_reading)
    assert counts(report) == (0, 0, 3, 0)
    assert "undo their import" in report.notes[1]
    assert len(stored(store)) == 3


def test_a_file_says_how_its_rows_without_ids_are_told_apart(store: EventStore, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", HEADER, ROW.format("", 1), ROW.format("", 1), ROW.format("own", 1))
    (sentence,) = take(store, path).notes
    assert sentence.startswith("2 rows had no event_id: they are told apart by the content of the whole row.")
    assert "Equal rows within one file all count; identical rows of two files count once." in sentence
    assert "exported again with one more column" in sentence
    assert take(store, write(tmp_path, "b.csv", HEADER, ROW.format("x", 1))).notes == ()


def test_a_file_exported_again_with_one_more_column_counts_anew(store: EventStore, tmp_path: Path) -> None:
    header, row = HEADER.removeprefix("event_id,"), ROW.removeprefix("{},").format(1)
    assert take(store, write(tmp_path, "a.csv", header, row)).accepted == 1
    assert take(store, write(tmp_path, "b.csv", header + ",resolution", row + ",")).duplicates == 1
    assert take(store, write(tmp_path, "c.csv", header + ",resolution", row + ",HD")).accepted == 1


# The same id with other content


def test_the_same_id_with_other_content_is_a_conflict_and_an_identical_repeat_a_duplicate(store: EventStore) -> None:
    first = event("a", output_minutes=1)
    put(store, first)
    for _ in range(2):
        receipt = put(store, first, event("a", output_minutes=2), event("b"), event("b", resolution="HD"))
        assert [(one.row, one.event_id) for one in receipt.conflicts] == [(2, "a"), (4, "b")]
        assert receipt.accepted + receipt.duplicates == 2
        store.flush("ws_1")
    assert [row.get("d_output_minutes") for row in stored(store)] == ["1", None]


@pytest.mark.parametrize(
    "change",
    [
        {"ts": "2026-01-02T10:00:01Z"},
        {"customer_id": "x"},
        {"segment": "x"},
        {"resolution": "HD"},
        {"event_type": "llm_request"},
    ],
)
def test_whatever_an_event_says_differently_is_a_conflict(store: EventStore, change: JsonObject) -> None:
    put(store, event("a"))
    assert counts(put(store, event("a") | change)) == (0, 0, 1, 0)


def test_the_same_moment_written_in_another_zone_is_no_conflict(store: EventStore) -> None:
    put(store, event("a", ts="2026-01-02T10:00:00Z"))
    assert counts(put(store, event("a", ts="2026-01-02T12:00:00.000+02:00"))) == (0, 1, 0, 0)


def test_a_customer_that_changes_segment_makes_no_conflict_of_what_is_sent_again(store: EventStore) -> None:
    unnamed = event("a")
    del unnamed["segment"]
    put(store, unnamed, policy=Policy("ws_1", CATALOG, segments={"cust_2001": "smb"}))
    receipt = put(store, unnamed, policy=Policy("ws_1", CATALOG, segments={"cust_2001": "enterprise"}))
    assert counts(receipt) == (0, 1, 0, 0)


def test_a_file_names_its_conflicts_with_what_is_stored_and_within_itself(store: EventStore, tmp_path: Path) -> None:
    put(store, event("held", output_minutes=1))
    lines = [ROW.format(*pair) for pair in (("a", 1), ("held", 2), ("a", 1), ("a", 3), ("b", 1))]
    report = take(store, write(tmp_path, "a.csv", HEADER, *lines))
    assert counts(report) == (2, 1, 2, 0)
    assert [(one.row, one.event_id) for one in report.conflicting] == [(2, "held"), (4, "a")]
    assert (
        "2 rows have the id of an event that says something else and were not stored: held (row 2), a (row 4)"
        in (report.notes[0])
    )


def test_what_came_over_http_is_a_duplicate_in_a_file(store: EventStore, tmp_path: Path) -> None:
    put(store, *[event(f"e{n}", output_minutes=n, resolution="HD" if n % 2 else None) for n in range(4)])
    lines = [
        f"e{n},2026-01-02T10:00:00Z,video_render_completed,cust_2001,ai_video_smb,{n},{'HD' * (n % 2)}"
        for n in range(4)
    ]
    assert counts(take(store, write(tmp_path, "a.csv", HEADER + ",resolution", *lines))) == (0, 4, 0, 0)


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
texts = st.none() | words


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.builds(
            event,
            st.uuids().map(str),
            ts=st.sampled_from(["2026-01-31T23:59:59.999999Z", "1970-01-01T00:00:00.000001Z"]),
            segment=texts,
            customer_id=words,
            resolution=texts,
            output_minutes=texts,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_memory_and_engine_give_an_event_the_same_digest(events: list[JsonObject]) -> None:
    policy = Policy("ws_1", CATALOG, segments={})
    (batch,) = validate(
        Rows.counted([one | {"segment": one["segment"] or "s"} for one in events]), policy
    ).events.values()
    with parquet.open_engine(Path()) as engine:
        engine.register("batch", batch)
        digest = content_digest_sql(batch.schema.names)
        rows = engine.execute(f"SELECT {digest} FROM batch ORDER BY row").fetchall()
    assert [row[0] for row in rows] == content_digests(batch)


# Stores from before


def _as_it_was(root: Path) -> None:
    """Take the index back to what it knew before digests and origins were kept."""
    with sqlite3.connect(root / "index.sqlite") as connection:
        connection.executescript(
            """
            CREATE TABLE old_key (workspace INTEGER NOT NULL, event_id TEXT NOT NULL, PRIMARY KEY (workspace, event_id))
                WITHOUT ROWID;
            INSERT INTO old_key SELECT workspace, event_id FROM event_key;
            DROP TABLE event_key;
            ALTER TABLE old_key RENAME TO event_key;
            UPDATE tail SET event_keys = (SELECT json_group_array(substr(value, 13)) FROM json_each(event_keys));
            ALTER TABLE tail DROP COLUMN origin;
            ALTER TABLE tail RENAME COLUMN event_keys TO event_ids;
            ALTER TABLE workspace DROP COLUMN withdrawals;
            DROP TABLE origin;
            """
        )


@pytest.mark.parametrize("flushed", [True, False])
def test_a_store_from_before_keeps_its_events_and_takes_their_repeats_as_duplicates(
    store: EventStore, flushed: bool
) -> None:
    put(store, event("a", output_minutes=1), event("1"))
    if flushed:
        store.flush("ws_1")
    store.close()
    _as_it_was(store.root)
    for _ in range(2):
        later = EventStore(store.root)
        assert counts(put(later, event("a", output_minutes=2))) == (0, 1, 0, 0)
        assert send(later, cloud_event("/eu", "1")).duplicates == 1
        assert counts(put(later, event("a", output_minutes=2))) == (0, 1, 0, 0)
        assert later.snapshot("ws_1").row_count == 2
        later.close()
    assert later.withdraw("ws_1", ["1", "a"]) == ["1", "a"]
    assert send(later, cloud_event("/eu", "1")).accepted == 1
    later.close()


def test_a_replacement_takes_the_place_of_an_event_that_was_stored_without_its_source(store: EventStore) -> None:
    put(store, event("1"))
    store.close()
    _as_it_was(store.root)
    later = EventStore(store.root)
    rows = parse_body(orjson.dumps([cloud_event("/eu", "1", output_minutes=7)]), "application/cloudevents-batch+json")
    receipt = later.replace(validate(rows, POLICY), Arrival("bat_1", "HTTP", NOW))
    assert (receipt.accepted, dict(receipt.replaced), ids(later)) == (1, {"ws_1": 1}, ["/eu␟1"])
    later.close()

"""Nested records: dotted paths, attributes, what nobody mapped, and the files that hold them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.importer import import_file
from app.services.usage.mapping import ColumnPlan, Where
from app.services.usage.nested import at, paths
from app.services.usage.store import EventStore
from tests.services.usage.conftest import CATALOG, POLICY, event, put, stored

STRIPE = {
    "identifier": "e1",
    "timestamp": 1767600000,
    "event_name": "video_render_completed",
    "payload": {"value": 200, "stripe_customer_id": "cus_123", "note": {"deep": 1}},
}
PLAN = ColumnPlan(
    {
        "event_id": "identifier", "ts": "timestamp", "event_type": "event_name",
        "customer_id": "payload.stripe_customer_id", "output_minutes": "payload.value",
    },
    {"segment": "smb"},
)  # fmt: skip


def test_a_literal_key_is_preferred_to_a_path() -> None:
    record = {"a.b": 1, "a": {"b": 2, "c.d": 3, "e": [{"f": 4}]}}
    assert [at(record, path) for path in ("a.b", "a.c.d", "a.e.0.f", "a.x", "a.b.c")] == [1, 3, 4, None, None]


def test_attributes_are_an_object_of_their_keys() -> None:
    attributes = [
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1200"}},
        {"key": "user.id", "value": {"stringValue": "acme"}},
        {"key": "tags", "value": {"arrayValue": {"values": []}}},
    ]
    record = {"attributes": attributes}
    assert at(record, "attributes.gen_ai.usage.input_tokens") == "1200"
    assert dict(paths(record))["attributes.user.id"] == "acme"


def test_fields_are_mapped_from_paths_and_the_rest_is_left_out_and_said(store: EventStore, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(STRIPE))
    report = import_file(store, tmp_path / "a.jsonl", POLICY, PLAN)
    assert (report.accepted, report.left_out) == (1, {"payload.note.deep": 1})
    (row,) = stored(store)
    assert (row["customer_id"], row["n_output_minutes"], str(row["ts"])) == ("cus_123", 200, "2026-01-05 08:00:00")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_cells_with_json_and_nested_columns_have_paths_too(store: EventStore, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        cell = json.dumps(STRIPE["payload"]).replace('"', '""')
        path.write_text(f'identifier,timestamp,event_name,payload\ne1,1767600000,video_render_completed,"{cell}"\n')
    else:
        pq.write_table(pa.Table.from_pylist([STRIPE | {"timestamp": "1767600000"}]), path)
    report = import_file(store, path, POLICY, PLAN)
    assert (report.accepted, report.left_out) == (1, {"payload.note.deep": 1})
    assert stored(store)[0]["n_output_minutes"] == 200


def test_a_path_that_a_table_lacks_is_refused_by_name(store: EventStore, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("identifier,timestamp,event_name\ne1,1767600000,x\n")
    with pytest.raises(UnreadableInput, match=r"a.csv has no column 'payload.stripe_customer_id', wanted by"):
        import_file(store, tmp_path / "a.csv", POLICY, PLAN)


def test_nested_values_that_no_event_type_has_are_left_out_and_counted(store: EventStore) -> None:
    receipt = put(store, event("a", metadata={"k": 1}, tags=["x"]), event("b", metadata={}))
    assert (receipt.accepted, receipt.left_out) == (2, {"metadata": 1, "tags": 1})
    extending = Policy("ws_1", CATALOG, extend_catalog=True)
    receipt = put(store, event("c", metadata={"k": 1}, colour="red"), event("d", metadata="plain"), policy=extending)
    assert (receipt.accepted, receipt.left_out) == (2, {"metadata": 1})
    assert receipt.new_event_types == {"video_render_completed": frozenset({"colour", "metadata"})}


def test_a_foreign_object_is_told_what_it_lacks(store: EventStore) -> None:
    foreign = {"identifier": "x", "event_name": "y", "value": 1}
    (reject,) = put(store, foreign).rejects
    assert reject.reason.startswith("event_type and ts are missing")


def test_rows_that_are_no_events_are_left_out_and_said(store: EventStore, tmp_path: Path) -> None:
    rows = [event("a", kind="usage"), event("b", kind="note"), event("c")]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    plan = ColumnPlan(ignore=["kind"], where=Where("kind", ("usage",)))
    report = import_file(store, tmp_path / "a.jsonl", POLICY, plan)
    assert (report.read, report.left_out) == (1, {"rows whose kind is not usage": 2})

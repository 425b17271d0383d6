"""Files of every format, mapped, made whole, refused as a whole or row by row."""

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.services.usage.fields import Policy, UnreadableInput, UnsupportedFormat
from app.services.usage.importer import ImportReport, import_file
from app.services.usage.mapping import OWN_NAMES, ColumnPlan
from app.services.usage.store import EventStore
from tests.services.usage.conftest import CATALOG, POLICY, event, put, stored

HEADER = "event_id,ts,event_type,customer_id,segment,output_minutes"
ROW = "{},2026-01-01T00:00:00Z,video_render_completed,c,s,{}"
CONSTANTS = {"event_type": "llm_request", "customer_id": "acme", "segment": "smb"}
NO_IDS = ColumnPlan(constants=CONSTANTS)


def write(tmp_path: Path, name: str, *lines: str, ending: str = "\n") -> Path:
    path = tmp_path / name
    path.write_bytes(ending.join(lines).encode())
    return path


def take(
    store: EventStore, path: Path, policy: Policy = POLICY, plan: ColumnPlan = OWN_NAMES, **options: Any
) -> ImportReport:
    return import_file(store, path, policy, plan, **options)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    assert report.read == report.accepted + report.duplicates + report.conflicts + report.rejected
    return report.read, report.accepted, report.duplicates, report.rejected


def test_a_csv_is_read_whatever_its_mark_line_ends_quotes_and_delimiter(store: EventStore, tmp_path: Path) -> None:
    plain = write(tmp_path, "plain.csv", HEADER, ROW.format("a", 1.5), "")
    marked = write(tmp_path, "marked.csv", "\ufeff" + HEADER, ROW.format("b", '"2"'), "", ending="\r\n")
    semicolons = write(tmp_path, "semi.csv", HEADER.replace(",", ";"), ROW.format("c", 3).replace(",", ";"))
    quoted = write(tmp_path, "quoted.csv", HEADER, ROW.format('"d"', '"4\n, ""x"""'), "", "")
    for path in (plain, marked, semicolons, quoted):
        assert counts(take(store, path)) == (1, 1, 0, 0)
    assert [row["d_output_minutes"] for row in stored(store)] == ["1.5", "2", "3", '4\n, "x"']
    assert [row.get("n_output_minutes") for row in stored(store)] == [Decimal("1.5"), 2, 3, None]


def test_an_empty_field_is_absent(store: EventStore, tmp_path: Path) -> None:
    take(store, write(tmp_path, "a.csv", HEADER, ROW.format("a", ""), ROW.format("b", '""')))
    assert not any("d_output_minutes" in row for row in stored(store))


@pytest.mark.parametrize("suffix", [".ndjson", ".csv"])
def test_bad_rows_go_to_the_report_with_number_field_and_reason(store: EventStore, tmp_path: Path, suffix: str) -> None:
    lines = [
        ROW.format("a", 1),
        "b,2026",
        ROW.format("c", 1).replace("video", "audio"),
        "",
        ROW.format("d", 1).replace("2026-01", "2026-13"),
        "1,2,3,4,5,6,7",
    ]
    target = tmp_path / f"rejects{suffix}"
    report = take(store, write(tmp_path, "a.csv", HEADER, *lines), rejects_path=target)
    assert counts(report) == (5, 1, 0, 4)
    assert report.rejects_path == target
    text = target.read_text()
    found = (
        list(csv.DictReader(text.splitlines()))
        if suffix == ".csv"
        else [json.loads(line) for line in text.splitlines()]
    )
    assert [(int(line["row"]), line["event_id"] or None, line["field"]) for line in found] == [
        (2, None, ""), (3, "c", "event_type"), (4, "d", "ts"), (5, None, ""),
    ]  # fmt: skip
    assert "has 2 fields where the header has 6" in found[0]["reason"]
    assert sum(report.reasons.values()) == 4


def test_misfits_keep_their_numbers_across_blocks(
    store: EventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.usage.csv_file._BLOCK", 400)
    lines = [ROW.format(f"e{n:03}", n) if n % 7 else f"short{n}" for n in range(1, 120)]
    report = take(store, write(tmp_path, "a.csv", HEADER, *lines, "x,,,,,"), rejects_path=tmp_path / "r.ndjson")
    rejects = [json.loads(line) for line in (tmp_path / "r.ndjson").read_text().splitlines()]
    assert [line["row"] for line in rejects] == [*range(7, 120, 7), 120]
    assert report.accepted == 119 - 17
    assert all(int(row["event_id"][1:]) == row["n_output_minutes"] for row in stored(store))


def test_a_row_that_is_not_utf8_does_not_spoil_the_others(store: EventStore, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        "\n".join([HEADER, ROW.format("é", 1)]).encode() + b"\n" + ROW.format("@", 1).encode().replace(b"@", b"\xff")
    )
    report = take(store, path)
    assert (report.accepted, dict(report.reasons)) == (
        1,
        {"event_id: event_id is not UTF-8: name the file's encoding, such as cp1252": 1},
    )


@pytest.mark.parametrize(
    ("header", "plan", "message"),
    [
        ("ts,event_type,customer_id", OWN_NAMES, "a.csv has no column 'segment'"),
        (
            HEADER,
            ColumnPlan({"ts": "TIMESTAMP"}),
            "a.csv has no column 'TIMESTAMP', wanted by ts: it has event_id, ts",
        ),
        (HEADER, ColumnPlan(ignore=["gone"]), "a.csv has no column 'gone'"),
        (HEADER + ",ts", OWN_NAMES, "a.csv has two columns 'ts'"),
        (HEADER, ColumnPlan({"ts": "ts"}, {"ts": "x"}), "ts is both mapped"),
        (HEADER, ColumnPlan({"ts": "ts", "resolution": "ts"}), "column 'ts' is used twice"),
        (HEADER, ColumnPlan(constants={"event_id": "x"}), "event_id cannot be a constant"),
    ],
)
def test_a_file_without_the_columns_wanted_is_refused_and_nothing_changes(
    store: EventStore, tmp_path: Path, header: str, plan: ColumnPlan, message: str
) -> None:
    put(store, event("old"))
    before = store.snapshot("ws_1")
    with pytest.raises(UnreadableInput) as refusal:
        take(store, write(tmp_path, "a.csv", header, "x"), plan=plan)
    assert message in str(refusal.value)
    assert store.snapshot("ws_1") == before
    assert not list((store.root / "incoming").iterdir())


def test_files_that_cannot_be_read_are_refused_by_name(store: EventStore, tmp_path: Path) -> None:
    for name in ("empty.csv", "empty.parquet"):
        with pytest.raises(UnreadableInput, match=name):
            take(store, write(tmp_path, name, ""))
    with pytest.raises(UnreadableInput, match=r"garbage.parquet cannot be read as parquet"):
        take(store, write(tmp_path, "garbage.parquet", "PAR1 but no more"))
    with pytest.raises(UnreadableInput, match=r"missing.csv: no such file"):
        take(store, tmp_path / "missing.csv")
    with pytest.raises(UnsupportedFormat, match=r"events.xlsx is a spreadsheet or a zip archive: save it as CSV"):
        take(store, write(tmp_path, "events.xlsx", "PK\x03\x04"))


def test_files_without_rows_are_fine(store: EventStore, tmp_path: Path) -> None:
    assert counts(take(store, write(tmp_path, "a.csv", HEADER))) == (0, 0, 0, 0)
    assert counts(take(store, write(tmp_path, "a.jsonl", ""))) == (0, 0, 0, 0)
    columns = {name: pa.array([], pa.string()) for name in HEADER.split(",")}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert counts(take(store, tmp_path / "a.parquet")) == (0, 0, 0, 0)


def test_a_format_can_be_named_for_any_suffix(store: EventStore, tmp_path: Path) -> None:
    assert take(store, write(tmp_path, "a.txt", HEADER, ROW.format("a", 1)), file_format="csv").accepted == 1


def test_json_lines_keep_every_digit_and_a_truncated_last_line_is_one_reject(store: EventStore, tmp_path: Path) -> None:
    lines = [
        json.dumps(event("a")).replace("}", ', "output_minutes": 0.1234567890123456789}'),
        "",
        json.dumps(event("b", output_minutes=1)),
        json.dumps(event("c"))[:-5],
    ]
    report = take(store, write(tmp_path, "a.jsonl", "\ufeff" + lines[0], *lines[1:]), rejects_path=tmp_path / "r.jsonl")
    assert counts(report) == (3, 2, 0, 1)
    assert json.loads((tmp_path / "r.jsonl").read_text())["row"] == 4
    assert [row["d_output_minutes"] for row in stored(store)] == ["0.1234567890123456789", "1"]


def test_json_lines_are_mapped_like_columns(store: EventStore, tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"when": "2026-01-01T00:00:00Z", "n": 5, "noise": [1], "segment": "own"}', "7")
    report = take(store, path, plan=ColumnPlan({"ts": "when", "context_tokens": "n"}, CONSTANTS, ["noise"]))
    assert (report.accepted, dict(report.reasons)) == (1, {"not a JSON object": 1})
    (row,) = stored(store)
    assert (row["segment"], row["n_context_tokens"]) == ("smb", 5)


def test_parquet_types_become_texts(store: EventStore, tmp_path: Path) -> None:
    columns = {
        "event_id": pa.array([1, 2, 3, 4]),
        "ts": pa.array([1767225600000] * 4, pa.timestamp("ms", "UTC")),
        "event_type": pa.array(["a"] * 4).dictionary_encode(),
        "customer_id": pa.array(["c"] * 4, pa.large_string()),
        "segment": pa.array(["s"] * 4),
        "f": pa.array([0.1, 1e-7, 1e16, float("nan")]),
        "g": pa.array([0.1, 1.0, None, 0.0], pa.float32()),
        "d": pa.array([Decimal("1.50"), None, Decimal("0.00"), None]),
        "b": pa.array([True, False, None, True]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    report = take(store, tmp_path / "a.parquet", Policy("ws_1", {"a": frozenset("fgdb")}))
    assert dict(report.reasons) == {"f: f must be a finite number": 1}
    texts = [[row.get(f"d_{name}") for name in "fgdb"] for row in stored(store)]
    assert texts == [
        ["0.1", "0.1", "1.5", "true"], ["1e-7", "1", None, "false"], ["10000000000000000", None, "0", None],
    ]  # fmt: skip


@pytest.mark.parametrize(("column", "values"), [("ts", [1]), ("output_minutes", [[1]]), ("output_minutes", [b"x"])])
def test_parquet_columns_of_unfit_types_are_refused_by_name(
    store: EventStore, tmp_path: Path, column: str, values: list[Any]
) -> None:
    columns = {name: ["x"] for name in HEADER.split(",")} | {column: values}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(UnreadableInput, match=f"a.parquet: column '{column}' is"):
        take(store, tmp_path / "a.parquet")


def test_the_same_file_twice_counts_once_and_equal_rows_all_count(store: EventStore, tmp_path: Path) -> None:
    path = write(
        tmp_path, "a.csv", "ts,context_tokens", *["2026-01-01 00:00:00.1234567,5"] * 3, "2026-01-01 00:00:00,5"
    )
    assert counts(take(store, path, plan=NO_IDS)) == (4, 4, 0, 0)
    assert counts(take(store, path, plan=NO_IDS)) == (4, 0, 4, 0)
    more = write(tmp_path, "b.csv", "ts,context_tokens", *["2026-01-01 00:00:00.1234567,5"] * 4)
    assert counts(take(store, more, plan=NO_IDS)) == (4, 1, 3, 0)
    other = ColumnPlan(constants=CONSTANTS | {"customer_id": "other"})
    assert counts(take(store, path, plan=other)) == (4, 4, 0, 0)


def test_made_ids_do_not_depend_on_a_customers_segment_of_the_day(store: EventStore, tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"ts": "2026-01-01T00:00:00Z", "event_type": "llm_request", "customer_id": "c"}')
    assert take(store, path, Policy("ws_1", CATALOG, segments={"c": "smb"})).accepted == 1
    assert take(store, path, Policy("ws_1", CATALOG, segments={"c": "enterprise"})).duplicates == 1


def test_of_one_id_in_a_file_the_first_row_counts(store: EventStore, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", HEADER, ROW.format("a", 1), ROW.format("b", 2), ROW.format("a", 3))
    report = take(store, path)
    assert (counts(report), report.conflicts) == ((3, 2, 0, 0), 1)
    assert [row["n_output_minutes"] for row in stored(store)] == [1, 2]


def test_rejects_of_files_without_ids_show_no_made_up_id(store: EventStore, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "ts", "soon")
    take(store, path, rejects_path=tmp_path / "r.ndjson", plan=NO_IDS)
    assert json.loads((tmp_path / "r.ndjson").read_text())["event_id"] is None


def test_an_import_extends_the_catalog_only_when_asked(store: EventStore, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", HEADER + ",colour", ROW.format("a", 1) + ",red")
    assert dict(take(store, path).reasons) == {
        "colour: 'colour' is not a dimension of event type 'video_render_completed' in the catalog": 1
    }
    report = take(store, path, Policy("ws_1", CATALOG, extend_catalog=True))
    assert report.new_event_types == {"video_render_completed": frozenset({"colour"})}


def test_progress_is_told_in_rows(store: EventStore, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    columns = {name: [f"{name}"] * 3 for name in HEADER.split(",")}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    take(store, tmp_path / "a.parquet", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)


def test_an_import_interrupted_by_the_operator_changes_nothing(store: EventStore, tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(store, write(tmp_path, "a.csv", HEADER, ROW.format("a", 1)), progress=interrupt)
    assert stored(store) == []
    assert not list((store.root / "incoming").iterdir())


def test_an_import_needs_a_workspace(store: EventStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workspace"):
        take(store, tmp_path / "a.csv", Policy(None, CATALOG))


def test_a_packed_file_is_read_and_a_broken_one_refused_by_name(store: EventStore, tmp_path: Path) -> None:
    packed = gzip.compress(b"\n".join([HEADER.encode(), ROW.format("a", 1).encode()]))
    (tmp_path / "a.csv").write_bytes(packed)
    assert counts(take(store, tmp_path / "a.csv")) == (1, 1, 0, 0)
    (tmp_path / "a.csv").write_bytes(packed[:-9])
    with pytest.raises(UnreadableInput, match=r"a\.csv cannot be unpacked"):
        take(store, tmp_path / "a.csv")


def test_rejects_sent_to_a_device_leave_the_device_as_it_is(store: EventStore, tmp_path: Path) -> None:
    before = Path("/dev/null").stat()
    report = take(store, write(tmp_path, "a.csv", HEADER, "x,,,,,"), rejects_path=Path("/dev/null"))
    assert report.rejected == 1
    after = Path("/dev/null").stat()
    assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)

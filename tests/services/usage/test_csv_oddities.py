"""CSV files as people have them: each is read, or refused with a message that names what to do."""

import gzip
from pathlib import Path

import pytest

from app.services.usage.fields import UnreadableInput, UnsupportedFormat
from app.services.usage.importer import ImportReport, import_file
from app.services.usage.mapping import ColumnPlan
from app.services.usage.store import EventStore
from tests.services.usage.conftest import POLICY, stored

HEADER = "event_id,ts,event_type,customer_id,segment,output_minutes\n"
TIME = "2026-01-05T00:00:00Z,video_render_completed"
ROW = f"a,{TIME},cu,smb,3\n"


def take(store: EventStore, folder: Path, content: bytes | str, name: str = "usage.csv", **plan: str) -> ImportReport:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return import_file(store, path, POLICY, ColumnPlan(**plan))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + HEADER + ROW,
        (HEADER + ROW).encode("utf-16"),
        (HEADER + ROW).encode("utf-16-be"),
        (HEADER + ROW).encode("utf-16-le"),
        (HEADER + ROW).replace("\n", "\r"),
        (HEADER + ROW).replace("\n", "\r\n") + "\r\n",
        (HEADER + ROW).rstrip(),
        "sep=;\n" + (HEADER + ROW).replace(",", ";"),
        "Usage export,Acme Inc\nGenerated,2026-01-31\n\n" + HEADER + ROW,
        HEADER.replace(",", ", ") + ROW.replace(",", ", "),
        HEADER.replace(",", ", ") + ROW.replace("cu", '"cu"').replace(",", ", "),
        "Event_ID,TS,Event_Type,Customer_ID,Segment,Output_Minutes\n" + ROW,
        "event_id , ts,event_type ,customer_id,segment, output_minutes\n" + ROW,
        HEADER.rstrip() + ",,\n" + ROW.rstrip() + ",,\n",
        (HEADER + ROW).replace(",", "\t"),
        gzip.compress((HEADER + ROW).encode(), mtime=0),
        gzip.compress((HEADER + ROW).encode("utf-16"), mtime=0),
    ],
)
@pytest.mark.parametrize("name", ["usage.csv", "usage.txt", "events"])
def test_one_event_is_read_however_its_file_is_written(
    store: EventStore, tmp_path: Path, content: bytes | str, name: str
) -> None:
    report = take(store, tmp_path, content, name)
    assert (report.read, report.accepted, report.rejected) == (1, 1, 0)
    (row,) = stored(store)
    assert (row["event_id"], row["customer_id"], row["n_output_minutes"]) == ("a", "cu", 3)


def test_lines_before_the_header_are_said(store: EventStore, tmp_path: Path) -> None:
    assert take(store, tmp_path, "Usage export\n\n" + HEADER + ROW).left_out == {"lines before the header": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.rstrip() + ",output_minutes\n", "has two columns 'output_minutes': rename one"),
        ("ts,TS,event_type,customer_id,segment\n1,2,3,4,5\n", "columns 'ts' and 'TS' are both ts: map or ignore one"),
        ("", "is empty: its first line must name the columns"),
        (b"\xff\xfe" + b"a\0" * 40 + b"\n", "is not utf-16: name its encoding"),
    ],
)
def test_what_cannot_be_read_names_the_file_and_the_fix(
    store: EventStore, tmp_path: Path, content: bytes | str, message: str
) -> None:
    with pytest.raises(UnreadableInput) as refusal:
        take(store, tmp_path, content)
    assert message in str(refusal.value)
    assert str(refusal.value).startswith("usage.csv ") or "columns" in message


def test_a_quote_that_is_never_closed_spoils_only_its_own_row(store: EventStore, tmp_path: Path) -> None:
    rows = [f"{name},{TIME},{customer},smb,1" for name, customer in [("a", '"cu'), ("b", "cu"), ("c", '"c, u"')]]
    report = take(store, tmp_path, HEADER + "\n".join(rows) + "\n")
    assert (report.read, report.accepted, dict(report.reasons)) == (3, 2, {"has a quote that is never closed": 1})
    assert [row["customer_id"] for row in stored(store)] == ["cu", "c, u"]


def test_quoted_line_breaks_count_as_one_row_beside_an_unclosed_quote(store: EventStore, tmp_path: Path) -> None:
    rows = [f'a,{TIME},cu,smb,"1\n2"', f'b,{TIME},"cu,smb,1', f"c,{TIME},cu,smb", f"d,{TIME},cu,smb,4"]
    path = tmp_path / "rejects.ndjson"
    (tmp_path / "usage.csv").write_text(HEADER + "\n".join(rows))
    report = import_file(store, tmp_path / "usage.csv", POLICY, rejects_path=path)
    assert (report.read, report.accepted) == (4, 2)
    assert [line.split(",")[0] for line in path.read_text().splitlines()] == ['{"row":2', '{"row":3']


def test_a_text_that_is_no_utf8_is_read_in_the_encoding_that_is_named(store: EventStore, tmp_path: Path) -> None:
    content = (HEADER + ROW.replace("cu", "Café €")).encode("cp1252")
    assert take(store, tmp_path, content).reasons == {
        "customer_id: customer_id is not UTF-8: name the file's encoding, such as cp1252": 1
    }
    assert take(store, tmp_path, content, encoding="cp1252").accepted == 1
    assert stored(store)[0]["customer_id"] == "Café €"


def test_a_format_and_an_encoding_have_known_names(store: EventStore, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match=r"'xml' is no format: name one of csv, tsv, json, jsonl, parquet"):
        take(store, tmp_path, ROW, file_format="xml")
    with pytest.raises(UnsupportedFormat, match=r"'ebcdic' is no encoding"):
        take(store, tmp_path, ROW, encoding="ebcdic")


def test_times_that_could_mean_two_days_refuse_the_whole_file(store: EventStore, tmp_path: Path) -> None:
    rows = ROW.replace("2026-01-05T00:00:00Z", "25/12/2026") + ROW.replace("2026-01-05T00:00:00Z", "03/04/2026")
    with pytest.raises(UnreadableInput, match=r"row 2: ts does not say whether day or month comes first.*--day-first"):
        take(store, tmp_path, HEADER + rows)
    assert stored(store) == []

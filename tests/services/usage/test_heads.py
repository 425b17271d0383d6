"""The head of a file: its format by content, its columns and first rows, and a small file of the same kind."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.usage.fields import UnreadableInput, UnsupportedFormat
from app.services.usage.heads import HEAD_ROWS, format_of, read_head


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def written(content: bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content)
        return path

    return written


def parquet(**columns: list[object]) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"ts,event_type\n", "csv"),
        (b"\xef\xbb\xbfts;event_type\n", "csv"),
        (b'\n {"ts": 1}\n', "jsonl"),
        (b'\xef\xbb\xbf{"ts": 1}\n', "jsonl"),
        (parquet(ts=["x"]), "parquet"),
        (b' [{"ts": 1}]', "json"),
        (b'{\n  "data": [\n    {"ts": 1}\n  ]\n}', "json"),
        (b'{"data": [' + b'{"ts": 1},' * 200_000, "json"),
        (b'{"ts": 1\n{"ts": 2}\n', "jsonl"),
        (gzip.compress(b'{"ts": 1}\n', mtime=0), "jsonl"),
        ('{"ts": 1}\n'.encode("utf-16"), "jsonl"),
        ("ts,event_type\n".encode("utf-16-le"), "csv"),
    ],
)
def test_the_format_is_told_by_the_content(file: Callable[[bytes], Path], content: bytes, expected: str) -> None:
    assert format_of(file(content)) == expected


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"%PDF-1.7", b"BZh9", gzip.compress(b"PK\x03\x04", mtime=0)])
def test_archives_and_spreadsheets_are_refused_with_a_way_on(file: Callable[[bytes], Path], content: bytes) -> None:
    with pytest.raises(UnsupportedFormat, match="save it as CSV, JSON Lines or Parquet"):
        format_of(file(content))


def test_a_broken_gzip_is_refused(file: Callable[[bytes], Path]) -> None:
    with pytest.raises(UnreadableInput, match="cannot be unpacked"):
        format_of(file(gzip.compress(b"ts,event_type" * 100)[:30]))


def test_the_paths_of_nested_values_are_columns_and_a_list_of_attributes_is_an_object(
    file: Callable[[bytes], Path],
) -> None:
    line = b'{"a": {"b": {"c": 1}}, "attributes": [{"key": "x.y", "value": {"intValue": "7"}}], "tags": [1]}'
    head, _ = read_head(file(line))
    assert head.columns == ("a.b.c", "attributes.x.y", "tags")
    assert head.rows == (("1", "7", "[1]"),)


def test_a_column_of_json_objects_is_shown_by_its_paths(file: Callable[[bytes], Path]) -> None:
    head, _ = read_head(file(b'id,usage\n1,"{""in"": 5}"\n2,\n'))
    assert head.columns == ("id", "usage.in")
    assert head.rows == (("1", "5"), ("2", None))


def test_the_head_of_a_long_array_is_a_small_file_of_its_first_records(file: Callable[[bytes], Path]) -> None:
    head, copied = read_head(file(b"[" + b",".join(b'{"n": %d.10}' % n for n in range(500)) + b"]"))
    assert len(head.rows) == HEAD_ROWS
    assert copied.splitlines()[1] == b'{"n":1.1}'


def test_csv_rows_are_as_long_as_the_header_and_empty_values_absent(file: Callable[[bytes], Path]) -> None:
    head, _ = read_head(file(b"a;b;c\r\n1;;3\r\n\r\n1\r\n1;2;3;4\r\n"), "csv")
    assert head.columns == ("a", "b", "c")
    assert head.rows == (("1", None, "3"), ("1", None, None), ("1", "2", "3"))
    assert head.values(1) == ["2"]


def test_bytes_that_are_no_utf8_are_shown_as_such_and_kept_as_they_are(file: Callable[[bytes], Path]) -> None:
    head, copied = read_head(file(b"a,b\nM\xfcnchen,1\n"), "csv")
    assert head.rows == (("M�nchen", "1"),)
    assert b"M\xfcnchen" in copied


def test_a_quoted_line_break_does_not_cut_a_row(file: Callable[[bytes], Path]) -> None:
    head, copied = read_head(file(b'a,b\n"x\ny",1\n' * 1 + b'"p\nq",2\n' * HEAD_ROWS), "csv")
    assert head.rows[0] == ("x\ny", "1")
    assert len(head.rows) == HEAD_ROWS
    assert copied.count(b'"') == 2 * HEAD_ROWS


def test_json_lines_have_every_column_that_some_line_has(file: Callable[[bytes], Path]) -> None:
    head, _ = read_head(file(b'{"a":1.10,"b":null}\nnot json\n{"b":"x","c":[1]}\n'), "jsonl")
    assert head.columns == ("a", "b", "c")
    assert head.rows == (("1.1", None, None), (None, "x", "[1]"))


def test_a_line_without_end_is_refused(file: Callable[[bytes], Path]) -> None:
    with pytest.raises(UnreadableInput, match="has a line of more than"):
        read_head(file(b'{"a":1}\n{"a":"' + b"x" * 2**24 + b'"}'))
    with pytest.raises(UnreadableInput, match="has a value of more than"):
        read_head(file(b'{"a":"' + b"x" * 2**25 + b'"}'))


def test_parquet_values_are_shown_as_text(file: Callable[[bytes], Path]) -> None:
    head, copied = read_head(file(parquet(n=pa.array(range(500)), t=pa.array(["x"] * 500))), "parquet")
    assert head.rows[1] == ("1", "x")
    assert pq.read_metadata(io.BytesIO(copied)).num_rows == HEAD_ROWS


@pytest.mark.parametrize(("content", "kind"), [(b"\n\n", "csv"), (b"PAR1", "parquet")])
def test_what_cannot_be_read_as_a_whole_is_refused(file: Callable[[bytes], Path], content: bytes, kind: str) -> None:
    with pytest.raises(UnreadableInput):
        read_head(file(content), kind)


def test_too_many_columns_are_refused(file: Callable[[bytes], Path]) -> None:
    with pytest.raises(UnreadableInput, match="has 501 columns"):
        read_head(file(",".join(map(str, range(501))).encode()), "csv")


@given(
    rows=st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=2),
        max_size=5,
    )
)
def test_the_copy_of_a_head_has_the_same_head(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    import csv

    path = tmp_path_factory.mktemp("heads") / "file.csv"
    with path.open("w", encoding="utf-8", newline="") as written:
        csv.writer(written).writerows([["left", "right"], *rows])
    head, copied = read_head(path, "csv")
    path.write_bytes(copied)
    assert read_head(path, "csv") == (head, copied)

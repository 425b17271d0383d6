"""Uploaded files: named harmlessly, kept per workspace, imported by one at a time, swept when abandoned."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Invalid, NotFound
from app.services.uploads.store import KEPT, REJECTS_KEPT, Upload, Uploads, harmless

NOW = datetime(2026, 1, 15, tzinfo=UTC)
CSV = b"ts,event_type,customer_id\n2026-01-02T09:15:00Z,x,c\n"


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads")


def received(
    uploads: Uploads, content: bytes = CSV, name: str = "usage.csv", kind: str = "usage", workspace_id: str = "ws_1"
) -> Upload:
    with uploads.receiving(workspace_id) as incoming:
        part = incoming.open()
        part.write(content)
        part.close()
        return incoming.keep(Path(part.name), name, kind)


def age(path: Path, by: timedelta) -> None:
    moment = (NOW - by).timestamp()
    os.utime(path, (moment, moment))


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("usage.csv", "usage.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\usage.csv", "usage.csv"),
        (".htaccess", "htaccess"),
        ("bad\x00\nname.csv", "bad_name.csv"),
        ("..", "upload"),
        ("", "upload"),
    ],
)
def test_a_name_is_made_harmless(given_name: str, kept: str) -> None:
    assert harmless(given_name) == kept


@given(st.text())
def test_no_name_leaves_its_folder(name: str) -> None:
    kept = harmless(name)
    assert Path(kept).name == kept
    assert 0 < len(kept.encode()) <= 100
    assert kept not in (".", "..")


def test_an_upload_is_found_again_as_it_was(uploads: Uploads) -> None:
    upload = received(uploads)
    found = uploads.find("ws_1", upload.upload_id)
    assert found == upload
    assert (found.rows, found.size, found.file_format, found.name) == (1, len(CSV), "csv", "usage.csv")
    assert found.path.read_bytes() == CSV
    assert found.progress() == {"state": "staged"}


def test_it_is_found_in_its_own_workspace_only(uploads: Uploads) -> None:
    upload = received(uploads, workspace_id="ws_1")
    for workspace_id in ("ws_2", "..", "ws_1/..", "."):
        with pytest.raises(NotFound):
            uploads.find(workspace_id, upload.upload_id)


@pytest.mark.parametrize("workspace_id", ["../../elsewhere", "..", "."])
def test_a_workspace_cannot_be_named_out_of_its_own_folder(uploads: Uploads, workspace_id: str) -> None:
    upload = received(uploads, workspace_id=workspace_id)
    assert upload.folder.resolve().parent.parent == uploads.root.resolve()


def test_what_cannot_be_read_leaves_nothing_behind(uploads: Uploads) -> None:
    with pytest.raises(Invalid, match=r"book.xlsx is a spreadsheet"):
        received(uploads, content=b"PK\x03\x04", name="book.xlsx")
    assert list(uploads.root.rglob("*")) == [uploads.root / "ws_1"]


def test_a_catalog_is_csv(uploads: Uploads) -> None:
    with pytest.raises(Invalid, match=r"catalog.json is jsonl, not CSV"):
        received(uploads, content=b'{"event_type":"x"}', name="catalog.json", kind="catalog")


@pytest.mark.parametrize(("content", "rows"), [(b"a\n1\n2\n", 2), (b"a\n1\n2", 2), (b"a", 0), (b'{"a":1}\n{"a":2}', 2)])
def test_rows_are_counted_by_lines(uploads: Uploads, content: bytes, rows: int) -> None:
    assert received(uploads, content=content).rows == rows


def test_one_import_at_a_time_may_have_it(uploads: Uploads) -> None:
    upload = received(uploads)
    with upload.importing() as first, uploads.find("ws_1", upload.upload_id).importing() as second:
        assert (first, second) == (True, False)
    with upload.importing() as again:
        assert again


def test_a_sweep_takes_what_is_a_day_old_and_not_being_imported(uploads: Uploads) -> None:
    old, running, fresh = received(uploads), received(uploads), received(uploads)
    with running.importing():
        for upload in (old, running):
            age(upload.folder, KEPT + timedelta(seconds=1))
        age(fresh.folder, KEPT - timedelta(minutes=1))
        assert uploads.sweep(NOW) == 1
    assert [upload.folder.exists() for upload in (old, running, fresh)] == [False, True, True]


def test_a_sweep_leaves_what_is_still_arriving_however_slowly(uploads: Uploads) -> None:
    with uploads.receiving("ws_1") as incoming:
        part = incoming.open()
        part.write(CSV)
        (folder,) = uploads.root.glob("*/up_*")
        age(folder, 3 * KEPT)
        assert uploads.sweep(NOW) == 0
        part.close()
        upload = incoming.keep(Path(part.name), "usage.csv", "usage")
    assert upload.path.read_bytes() == CSV


def test_a_sweep_takes_rejects_after_a_month(uploads: Uploads) -> None:
    old, fresh = (uploads.rejects_path("ws_1", f"imp_{number}") for number in (1, 2))
    for path in (old, fresh):
        path.write_text("row\n")
    age(old, REJECTS_KEPT + timedelta(seconds=1))
    age(fresh, REJECTS_KEPT - timedelta(minutes=1))
    assert uploads.sweep(NOW) == 1
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize("report_id", ["..", "imp_../x", "secret", "", "imp_" + "x" * 65])
def test_a_report_that_cannot_be_is_not_there(uploads: Uploads, report_id: str) -> None:
    with pytest.raises(NotFound):
        uploads.rejects_path("ws_1", report_id)

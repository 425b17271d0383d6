"""The store of uploaded files between their preview and their import: each in a folder of a random name.

    <root>/<workspace>/<upload_id>/file/<name>    the file, under a harmless form of its own name
                                  /head/<name>    its first rows: all that a preview reads
                                  /about.json     its kind, name, format, size and rows
                                  /progress.json  the progress of its import (see imports.py)
                                  /lock           held while it is received or imported
    <root>/<workspace>/rejects/<id>.csv           the rows that an import rejected, for download

The file is deleted once it is imported; a sweep deletes what was abandoned.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypedDict
from urllib.parse import quote

import orjson

from app.errors import Invalid, not_found
from app.file_lock import exclusive
from app.services.usage.content import Content, recognise
from app.services.usage.fields import UnreadableInput
from app.services.usage.heads import Head, read_head

MAX_BYTES: Mapping[str, int] = {
    "usage": 512 * 2**20,
    "catalog": 8 * 2**20,
    "metrics": 8 * 2**20,
    "quality_signals": 8 * 2**20,
    "segments": 8 * 2**20,
    "customers": 8 * 2**20,
    "costs": 8 * 2**20,
}
STAGED, RUNNING, DONE, FAILED = "staged", "running", "done", "failed"
KEPT = timedelta(days=1)
REJECTS_KEPT = timedelta(days=30)
_PIECE = 2**20
_UPLOAD_ID = re.compile(r"up_[0-9a-f]{32}")
_REPORT_ID = re.compile(r"(imp|up)_[0-9a-z_]{1,64}")


class Progress(TypedDict, total=False):
    """The progress of an import.

    `state` is always there; beside it `done` and `total` rows while it runs, `detail` once it has failed, and once it
    is done the rest: counts of rows, rejects by reason, sentences about the file, what was added to the catalogs, the
    id of the rejects report, and for usage the warnings (`usage.fields.UsageWarning`).
    """

    state: str
    done: int
    total: int
    detail: str
    read: int
    accepted: int
    duplicates: int
    rejected: int
    reasons: dict[str, int]
    conflicts: int
    notes: list[str]
    learned: list[str]
    left_out: dict[str, int]
    report_id: str
    warnings: list[dict[str, object]]


@dataclass(frozen=True)
class Upload:
    """A file that was received. `rows` is its number of rows; approximate, because lines are counted, not records."""

    folder: Path
    kind: str
    name: str
    file_format: str
    size: int
    rows: int

    @property
    def upload_id(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "file" / self.name

    @property
    def head_path(self) -> Path:
        """A file of the same format that holds only the first rows."""
        return self.folder / "head" / self.name

    @property
    def is_staged(self) -> bool:
        """Whether the file is still there to be imported."""
        return self.path.is_file()

    def head(self) -> Head:
        """The columns and the first rows."""
        return read_head(self.head_path)[0]

    def progress(self) -> Progress:
        """The progress of its import; `{"state": "staged"}` before there is one."""
        try:
            progress: Progress = orjson.loads((self.folder / "progress.json").read_bytes())
        except FileNotFoundError:
            return {"state": STAGED}
        return progress

    def write_progress(self, progress: Progress) -> None:
        """Replace the progress atomically: readers get the one before or this one."""
        _write_whole(self.folder / "progress.json", orjson.dumps(progress))

    @contextmanager
    def importing(self) -> Iterator[bool]:
        """Hold the lock of its import; False when another process has it. The lock ends with its process."""
        with exclusive(self.folder / "lock", wait=False) as mine:
            yield mine

    def remove_file(self) -> None:
        """Delete the file and its head; the progress of the import stays until a sweep."""
        for part in ("file", "head"):
            shutil.rmtree(self.folder / part, ignore_errors=True)


class Incoming:
    """A folder that an upload is streamed into; it is deleted again unless a file in it is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: list[BinaryIO] = []
        self.is_kept = False

    def open(self) -> BinaryIO:
        """A new file on disk to write one part of a request to."""
        part = (self._folder / f"part_{secrets.token_hex(8)}").open("w+b")
        self._parts.append(part)
        return part

    def close(self) -> None:
        """Close every part, and delete the folder unless a file in it was kept."""
        for part in self._parts:
            part.close()
        if not self.is_kept:
            shutil.rmtree(self._folder, ignore_errors=True)

    def keep(self, part: Path, filename: str, kind: str) -> Upload:
        """Make the part an upload. Raises Invalid, naming the file, when nothing can be read from it."""
        name = harmless(filename)
        try:
            upload = self._describe(part, name, kind)
        except UnreadableInput as error:
            raise Invalid(f"{name} {error}.", code=error.code) from error
        for leftover in self._folder.glob("part_*"):
            leftover.unlink()
        self.is_kept = True
        return upload

    def _describe(self, part: Path, name: str, kind: str) -> Upload:
        size = part.stat().st_size
        if not size:
            raise UnreadableInput("is empty")
        content = recognise(part)
        file_format = content.file_format
        if kind != "usage" and file_format != "csv":
            raise UnreadableInput(f"is {file_format}, not CSV")
        stem = name.removesuffix(".gz").rpartition(".")[0] or name
        upload = Upload(self._folder, kind, f"{stem}.{file_format}", file_format, size, _rows(content))
        upload.path.parent.mkdir()
        upload.head_path.parent.mkdir()
        part.rename(upload.path)
        upload.head_path.write_bytes(read_head(upload.path)[1])
        description = {"kind": kind, "name": upload.name, "file_format": file_format, "size": size, "rows": upload.rows}
        _write_whole(self._folder / "about.json", orjson.dumps(description))
        return upload


class Uploads:
    """Every upload of every workspace, under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def receiving(self, workspace_id: str) -> Iterator[Incoming]:
        """A folder for one upload, deleted afterwards unless its file is kept."""
        folder = self._workspace(workspace_id) / f"up_{secrets.token_hex(16)}"
        folder.mkdir(parents=True, mode=0o700)
        incoming = Incoming(folder)
        with exclusive(folder / "lock"):  # a sweep leaves it alone, however slowly it arrives
            try:
                yield incoming
            finally:
                incoming.close()

    def find(self, workspace_id: str, upload_id: str) -> Upload:
        """The upload. Raises NotFound for one that never existed, is another workspace's, or was swept."""
        folder = self._workspace(workspace_id) / upload_id
        if not _UPLOAD_ID.fullmatch(upload_id) or not (folder / "about.json").is_file():
            raise not_found("upload", upload_id)
        return Upload(folder, **orjson.loads((folder / "about.json").read_bytes()))

    def discard(self, upload: Upload) -> None:
        """Delete an upload that was not imported."""
        shutil.rmtree(upload.folder, ignore_errors=True)

    def rejects_path(self, workspace_id: str, report_id: str) -> Path:
        """The path of the rejects of an import, where a file is if there are any; NotFound for what cannot be an id."""
        if not _REPORT_ID.fullmatch(report_id):
            raise not_found("rejects report", report_id)
        folder = self._workspace(workspace_id) / "rejects"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder / f"{report_id}.csv"

    def sweep(self, now: datetime) -> int:
        """Delete uploads after a day, unless in use, and rejects after 30 days; returns how many were deleted."""
        uploads = [path for path in self.root.glob("*/up_*") if path.is_dir() and _is_older(path, now - KEPT)]
        reports = [path for path in self.root.glob("*/rejects/*.csv") if _is_older(path, now - REJECTS_KEPT)]
        for path in reports:
            path.unlink(missing_ok=True)
        return len(reports) + sum(map(_remove_unless_used, uploads))

    def _workspace(self, workspace_id: str) -> Path:
        return self.root / quote(workspace_id, safe="").replace(".", "%2E")


def harmless(filename: str) -> str:
    """The file's own name without folders, control characters or a leading dot, at most 100 characters."""
    last = re.split(r"[/\\]", filename)[-1]
    plain = re.sub(r"[^A-Za-z0-9._ -]+", "_", last).strip(". ")
    return plain[-100:] or "upload"


def _rows(content: Content) -> int:
    """The number of rows; of text files about, by their lines, and of JSON documents by the gaps between objects."""
    if content.file_format == "parquet":
        from app.services.usage import parquet_file  # late: Arrow comes with the first Parquet file

        return parquet_file.count_rows(content.path)
    if content.file_format == "json":
        return 1 + sum(piece.translate(None, b" \t\r\n").count(b"},{") for piece in _pieces(content))
    lines, carriages, last = 0, 0, b"\n"
    for piece in _pieces(content):
        lines, carriages, last = lines + piece.count(b"\n"), carriages + piece.count(b"\r"), piece[-1:]
    return max((lines or carriages) + (last not in b"\r\n") - (content.file_format != "jsonl"), 0)


def _pieces(content: Content) -> Iterator[bytes]:
    with content.open() as file:
        while piece := file.read(_PIECE):
            yield piece


def _write_whole(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    scratch.write_bytes(content)
    scratch.replace(path)


def _is_older(path: Path, moment: datetime) -> bool:
    try:
        return os.stat(path).st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False


def _remove_unless_used(folder: Path) -> bool:
    try:
        with exclusive(folder / "lock", wait=False) as mine:
            if mine:
                shutil.rmtree(folder, ignore_errors=True)
            return mine
    except FileNotFoundError:  # another sweep deleted it first
        return False

"""The events that a question covers, counted and fingerprinted, so that it can be told later whether they are the same.

The index knows rows and digest of each month and segment, and XOR takes parts out as it puts them in. So only a month
that a border cuts is scanned: for the digest of what lies after `as_of`, which usually is little, and for the count of
what lies before the window.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.services.usage import staging
from app.services.usage.index import partition
from app.services.usage.sql import scan, text
from app.services.usage.store import Dataset, EventStore
from app.services.usage.stored_file import SegmentShare, StoredFile, combine


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events a question covers: of a segment (None: of all) up to `as_of`; those after `start` are its window."""

    segment: str | None
    start: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Coverage:
    """The events of a scope: how many before its window, in its window by month (`2026-01`), and the digest of all."""

    before_window: int
    window: Mapping[str, int]
    digest: str


@dataclass(frozen=True, slots=True)
class _Part:
    """Some events of one file."""

    rows: int
    digest: str


def coverage(store: EventStore, workspace_id: str, scope: Scope) -> Coverage:
    """The events of the scope that the store holds now."""
    return coverage_of(store, workspace_id, store.snapshot(workspace_id), scope)


def coverage_of(store: EventStore, workspace_id: str, dataset: Dataset, scope: Scope) -> Coverage:
    """The events of the scope in a dataset of the workspace."""
    return _coverage(store.root, _with_segments(store, workspace_id, dataset), scope)


def _with_segments(store: EventStore, workspace_id: str, dataset: Dataset) -> Dataset:
    """The dataset with the segments of every file; those that the index does not know are read once and kept there."""
    learned = {file.path: _file_with_segments(store.root, file) for file in dataset.files if file.segments is None}
    if not learned:
        return dataset
    with store.index.writing() as connection:
        partition(connection, workspace_id).learn_segments(learned.values())
    return replace(dataset, files=tuple(learned.get(file.path, file) for file in dataset.files))


def _file_with_segments(root: Path, file: StoredFile) -> StoredFile:
    from app.services.usage import parquet  # late: only a workspace with events needs DuckDB

    columns = f"segment, count(*), {parquet.digest(file.dimensions)}"
    rows = _rows(root, f"{columns} FROM {scan([root / file.path])} GROUP BY segment ORDER BY segment")
    shares = (SegmentShare(segment, count, parquet.hexadecimal(bits)) for segment, count, bits in rows)
    return replace(file, segments=tuple(shares))


@lru_cache(maxsize=256)
def _coverage(root: Path, dataset: Dataset, scope: Scope) -> Coverage:
    """The coverage, computed once for each state of the events and each scope."""
    start, as_of = _naive(scope.start), _naive(scope.as_of)
    digests, before, window = list[str](), 0, Counter[str]()
    for file in dataset.files:
        if file.min_ts <= as_of:
            covered = _until(root, file, scope.segment, as_of)
            earlier = _rows_until(root, file, scope.segment, min(start, as_of), covered.rows)
            digests.append(covered.digest)
            before += earlier
            window[file.month] += covered.rows - earlier
    return Coverage(before, {month: rows for month, rows in sorted(window.items()) if rows}, combine(digests))


def _until(root: Path, file: StoredFile, segment: str | None, moment: datetime) -> _Part:
    """The file's events of the segment up to a moment: all of them without those after it."""
    whole = _whole(file, segment)
    if file.max_ts <= moment:
        return whole
    after = _scanned(root, file.path, file.dimensions, _where(segment, f"ts > {_literal(moment)}"))
    return _Part(whole.rows - after.rows, combine((whole.digest, after.digest)))


def _rows_until(root: Path, file: StoredFile, segment: str | None, moment: datetime, most: int) -> int:
    """How many events of the segment, of `most`, the file has up to a moment."""
    if file.min_ts > moment:
        return 0
    return most if file.max_ts <= moment else _counted(root, file.path, _where(segment, f"ts <= {_literal(moment)}"))


def _whole(file: StoredFile, segment: str | None) -> _Part:
    """All of the file's events of the segment."""
    if segment is None:
        return _Part(file.rows, file.digest)
    share = next((share for share in file.segments or () if share.segment == segment), None)
    return _Part(share.rows, share.digest) if share else _Part(0, combine(()))


# A file never changes and its name has the digest of its content, so what was read of it once holds for good.


@lru_cache(maxsize=4096)
def _scanned(root: Path, path: str, dimensions: tuple[str, ...], where: str) -> _Part:
    from app.services.usage import parquet  # late: only a workspace with events needs DuckDB

    ((rows, bits),) = _rows(root, f"count(*), {parquet.digest(dimensions)} FROM {scan([root / path])} {where}")
    return _Part(rows, parquet.hexadecimal(bits))


@lru_cache(maxsize=4096)
def _counted(root: Path, path: str, where: str) -> int:
    ((rows,),) = _rows(root, f"count(*) FROM {scan([root / path])} {where}")
    return int(rows)


def _rows(root: Path, question: str) -> list[Any]:
    from app.services.usage import parquet  # late: only a workspace with events needs DuckDB

    with staging.reading(root) as folder:
        engine = parquet.open_engine(folder)
        try:
            rows: list[Any] = engine.execute(f"SELECT {question}").fetchall()
        finally:
            engine.close()
    return rows


def _where(segment: str | None, *conditions: str) -> str:
    of_segment = () if segment is None else (f"segment = {text(segment)}",)
    return f"WHERE {' AND '.join((*of_segment, *conditions))}"


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _literal(moment: datetime) -> str:
    return f"TIMESTAMP {text(moment.isoformat(sep=' '))}"

"""A committed Parquet file of the event store, as a value and as a row of the index or of the manifest."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

FILE_COLUMNS = "path, month, rows, min_ts, max_ts, digest, dimensions, numbers, segments, sha256, size, keyed"


@dataclass(frozen=True, slots=True)
class SegmentShare:
    """The events of one segment in a file: how many, and the XOR of their digests."""

    segment: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One committed Parquet file: path relative to the store, rows, times (naive UTC), and its columns.

    `digest`: XOR of the SHA-256 of its events, 64 hexadecimal digits. `dimensions` have a `d_` column in it, `numbers`
    an `n_` column too. `segments` are the parts of it by segment, in order; None for a file that was written before
    the index kept them. `sha256` and `size` are of its bytes, None for one that was written before they were kept.
    `keyed`: whether the ids of its events are known; not of one that nobody could read when the index was made anew.
    """

    path: str
    month: str
    rows: int
    min_ts: datetime
    max_ts: datetime
    digest: str
    dimensions: tuple[str, ...]
    numbers: tuple[str, ...]
    segments: tuple[SegmentShare, ...] | None = None
    sha256: str | None = None
    size: int | None = None
    keyed: bool = True


def combine(digests: Iterable[str]) -> str:
    """The digest of the union of disjoint sets of events."""
    total = 0
    for digest in digests:
        total ^= int(digest, 16)
    return f"{total:064x}"


def stored_files(rows: Iterable[Sequence[Any]]) -> list[StoredFile]:
    """The files that rows of FILE_COLUMNS describe, of the index or of the manifest."""
    return [
        StoredFile(
            path, month, count, datetime.fromisoformat(first), datetime.fromisoformat(last), digest,
            tuple(json.loads(dimensions)), tuple(json.loads(numbers)),
            None if segments is None else tuple(SegmentShare(*share) for share in json.loads(segments)),
            sha256, size, bool(keyed),
        )
        for path, month, count, first, last, digest, dimensions, numbers, segments, sha256, size, keyed in rows
    ]  # fmt: skip


def row_of(file: StoredFile) -> tuple[Any, ...]:
    """The file as a row of FILE_COLUMNS."""
    return (
        file.path, file.month, file.rows, file.min_ts.isoformat(), file.max_ts.isoformat(), file.digest,
        json.dumps(file.dimensions), json.dumps(file.numbers), shares_of(file), file.sha256, file.size, file.keyed,
    )  # fmt: skip


def shares_of(file: StoredFile) -> str | None:
    return None if file.segments is None else json.dumps([astuple(share) for share in file.segments])

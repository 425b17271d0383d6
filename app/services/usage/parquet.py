"""Parquet files of events by month: sorted, with digests, and flushed to disk before they are committed.

The digest of an event is the SHA-256 of its fields, that of a set the XOR of its events'. XOR does not depend on order
or grouping, so merging or splitting files changes no workspace's digest.
"""

# ruff: noqa: S608  SQL is put together here; names and texts in it go through quoted() and text()

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from app.services.usage.fields import STORED_FIELDS
from app.services.usage.file_names import path_of
from app.services.usage.files_on_disk import sync
from app.services.usage.index import Index, note_placing
from app.services.usage.numbers import number_column
from app.services.usage.soundness import sha256_of
from app.services.usage.sql import quoted, text
from app.services.usage.stored_file import SegmentShare, StoredFile, combine

OWN_COLUMNS = ("own_segment", "usage_import_id")
"""What the store keeps beside each event, so that the index can be made anew from the files: whether the event itself
named its segment, and the import or batch that it came in with. Files of earlier versions have neither."""
_ROW_GROUP = 122_880  # DuckDB's unit of parallel work


def open_engine(scratch: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that spills into `scratch` and never uses the network."""
    engine = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "temp_directory": str(scratch)}
    )
    engine.execute("SET enable_progress_bar = false")
    return engine


def with_numbers(events: pa.Table | pa.RecordBatch) -> pa.Table | pa.RecordBatch:
    """The events with an `n_` column beside each `d_` column that has numbers."""
    for name in [name for name in events.schema.names if name.startswith("d_")]:
        column = events[name]
        numbers = number_column(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
        if numbers is not None:
            events = events.append_column("n_" + name[2:], numbers)
    return events


def content(dimensions: Iterable[str], fields: Sequence[str] = STORED_FIELDS) -> str:
    """SQL for the text of an event that its digest is made from: its parts, with NUL between them, which none contains.

    Absent dimensions leave no trace, so the text does not depend on which other columns a file has.
    """
    parts = ["epoch_us(ts)" if field == "ts" else quoted(field) for field in fields]
    parts += [f"{text(name)} || chr(0) || {quoted('d_' + name)}" for name in sorted(dimensions)]
    return f"concat_ws(chr(0), {', '.join(parts)})"


def digest(dimensions: Iterable[str]) -> str:
    """SQL for the digest of the events of a group, as text of bits; NULL for none. Read it with `hexadecimal`."""
    return f"CAST(bit_xor(CAST(unhex(sha256({content(dimensions)})) AS BIT)) AS VARCHAR)"


def hexadecimal(bits: str | None) -> str:
    """The digest that `digest` gave, 64 hexadecimal digits; zeros for no events."""
    return f"{int(bits or '0', 2):064x}"


def write_tail(batches: Iterable[tuple[bytes, str | None]], workspace_id: str, staging: Path) -> list[StoredFile]:
    """Write batches of a tail, each an Arrow IPC stream with the id of its origin, as `write_months` does."""
    parts = [_with_origin(pa.ipc.open_stream(batch).read_all(), origin) for batch, origin in batches]
    events = with_numbers(pa.concat_tables(parts, promote_options="default").combine_chunks())
    engine = open_engine(staging)
    try:
        engine.register("events", events)
        return write_months(engine, "events", events.schema.names, workspace_id, staging)
    finally:
        engine.close()


def _with_origin(events: pa.Table, usage_import_id: str | None) -> pa.Table:
    column = pa.array([usage_import_id], pa.string()).take(pa.array([0] * len(events), pa.int64()))
    return events.append_column("usage_import_id", column)


def write_months(
    engine: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str], workspace_id: str, staging: Path
) -> list[StoredFile]:
    """Write the events of a relation into `staging`, one file per month, sorted by (ts, event_id), flushed to disk.

    `columns`: the relation's; of them the stored fields, `d_` and `n_` columns are kept, and the store's own where the
    relation has them. The files' paths are relative to the store: `place` puts them there.
    """
    described = {row[0] for row in engine.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    own = [name for name in OWN_COLUMNS if name in described]
    files = measure(engine, relation, columns)
    return [_write(engine, relation, file, own, workspace_id, staging) for file in files]


def measure(engine: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]) -> list[StoredFile]:
    """What the relation of events holds of each month, from one scan; the paths are empty."""
    names, numbers = ([name[2:] for name in columns if name.startswith(kind)] for kind in ("d_", "n_"))
    return _measure(engine, relation, names, numbers)


def _measure(
    engine: duckdb.DuckDBPyConnection, relation: str, dimensions: Sequence[str], numbers: Sequence[str]
) -> list[StoredFile]:
    """The contents of each month's file, from one scan; the paths are still empty."""
    counts = [f"count({quoted('d_' + name)})" for name in dimensions] + [
        f"count({quoted('n_' + name)})" for name in numbers
    ]
    rows = engine.execute(
        f"SELECT date_trunc('month', ts) AS month, segment, count(*), min(ts), max(ts), "
        f"{digest(dimensions)}, [{', '.join(counts)}]::BIGINT[] "
        f"FROM {relation} GROUP BY month, segment ORDER BY month, segment"
    ).fetchall()
    months = groupby(rows, key=lambda row: row[0])
    return [_file(month, list(parts), dimensions, numbers) for month, parts in months]


def _file(month: datetime, parts: list[Any], dimensions: Sequence[str], numbers: Sequence[str]) -> StoredFile:
    """The contents of a month's file from those of its segments."""
    filled = [sum(column) for column in zip(*(part[-1] for part in parts), strict=True)]
    d_filled, n_filled = filled[: len(dimensions)], filled[len(dimensions) :]
    segments = tuple(SegmentShare(segment, count, hexadecimal(bits)) for _, segment, count, _, _, bits, _ in parts)
    return StoredFile(
        path="",
        month=f"{month:%Y-%m}",
        rows=sum(share.rows for share in segments),
        min_ts=min(part[3] for part in parts),
        max_ts=max(part[4] for part in parts),
        digest=combine(share.digest for share in segments),
        dimensions=tuple(sorted(name for name, used in zip(dimensions, d_filled, strict=True) if used)),
        numbers=tuple(sorted(name for name, used in zip(numbers, n_filled, strict=True) if used)),
        segments=segments,
    )


def _write(
    engine: duckdb.DuckDBPyConnection,
    relation: str,
    file: StoredFile,
    own: Sequence[str],
    workspace_id: str,
    staging: Path,
) -> StoredFile:
    written = staging / f"{file.month}.parquet"
    dimensions = [*(f"d_{name}" for name in file.dimensions), *(f"n_{name}" for name in file.numbers)]
    columns = ", ".join(map(quoted, (*STORED_FIELDS, *dimensions, *own)))
    start = f"TIMESTAMP {text(file.month + '-01')}"
    engine.execute(
        f"COPY (SELECT {columns} FROM {relation} "
        f"WHERE ts >= {start} AND ts < {start} + INTERVAL 1 MONTH "
        f"ORDER BY ts, event_id) TO {text(str(written))} "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP})"
    )
    sync(written)
    sha256 = sha256_of(written)
    path = path_of(workspace_id, file.month, file.digest, sha256)
    (staging / path).parent.mkdir(parents=True, exist_ok=True)
    os.rename(written, staging / path)
    return replace(file, path=str(path), sha256=sha256, size=(staging / path).stat().st_size)


def place(files: Iterable[StoredFile], staging: Path, root: Path, index: Index) -> None:
    """Move written files to their places in the store. They count only once the index names them.

    The index knows of them beforehand, so that what a crash leaves of them is not taken for files that it has lost.
    """
    files = list(files)
    with index.writing() as connection:
        note_placing(connection, [file.path for file in files])
    move(files, staging, root)


def move(files: Iterable[StoredFile], staging: Path, root: Path) -> None:
    """Move written files to their places, of which the index knows already."""
    for file in files:
        target = root / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / file.path, target)
        sync(target.parent)
        sync(target.parent.parent)
    sync(root)

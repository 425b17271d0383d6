"""Reading stored texts again by the present rule of numbers, so that no event counts as nothing for its age (spec 4.2).

The numbers of a file are made from its texts when it is written, and the file's name says by which rule. A file of an
earlier rule is replaced by one with the same events and the numbers of the present rule, once, before its workspace is
read or merged the next time.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from app.services.usage import parquet, staging
from app.services.usage.compaction import DamagedFiles
from app.services.usage.file_names import of_an_earlier_rule, path_of
from app.services.usage.index import Index, partition, supersede_files
from app.services.usage.numbers import NUMBER
from app.services.usage.soundness import sound
from app.services.usage.sql import scan
from app.services.usage.stored_file import StoredFile

_ROWS = 131_072


def reread(root: Path, index: Index, workspace_id: str) -> None:
    """Bring the workspace's files to the present rule, one at a time. The caller holds the store's maintenance lock."""
    with index.reading() as connection:
        files = partition(connection, workspace_id).files()
    for file in of_an_earlier_rule(sound(root, files)):
        with staging.folder(root) as folder:
            fresh = _fresh(root, workspace_id, file, folder)
            parquet.place([fresh], folder, root, index)
            with index.writing() as connection:
                supersede_files(connection, [file])
                partition(connection, workspace_id).add_files([fresh])


def _fresh(root: Path, workspace_id: str, file: StoredFile, folder: Path) -> StoredFile:
    """The file of the present rule, written into `folder`: the very file where no text is read differently."""
    if not _reads_differently(root / file.path, file):
        return _renamed(root, workspace_id, file, folder)
    read_again = folder / "read_again.parquet"
    engine = parquet.open_engine(folder)
    try:
        columns = _write_numbered(root / file.path, file, read_again)
        (fresh,) = parquet.write_months(engine, scan([read_again]), columns, workspace_id, folder)
    finally:
        engine.close()
    if (fresh.rows, fresh.digest) != (file.rows, file.digest):
        raise DamagedFiles(f"{file.path} of {workspace_id}: reading it again does not give what was stored")
    return fresh


def _reads_differently(path: Path, file: StoredFile) -> bool:
    """Whether a text of the file is a number by the present rule and was none when the file was written."""
    with pq.ParquetFile(path) as stored:
        return any(_has_new_number(batch, file) for batch in _batches(stored, file.dimensions))


def _has_new_number(batch: pa.RecordBatch, file: StoredFile) -> bool:
    stored = set(batch.schema.names)
    texts = batch.select([f"d_{name}" for name in file.dimensions])
    numbered = parquet.with_numbers(texts)
    fresh = [name for name in numbered.schema.names if name.startswith("n_")]
    return any(numbered[name].null_count < (batch[name].null_count if name in stored else len(batch)) for name in fresh)


def _batches(stored: pq.ParquetFile, dimensions: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The texts of a file, and the numbers that it has of them."""
    names = {name for dimension in dimensions for name in (f"d_{dimension}", f"n_{dimension}")}
    columns = [name for name in stored.schema_arrow.names if name in names]
    yield from stored.iter_batches(_ROWS, columns=columns) if columns else ()


def _write_numbered(path: Path, file: StoredFile, target: Path) -> list[str]:
    """Write the events with the numbers of the present rule, all batches with the same columns; returns these."""
    schema: pa.Schema | None = None
    writer: pq.ParquetWriter | None = None
    try:
        with pq.ParquetFile(path) as stored:
            for batch in stored.iter_batches(_ROWS):
                numbered = _with_every_number(batch, file)
                if writer is None:
                    schema = numbered.schema
                    writer = pq.ParquetWriter(target, schema, compression="lz4")
                writer.write_batch(numbered)
    finally:
        if writer is not None:
            writer.close()
    return [] if schema is None else list(schema.names)


def _with_every_number(batch: pa.RecordBatch, file: StoredFile) -> pa.RecordBatch:
    """The batch with an `n_` column for every dimension, so that batches agree; one without numbers is all null."""
    events = batch.select([name for name in batch.schema.names if not name.startswith("n_")])
    numbered = parquet.with_numbers(events)
    for name in file.dimensions:
        if f"n_{name}" not in numbered.schema.names:
            numbered = numbered.append_column(f"n_{name}", pa.nulls(len(numbered), NUMBER))
    return numbered.select(sorted(numbered.schema.names))


def _renamed(root: Path, workspace_id: str, file: StoredFile, folder: Path) -> StoredFile:
    """Link a file under the name of the present rule, so that its events are on disk once."""
    fresh = replace(file, path=str(path_of(workspace_id, file.month, file.digest, file.sha256)))
    staged = folder / fresh.path
    staged.parent.mkdir(parents=True, exist_ok=True)
    os.link(root / file.path, staged)
    return fresh

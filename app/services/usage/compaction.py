"""Merging small files, so that a month never collects thousands of them.

Files are small below SMALL_ROWS. Those of one month are merged when as many as `fan_in` lie within one factor of
eight in size, so each event is rewritten a few times at most, however many small batches arrive.
"""

from collections import defaultdict
from pathlib import Path

from app.services.usage import parquet, staging
from app.services.usage.index import Index, partition, supersede_files
from app.services.usage.soundness import sound
from app.services.usage.sql import scan
from app.services.usage.stored_file import StoredFile, combine

SMALL_ROWS = 250_000


class DamagedFiles(RuntimeError):
    """The files read back are not the events that were written; nothing has been changed."""


def compact(root: Path, index: Index, workspace_id: str, *, fan_in: int) -> None:
    """Merge until no month has `fan_in` small files of like size. The caller holds the store's maintenance lock.

    A damaged file stays as it is and is said where it is read: merged, its damage would look whole.
    """
    while group := _next_group(sound(root, _files(index, workspace_id)), fan_in):
        with staging.folder(root) as folder:
            merged = _merge(root, workspace_id, group, folder)
            parquet.place([merged], folder, root, index)
            with index.writing() as connection:
                supersede_files(connection, group)
                partition(connection, workspace_id).add_files([merged])


def _files(index: Index, workspace_id: str) -> list[StoredFile]:
    with index.reading() as connection:
        return partition(connection, workspace_id).files()


def _next_group(files: list[StoredFile], fan_in: int) -> list[StoredFile]:
    """The files to merge next; empty when no group is large enough."""
    groups = defaultdict(list)
    for file in files:
        if file.rows < SMALL_ROWS:
            groups[file.month, (file.rows.bit_length() - 1) // 3].append(file)
    return next((group for _, group in sorted(groups.items()) if len(group) >= fan_in), [])


def _merge(root: Path, workspace_id: str, group: list[StoredFile], folder: Path) -> StoredFile:
    columns = {f"d_{name}" for file in group for name in file.dimensions}
    columns |= {f"n_{name}" for file in group for name in file.numbers}
    engine = parquet.open_engine(folder)
    try:
        relation = scan(root / file.path for file in group)
        written = parquet.write_months(engine, relation, sorted(columns), workspace_id, folder)
    finally:
        engine.close()
    expected = (sum(file.rows for file in group), combine(file.digest for file in group))
    if [(file.rows, file.digest) for file in written] != [expected]:
        raise DamagedFiles(f"month {group[0].month} of {workspace_id}: merged files do not give what was stored")
    return written[0]

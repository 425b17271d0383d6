"""Withdrawing events: the files that hold them are written anew without them, and their ids become free.

Like merging, it changes nothing until one transaction of the index, which names the new files and forgets the old ones
together with the ids. The caller holds the store's maintenance lock from the look at the index to that transaction.
"""

# ruff: noqa: S608  SQL is put together here; names and texts in it go through quoted() and text()

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

import duckdb
import pyarrow as pa

from app.services.usage import parquet, rereading
from app.services.usage.compaction import DamagedFiles
from app.services.usage.index import Index, partition, supersede_files
from app.services.usage.soundness import damaged_usage, damages_of
from app.services.usage.sql import scan, text
from app.services.usage.stored_file import StoredFile

_IDS = 50_000  # per statement


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Events of a workspace that are to go, the files that hold some of them, and the same files without them."""

    workspace_id: str
    event_ids: Sequence[str]
    replaced: Sequence[StoredFile]
    rewritten: Sequence[StoredFile]


def prepare(root: Path, index: Index, workspace_id: str, event_ids: Sequence[str], folder: Path) -> Withdrawal:
    """Write the files without the events and put them into the store, where they do not count yet.

    `event_ids` are those of events in Parquet, each once. Raises DamagedUsage when a file is not what was stored,
    DamagedFiles when the files hold other events.
    """
    if not event_ids:
        return Withdrawal(workspace_id, (), (), ())
    rereading.reread(root, index, workspace_id)  # what is written anew takes the numbers of the present rule along
    with index.reading() as connection:
        files = partition(connection, workspace_id).files()
    if damages := damages_of(root, files):
        raise damaged_usage(workspace_id, damages)
    engine = parquet.open_engine(folder)
    try:
        engine.register("gone", pa.table({"event_id": pa.array(event_ids, pa.string())}))
        replaced = _holders(engine, root, files, len(event_ids))
        rewritten = _rewritten(engine, root, workspace_id, replaced, folder)
    finally:
        engine.close()
    if sum(file.rows for file in replaced) - len(event_ids) != sum(file.rows for file in rewritten):
        raise DamagedFiles(f"{workspace_id}: the files without the withdrawn events do not give what was stored")
    parquet.place(rewritten, folder, root, index)
    return Withdrawal(workspace_id, event_ids, replaced, rewritten)


def commit(connection: Connection, withdrawal: Withdrawal) -> None:
    """Let the new files count instead of the old ones, and free the ids."""
    workspace = partition(connection, withdrawal.workspace_id)
    supersede_files(connection, withdrawal.replaced)
    workspace.add_files(withdrawal.rewritten)
    for start in range(0, len(withdrawal.event_ids), _IDS):
        workspace.release_ids(withdrawal.event_ids[start : start + _IDS])


def _holders(engine: duckdb.DuckDBPyConnection, root: Path, files: list[StoredFile], count: int) -> list[StoredFile]:
    """The files that hold the events of `gone`, of which there are `count`."""
    held = 0
    holders = []
    for file in files:
        ((rows,),) = engine.execute(
            f"SELECT count(*) FROM read_parquet({text(str(root / file.path))}) SEMI JOIN gone USING (event_id)"
        ).fetchall()
        held += rows
        holders += [file] if rows else []
    if held != count:
        raise DamagedFiles(f"{count} events are to be withdrawn, but the files hold {held} of them")
    return holders


def _rewritten(
    engine: duckdb.DuckDBPyConnection, root: Path, workspace_id: str, replaced: list[StoredFile], folder: Path
) -> list[StoredFile]:
    written: list[StoredFile] = []
    for group in _by_month(replaced):
        columns = {f"d_{name}" for file in group for name in file.dimensions}
        columns |= {f"n_{name}" for file in group for name in file.numbers}
        relation = f"(FROM {scan(root / file.path for file in group)} ANTI JOIN gone USING (event_id))"
        written += parquet.write_months(engine, relation, sorted(columns), workspace_id, folder)
    return written


def _by_month(files: list[StoredFile]) -> Iterator[list[StoredFile]]:
    for month in sorted({file.month for file in files}):
        yield [file for file in files if file.month == month]

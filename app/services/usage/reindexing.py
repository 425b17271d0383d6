"""Making the index anew from the files, when it is lost, older than they are, or asked for (spec 4.1).

The manifest says which files count and what became of imports; the files say which events there are, what each is held
by (its id, the digest of what it says) and the import that it came in with. All of it is one transaction of the index:
a process that is killed meanwhile leaves what was there, and the next one begins again. Without a manifest every file
counts, the newest first, and an event that several files hold counts once.
"""

# ruff: noqa: S608  SQL is put together here; names and texts in it go through quoted() and text()

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection

import duckdb
import orjson
import pyarrow as pa

from app.services.usage import origins, parquet, staging
from app.services.usage.file_names import workspace_and_month
from app.services.usage.files_on_disk import files_on_disk
from app.services.usage.fingerprints import content_digest_sql
from app.services.usage.index import Index, Partition, note_placing, partition, supersede_files
from app.services.usage.index_schema import DIGEST_LENGTH
from app.services.usage.manifest import Manifest
from app.services.usage.set_aside import Aside
from app.services.usage.soundness import damage_of, with_digest
from app.services.usage.sql import scan
from app.services.usage.stored_file import StoredFile

_IDS = 50_000  # per statement


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What making the index anew found: sound files, their events, and files that are not what was stored.

    `by_manifest`: whether it was known which files count. `unreadable` are paths of files that hold no events.
    """

    files: int
    events: int
    damaged: int
    by_manifest: bool
    unreadable: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What happened and what may be missing, for operators."""
        damaged = f" {self.damaged:,} files are damaged: avs usage check names them." if self.damaged else ""
        told = "" if self.by_manifest else " Nothing said which of them count, so all do; withdrawn events may be back."
        return (
            f"The index of the usage events was made anew from {self.files:,} files with {self.events:,} events."
            f"{told}{damaged}"
        )


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A file that was set aside: its events that count now, those that counted already, those of an undone import."""

    path: str
    workspace_id: str
    events: int
    stored_already: int
    undone: int


class _Files:
    """Entering files into an index that is being written."""

    def __init__(self, connection: Connection, engine: duckdb.DuckDBPyConnection, root: Path, folder: Path) -> None:
        self.connection, self.engine, self.root, self.folder = connection, engine, root, folder
        self._since = datetime.fromtimestamp(0, UTC)

    def enter(self, workspace_id: str, file: StoredFile) -> int:
        """Let a file count with the ids of its events; returns how many came. Those that are taken are left out."""
        workspace = partition(self.connection, workspace_id, create=True)
        if damage_of(self.root, file) is not None:
            workspace.add_files([replace(file, keyed=False)])
            return 0
        relation = scan([self.root / file.path])
        self._since = datetime.fromtimestamp((self.root / file.path).stat().st_mtime, UTC)
        taken = self._taken(workspace, relation)
        if taken:
            supersede_files(self.connection, [file])
            return self.enter_without(workspace, relation, taken)
        self._take_ids(workspace, relation)
        workspace.add_files([replace(file, keyed=True)])
        return file.rows

    def enter_without(self, workspace: Partition, relation: str, left_out: Sequence[str]) -> int:
        """Write the events of a relation anew without those of these ids and let them count; returns how many."""
        workspace_id = self._name_of(workspace)
        self.engine.register("left_out", pa.table({"event_id": pa.array(left_out, pa.string())}))
        rest = f"(FROM {relation} ANTI JOIN left_out USING (event_id))"
        files = parquet.write_months(self.engine, rest, columns_of(self.engine, relation), workspace_id, self.folder)
        note_placing(self.connection, [file.path for file in files])
        parquet.move(files, self.folder, self.root)
        if files:
            self._take_ids(workspace, scan(self.root / file.path for file in files))
        workspace.add_files(files)
        return sum(file.rows for file in files)

    def _name_of(self, workspace: Partition) -> str:
        (name,) = self.connection.execute(
            "SELECT workspace_id FROM workspace WHERE no = ?", (workspace.number,)
        ).fetchone()
        return str(name)

    def _taken(self, workspace: Partition, relation: str) -> list[str]:
        return [event_id for (ids,) in self._lists("event_id", relation) for event_id in workspace.stored_ids(ids)]

    def _take_ids(self, workspace: Partition, relation: str) -> None:
        columns = columns_of(self.engine, relation)
        digest = f"CASE WHEN own_segment IS NOT NULL THEN {content_digest_sql(columns)} END"
        content = digest if "own_segment" in columns else "NULL::VARCHAR"
        origin = "usage_import_id" if "usage_import_id" in columns else "NULL::VARCHAR"
        numbers: dict[str | None, int | None] = {None: None}
        for ids, contents, names in self._lists(f"event_id, {content}, {origin}", relation):
            for name in set(names).difference(numbers):
                numbers[name] = origins.number_of(workspace, str(name), self._since)
            self.connection.executemany(
                "INSERT INTO event_key VALUES (?, ?, ?, ?)",
                [
                    (workspace.number, event_id, said, numbers[name])
                    for event_id, said, name in zip(ids, contents, names, strict=True)
                ],
            )

    def _lists(self, columns: str, relation: str) -> Iterator[list[list[str]]]:
        ordered = self.engine.sql(f"SELECT {columns} FROM {relation} ORDER BY event_id")
        for batch in ordered.to_arrow_reader(_IDS):
            yield [column.to_pylist() for column in batch.columns]


def columns_of(engine: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    """The names of a relation's columns."""
    return [row[0] for row in engine.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def reindex(root: Path, index: Index, manifest: Manifest) -> Reindexed:
    """Make the index anew; what waits in its tail stays, as far as no file holds it. Nothing is deleted.

    The caller holds the store's maintenance lock. A damaged file goes on counting as damaged, so that whoever reads it
    is told.
    """
    state = manifest.state()
    with staging.folder(root) as folder:
        engine = parquet.open_engine(folder)
        try:
            listed = manifest.files() if state else []
            found, unreadable = (listed, []) if state else _measured(root, engine)
            with index.writing() as connection:
                _begin(connection, root, manifest if state else None)
                files = _Files(connection, engine, root, folder)
                events = [files.enter(workspace_id, file) for workspace_id, file in found]
                _end(connection)
                if state:
                    connection.execute(
                        "UPDATE state SET store = ?, generation = ?, edition = ?",
                        (state.store, state.generation + 1, state.edition + 1),
                    )
        finally:
            engine.close()
    damaged = sum(damage_of(root, file) is not None for _, file in found)
    return Reindexed(len(found) - damaged, sum(events), damaged, state is not None, tuple(unreadable))


def enter_restored(root: Path, index: Index, workspace_id: str) -> None:
    """Learn the ids of files that nobody could read when the index was made, and that are whole again.

    An event of them that has been stored again since counts once. The caller holds the store's maintenance lock.
    """
    with staging.folder(root) as folder:
        engine = parquet.open_engine(folder)
        try:
            with index.writing() as connection:
                files = _Files(connection, engine, root, folder)
                for file in partition(connection, workspace_id).files():
                    if not file.keyed and damage_of(root, file) is None:
                        connection.execute("DELETE FROM file WHERE path = ?", (file.path,))
                        files.enter(workspace_id, file)
                _end(connection)
        finally:
            engine.close()


def take_in(root: Path, index: Index, aside: Aside) -> TakenIn | None:
    """Store the events of a file that was set aside, but for those that are stored and those of an undone import.

    None for one that cannot be read. The caller holds the store's maintenance lock.
    """
    workspace_id, _ = workspace_and_month(aside.path)
    relation = scan([root / aside.path])
    with staging.folder(root) as folder:
        engine = parquet.open_engine(folder)
        try:
            try:
                ids = [row[0] for row in engine.execute(f"SELECT event_id FROM {relation}").fetchall()]
            except duckdb.Error:
                return None
            with index.writing() as connection:
                workspace = partition(connection, workspace_id, create=True)
                waiting = _waiting(connection, workspace.number).intersection(ids)
                stored = waiting.union(workspace.stored_ids(ids))
                undone = set(_undone(engine, relation, connection)) - stored
                files = _Files(connection, engine, root, folder)
                events = files.enter_without(workspace, relation, sorted(stored | undone))
                _end(connection)
        finally:
            engine.close()
    return TakenIn(aside.path, workspace_id, events, len(stored), len(undone))


def forget(root: Path, index: Index, workspace_id: str, file: StoredFile) -> None:
    """Let a file no longer count, and free the ids that only it held. The caller holds the store's maintenance lock.

    The ids are those that no other file of the workspace has, so it need not be readable itself.
    """
    with staging.folder(root) as folder:
        engine = parquet.open_engine(folder)
        try:
            with index.writing() as connection:
                workspace = partition(connection, workspace_id)
                others = [other for other in workspace.files() if other.path != file.path]
                connection.execute("DELETE FROM file WHERE workspace = ?", (workspace.number,))
                connection.execute("DELETE FROM event_key WHERE workspace = ?", (workspace.number,))
                files = _Files(connection, engine, root, folder)
                for other in others:
                    files.enter(workspace_id, other)
                _end(connection)
        finally:
            engine.close()


def _measured(root: Path, engine: duckdb.DuckDBPyConnection) -> tuple[list[tuple[str, StoredFile]], list[str]]:
    """The files on the disk by what they hold, the newest first, and those that hold no events."""
    newest_first = sorted(files_on_disk(root), key=lambda path: ((root / path).stat().st_mtime_ns, path), reverse=True)
    found: list[tuple[str, StoredFile]] = []
    unreadable = []
    for path in newest_first:
        workspace_id, month = workspace_and_month(path)
        relation = scan([root / path])
        try:
            measured = parquet.measure(engine, relation, columns_of(engine, relation))
        except duckdb.Error:
            measured = []
        if [file.month for file in measured] == [month]:
            found.append((workspace_id, with_digest(root, replace(measured[0], path=path))))
        else:
            unreadable.append(path)
    return found, unreadable


def _begin(connection: Connection, root: Path, manifest: Manifest | None) -> None:
    """Forget files and ids, and take over what the manifest says of imports and of files that were replaced."""
    for table in ("event_key", "file"):
        connection.execute(f"DELETE FROM {table}")
    replaced = [(path,) for path in manifest.superseded() if (root / path).exists()] if manifest else []
    connection.executemany("INSERT OR IGNORE INTO superseded (path) VALUES (?)", replaced)
    for workspace_id, *origin in manifest.origins() if manifest else ():
        origins.take_over(partition(connection, workspace_id, create=True), origin)


def _end(connection: Connection) -> None:
    """Take out of the tail what is in a file by now, or undone; count the events of each import."""
    tail = connection.execute(
        "SELECT tail.no, tail.workspace, event_keys, events, undone_at FROM tail "
        "LEFT JOIN origin ON origin.no = tail.origin ORDER BY tail.no"
    ).fetchall()
    for number, workspace, event_keys, events, undone_at in tail:
        keys = orjson.loads(event_keys)
        ids = [key[DIGEST_LENGTH:] for key in keys]
        taken = set(ids if undone_at else Partition(connection, workspace, 0).stored_ids(ids))
        if taken:
            _keep(connection, number, keys, events, [place for place, name in enumerate(ids) if name not in taken])
    connection.execute("UPDATE workspace SET withdrawals = withdrawals + 1")
    origins.recount(connection)


def _keep(connection: Connection, number: int, keys: list[str], events: bytes, places: list[int]) -> None:
    """Keep of a batch that waits only the events at these places."""
    if not places:
        connection.execute("DELETE FROM tail WHERE no = ?", (number,))
        return
    kept = pa.ipc.open_stream(events).read_all().take(pa.array(places, pa.int64())).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, kept.schema) as stream:
        stream.write_table(kept)
    connection.execute(
        "UPDATE tail SET rows = ?, event_keys = ?, events = ? WHERE no = ?",
        (len(places), orjson.dumps([keys[place] for place in places]).decode(), sink.getvalue().to_pybytes(), number),
    )


def _waiting(connection: Connection, workspace: int) -> set[str]:
    """The ids of the events that wait in a workspace's tail."""
    rows = connection.execute("SELECT event_keys FROM tail WHERE workspace = ?", (workspace,)).fetchall()
    return {key[DIGEST_LENGTH:] for (keys,) in rows for key in orjson.loads(keys)}


def _undone(engine: duckdb.DuckDBPyConnection, relation: str, connection: Connection) -> list[str]:
    """The ids of the relation's events that came in with an import that was undone."""
    if "usage_import_id" not in columns_of(engine, relation):
        return []
    names = [row[0] for row in connection.execute("SELECT usage_import_id FROM origin WHERE undone_at IS NOT NULL")]
    engine.register("undone", pa.table({"usage_import_id": pa.array(names, pa.string())}))
    rows = engine.execute(f"SELECT event_id FROM {relation} SEMI JOIN undone USING (usage_import_id)").fetchall()
    return [row[0] for row in rows]

"""Bulk import of usage events from a file, all or nothing (`avs usage import`).

The file is read, judged and written to Parquet in a folder of its own; one transaction of the store's index makes it
count. A process killed before that leaves nothing but a folder for the next sweep.

Events without ids get ids made from their content: `imp_` + time + hash + `_` + occurrence. The content is the
event's time, type, customer, dimensions and, when the file or a constant names it, segment. So a file imported twice
counts once, and equal rows within one file all count.
"""

# ruff: noqa: S608  SQL is put together here; names and texts in it go through quoted() and text()

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from app.services.usage import parquet, staging
from app.services.usage.fields import Policy, Reject, UnreadableInput
from app.services.usage.files import open_source
from app.services.usage.index import StoredFile, partition
from app.services.usage.mapping import OWN_NAMES, ColumnPlan
from app.services.usage.pieces import Source
from app.services.usage.rejects import RejectsReport
from app.services.usage.sql import quoted, scan
from app.services.usage.store import EventStore
from app.services.usage.validate import Batch, validate_texts
from app.services.usage.written_times import ASKED

Progress = Callable[[int, int | None], None]
"""Called with the rows read so far and the rows in all, None where their number is not known."""
_IDS = 50_000  # per statement
_LEFT_OUT = 100  # names of what is left out


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of a file: read = accepted + duplicates + rejected. `reasons` counts rejects by field and reason.

    `left_out` counts what of the file is not stored, by the column or path that it is, or by why a row is no event.
    """

    read: int
    accepted: int
    duplicates: int
    rejected: int
    reasons: Mapping[str, int]
    rejects_path: Path | None
    new_event_types: Mapping[str, frozenset[str]]
    new_segments: frozenset[str]
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Learned:
    """What accepted events name that the catalogs lack."""

    event_types: dict[str, frozenset[str]] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()

    def add(self, batch: Batch) -> None:
        for event_type, names in batch.new_event_types.items():
            self.event_types[event_type] = self.event_types.get(event_type, frozenset()) | names
        self.segments |= batch.new_segments


class _Overtaken(Exception):
    """Another writer has taken some of the ids since they were looked up."""


def import_file(
    store: EventStore,
    path: Path,
    policy: Policy,
    plan: ColumnPlan = OWN_NAMES,
    *,
    file_format: str | None = None,
    rejects_path: Path | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import one CSV, JSON, JSON Lines or Parquet file into `policy.workspace_id`.

    Rejects are written to `rejects_path` (CSV by that suffix, else NDJSON), only when there are any.

    Raises UnreadableInput when the plan contradicts itself or the file as a whole is unfit; nothing has changed then.
    """
    if policy.workspace_id is None:
        raise ValueError("an import goes into one workspace: name it")
    workspace_id, policy = policy.workspace_id, replace(policy, times=plan.times)
    source = open_source(path, plan, policy, file_format)
    with staging.folder(store.root) as folder:
        report = RejectsReport(folder, rejects_path)
        learned = _stage(source, policy, folder, report, progress or (lambda done, total: None))
        staged, accepted = _store(store, workspace_id, folder, has_ids=source.has_ids)
        return ImportReport(
            read=staged + report.count,
            accepted=accepted,
            duplicates=staged - accepted,
            rejected=report.count,
            reasons=dict(report.reasons.most_common()),
            rejects_path=report.publish(),
            new_event_types=learned.event_types,
            new_segments=learned.segments,
            left_out=dict(source.left_out.most_common(_LEFT_OUT)),
        )


def _stage(source: Source, policy: Policy, folder: Path, report: RejectsReport, progress: Progress) -> _Learned:
    """Write valid events to `folder`/staged, batch by batch, and report the others; returns what is new in them."""
    learned = _Learned()
    (folder / "staged").mkdir()
    done = 0
    for number, (texts, rejects) in enumerate(source.batches):
        batch = validate_texts(texts, policy)
        _require_told(batch.rejects)
        report.add(_by_row([*rejects, *batch.rejects], has_ids=source.has_ids))
        for events in batch.events.values():
            pq.write_table(
                pa.Table.from_batches([parquet.with_numbers(events)]),
                folder / "staged" / f"{number:08}.parquet",
                compression="lz4",
                use_dictionary=False,
            )
        learned.add(batch)
        done += len(texts) + len(rejects)
        progress(done, source.total_rows)
    return learned


def _require_told(rejects: Sequence[Reject]) -> None:
    """Raise UnreadableInput where the times of the file could mean two things: half a file would help nobody."""
    for reject in rejects:
        if reject.reason in ASKED:
            raise UnreadableInput(f"row {reject.row}: {reject.reason}")


def _by_row(rejects: list[Reject], *, has_ids: bool) -> list[Reject]:
    """The rejects in row order; where events have no ids, without the row numbers that stand in for them."""
    rejects = rejects if has_ids else [replace(reject, event_id=None) for reject in rejects]
    return sorted(rejects, key=lambda reject: reject.row)


def _store(store: EventStore, workspace_id: str, folder: Path, *, has_ids: bool) -> tuple[int, int]:
    """Commit the staged events; returns how many were staged and how many of them are new to the store."""
    pieces = sorted((folder / "staged").iterdir())
    if not pieces:
        return 0, 0
    engine = parquet.open_engine(folder)
    try:
        staged = _make_candidates(engine, scan(pieces), has_ids=has_ids)
        while True:
            try:
                return staged, _commit(store, workspace_id, engine, folder)
            except _Overtaken:
                continue
    finally:
        engine.close()


def _make_candidates(engine: duckdb.DuckDBPyConnection, scan: str, *, has_ids: bool) -> int:
    """Create `candidates`, the staged events with each id once, by its first row; returns how many are staged."""
    columns = [row[0] for row in engine.execute(f"DESCRIBE SELECT * EXCLUDE (own_segment) FROM {scan}").fetchall()]
    if has_ids:
        engine.execute(
            "CREATE TABLE twins AS "
            f"SELECT event_id, min(row) AS first FROM {scan} GROUP BY event_id HAVING count(*) > 1"
        )
        engine.execute(
            f"CREATE VIEW candidates AS SELECT {', '.join(map(quoted, columns))} "
            f"FROM {scan} LEFT JOIN twins USING (event_id) WHERE first IS NULL OR row = first"
        )
    else:
        engine.execute(f"CREATE TABLE candidates AS {_with_made_ids(scan, columns)}")
    ((staged,),) = engine.execute(f"SELECT count(*) FROM {scan}").fetchall()
    return int(staged)


def _with_made_ids(scan: str, columns: list[str]) -> str:
    """SQL for the staged events with ids made from their content."""
    dimensions = [name[2:] for name in columns if name.startswith("d_")]
    own_segment = "CASE WHEN own_segment THEN 'segment' || chr(0) || segment END"
    content = f"concat_ws(chr(0), {parquet.content(dimensions, ('ts', 'event_type', 'customer_id'))}, {own_segment})"
    alike = "row_number() OVER (PARTITION BY made_of ORDER BY row)"
    return (
        "SELECT * EXCLUDE (made_of) REPLACE "
        f"(format('imp_{{:014x}}_{{}}_{{}}', epoch_us(ts), made_of, {alike}) AS event_id) "
        f"FROM (SELECT * EXCLUDE (own_segment), substr(sha256({content}), 1, 24) AS made_of FROM {scan})"
    )


def _commit(store: EventStore, workspace_id: str, engine: duckdb.DuckDBPyConnection, folder: Path) -> int:
    """Write the candidates that are new and commit them, in one transaction; _Overtaken asks for another attempt."""
    store.flush(workspace_id)  # from here on the ids taken are in one place, but for batches that come meanwhile
    _find_new(store, workspace_id, engine)
    columns = [row[0] for row in engine.execute("DESCRIBE fresh").fetchall()]
    files = parquet.write_months(engine, "fresh", columns, workspace_id, folder)
    with store.maintaining():
        parquet.place(files, folder, store.root)
        try:
            _commit_files(store, workspace_id, engine, files)
        except _Overtaken:
            for file in files:
                (store.root / file.path).unlink()
            raise
        store.compact(workspace_id, fan_in=8)
    return sum(file.rows for file in files)


def _find_new(store: EventStore, workspace_id: str, engine: duckdb.DuckDBPyConnection) -> None:
    """Create the view `fresh`: the candidates whose id no stored event has."""
    taken: list[str] = []
    with store.index.reading() as connection:
        workspace = partition(connection, workspace_id)
        for ids in _id_lists(engine, "candidates") if workspace.number else ():
            taken += workspace.taken_ids(ids)
    engine.register("taken", pa.table({"event_id": pa.array(taken, pa.string())}))
    engine.execute("CREATE OR REPLACE TEMP VIEW fresh AS SELECT * FROM candidates ANTI JOIN taken USING (event_id)")


def _id_lists(engine: duckdb.DuckDBPyConnection, relation: str) -> Iterator[list[str]]:
    """The ids of a relation in order, in lists of `_IDS`: SQLite inserts sorted keys fastest."""
    for batch in engine.sql(f"SELECT event_id FROM {relation} ORDER BY event_id").to_arrow_reader(_IDS):
        yield batch["event_id"].to_pylist()


def _commit_files(
    store: EventStore, workspace_id: str, engine: duckdb.DuckDBPyConnection, files: list[StoredFile]
) -> None:
    with store.index.writing() as connection:
        workspace = partition(connection, workspace_id, create=True)
        for ids in _id_lists(engine, "fresh"):
            if workspace.take_ids(ids) < len(ids):
                raise _Overtaken
        if workspace.tail_has_taken_ids():
            raise _Overtaken
        workspace.add_files(files)

"""Bulk import of usage events from a file, all or nothing (`avs usage import`).

The file is read, judged and written to Parquet in a folder of its own; one transaction of the store's index makes it
count. A process killed before that leaves nothing but a folder for the next sweep.

A row without an id gets one that is made from all of its columns as the file has them, before any is renamed or left
out, and from what is set for all rows: `row_` + hash + `_` + occurrence. So a file imported twice counts once, however
its columns are read, equal rows within one file all count, and two customers' files may hold equal rows. Rows with and
without ids may stand in one file.
"""

# ruff: noqa: S608  SQL is put together here; names and texts in it go through quoted() and text()

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from app.services.usage import origins, parquet, staging
from app.services.usage.fields import (
    NOTHING_SUMMED,
    Conflict,
    Policy,
    Reject,
    Summed,
    UnreadableInput,
    UsageWarning,
)
from app.services.usage.files import open_source
from app.services.usage.fingerprints import content_digest_sql
from app.services.usage.index import names_of_files, partition
from app.services.usage.index_schema import UNKNOWN
from app.services.usage.mapping import OWN_NAMES, ColumnPlan
from app.services.usage.number_warnings import merged, warnings_of
from app.services.usage.origins import Arrival
from app.services.usage.pieces import Source
from app.services.usage.rejects import RejectsReport
from app.services.usage.sql import scan, text
from app.services.usage.store import EventStore
from app.services.usage.stored_file import StoredFile
from app.services.usage.validate import Batch, validate_texts
from app.services.usage.written_times import ASKED

Progress = Callable[[int, int | None], None]
"""Called with the rows read so far and the rows in all, None where their number is not known."""
_IDS = 50_000  # per statement
_LEFT_OUT = 100  # names of what is left out
MAX_CONFLICTS = 1_000
"""How many conflicts a report names."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of a file: read = accepted + duplicates + conflicts + rejected.

    `reasons` counts rejects by field and reason. `conflicting` are the first of the conflicts. `rows_without_id`: how
    many of the rows that fit had none.

    `left_out` counts what of the file is not stored, by the column or path that it is, or by why a row is no event.
    `warnings` are about the rows that were read: values that are no numbers where numbers are expected.
    """

    read: int
    accepted: int
    duplicates: int
    rejected: int
    reasons: Mapping[str, int]
    rejects_path: Path | None
    new_event_types: Mapping[str, frozenset[str]]
    new_segments: frozenset[str] = frozenset()
    left_out: Mapping[str, int] = field(default_factory=dict)
    conflicts: int = 0
    conflicting: tuple[Conflict, ...] = ()
    rows_without_id: int = 0
    warnings: Sequence[UsageWarning] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What else an operator should know, as sentences."""
        notes = []
        if self.rows_without_id:
            rows = (
                "1 row had no event_id: it is"
                if self.rows_without_id == 1
                else (f"{self.rows_without_id:,} rows had no event_id: they are")
            )
            notes.append(
                f"{rows} told apart by the content of the whole row. "
                "Equal rows within one file all count; identical rows of two files count once. A file that is "
                "exported again with one more column, or with another value in any, counts anew."
            )
        if self.conflicts:
            named = ", ".join(f"{one.event_id} (row {one.row:,})" for one in self.conflicting[:3])
            notes.append(
                f"{self.conflicts:,} rows have the id of an event that says something else and were not stored: "
                f"{named}{' and others' if self.conflicts > 3 else ''}. Withdraw those events, or undo their import, "
                "before you import the corrected ones."
            )
        return tuple(notes)


@dataclass(frozen=True, slots=True)
class _Stored:
    """Counts of staged events; see ImportReport."""

    staged: int = 0
    accepted: int = 0
    conflicts: int = 0
    conflicting: tuple[Conflict, ...] = ()
    rows_without_id: int = 0


@dataclass
class _Learned:
    """What accepted events say besides: what they name that the catalogs lack, and warnings about their values."""

    event_types: dict[str, frozenset[str]] = field(default_factory=dict)
    segments: frozenset[str] = frozenset()
    warnings: list[UsageWarning] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        for event_type, names in batch.new_event_types.items():
            self.event_types[event_type] = self.event_types.get(event_type, frozenset()) | names
        self.segments |= batch.new_segments


class _Overtaken(Exception):
    """Another writer has taken some of the ids since they were looked up, or has freed some."""


def import_file(
    store: EventStore,
    path: Path,
    policy: Policy,
    plan: ColumnPlan = OWN_NAMES,
    *,
    file_format: str | None = None,
    rejects_path: Path | None = None,
    progress: Progress | None = None,
    arrival: Arrival | None = None,
    now: datetime | None = None,
    summed: Summed = NOTHING_SUMMED,
) -> ImportReport:
    """Import one CSV, JSON, JSON Lines or Parquet file into `policy.workspace_id`.

    Rejects are written to `rejects_path` (CSV by that suffix, else NDJSON), only when there are any. With an `arrival`
    the import can be undone. `now`: the moment by which times in the future are judged; None judges none. `summed`
    names the fields that should be numbers.

    Raises UnreadableInput when the plan contradicts itself or the file as a whole is unfit; nothing has changed then.
    """
    if policy.workspace_id is None:
        raise ValueError("an import goes into one workspace: name it")
    workspace_id, policy = policy.workspace_id, replace(policy, times=plan.times)
    source = open_source(path, plan, policy, file_format)
    with staging.folder(store.root) as folder:
        report = RejectsReport(folder, rejects_path)
        learned = _stage(source, policy, folder, report, progress or (lambda done, total: None), now, summed)
        stored = _store(store, workspace_id, folder, arrival)
        return ImportReport(
            read=stored.staged + report.count,
            accepted=stored.accepted,
            duplicates=stored.staged - stored.accepted - stored.conflicts,
            rejected=report.count,
            reasons=dict(report.reasons.most_common()),
            rejects_path=report.publish(),
            new_event_types=learned.event_types,
            new_segments=learned.segments,
            left_out=dict(source.left_out.most_common(_LEFT_OUT)),
            conflicts=stored.conflicts,
            conflicting=stored.conflicting,
            rows_without_id=stored.rows_without_id,
            warnings=learned.warnings,
        )


def _stage(
    source: Source,
    policy: Policy,
    folder: Path,
    report: RejectsReport,
    progress: Progress,
    now: datetime | None,
    summed: Summed,
) -> _Learned:
    """Write valid events to `folder`/staged, batch by batch, and report the others; returns what else they say."""
    learned = _Learned()
    (folder / "staged").mkdir()
    done = 0
    for number, (texts, rejects) in enumerate(source.batches):
        batch = validate_texts(texts, policy, now)
        _require_told(batch.rejects)
        report.add(sorted([*rejects, *batch.rejects], key=lambda reject: reject.row))
        for events in map(parquet.with_numbers, batch.events.values()):
            learned.warnings = merged([*learned.warnings, *warnings_of(events, summed)])
            pq.write_table(
                pa.Table.from_batches([events]),
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


def _store(store: EventStore, workspace_id: str, folder: Path, arrival: Arrival | None) -> _Stored:
    """Commit those of the staged events whose ids are free; returns what became of all."""
    pieces = sorted((folder / "staged").iterdir())
    if not pieces:
        return _Stored()
    engine = parquet.open_engine(folder)
    try:
        staged = _make_candidates(engine, scan(pieces))
        while True:
            try:
                return _commit(store, workspace_id, engine, folder, staged, arrival)
            except _Overtaken:
                continue
    finally:
        engine.close()


def _make_candidates(engine: duckdb.DuckDBPyConnection, scan: str) -> _Stored:
    """Create `told`, the staged events with the digests of their contents, and `candidates`, of each id the first row.

    Returns how many are staged and how many of them had no id. `twins` are the ids that several rows have.
    """
    columns = [row[0] for row in engine.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
    without_id = "made_of" in columns
    if without_id:
        engine.execute(f"CREATE TABLE staged AS {_with_made_ids(scan)}")
    else:
        engine.execute(f"CREATE VIEW staged AS SELECT * FROM {scan}")
    engine.execute(
        "CREATE TABLE twins AS SELECT event_id, min(row) AS first FROM staged GROUP BY event_id HAVING count(*) > 1"
    )
    engine.execute(
        f"CREATE VIEW told AS SELECT staged.*, {content_digest_sql(columns)} AS content, "
        "first IS NULL OR row = first AS is_first FROM staged LEFT JOIN twins USING (event_id)"
    )
    engine.execute("CREATE VIEW candidates AS SELECT * FROM told WHERE is_first")
    counts = "count(*), count(made_of)" if without_id else "count(*), 0"
    ((staged, made),) = engine.execute(f"SELECT {counts} FROM staged").fetchall()
    return _Stored(staged=staged, rows_without_id=made)


def _with_made_ids(scan: str) -> str:
    """SQL for the staged events, those without an id with one that is made from their whole row.

    Without WHERE: DuckDB 2.0 lets a row pass IS NULL whose column has one single value in the Parquet file.
    """
    alike = "row_number() OVER (PARTITION BY made_of ORDER BY row)"
    made = f"format('row_{{}}_{{}}', made_of, {alike})"
    return f"SELECT * REPLACE (CASE WHEN made_of IS NULL THEN event_id ELSE {made} END AS event_id) FROM {scan}"


def _commit(
    store: EventStore,
    workspace_id: str,
    engine: duckdb.DuckDBPyConnection,
    folder: Path,
    staged: _Stored,
    arrival: Arrival | None,
) -> _Stored:
    """Write the candidates that are new and commit them, in one transaction; _Overtaken asks for another attempt."""
    store.flush(workspace_id)  # from here on the ids taken are in one place, but for batches that come meanwhile
    withdrawals = _find_new(store, workspace_id, engine, arrival)
    columns = [row[0] for row in engine.execute("DESCRIBE fresh").fetchall()]
    files = parquet.write_months(engine, "fresh", columns, workspace_id, folder)
    outcome = replace(staged, accepted=sum(file.rows for file in files), **_conflicts(engine))
    with store.maintaining():
        parquet.place(files, folder, store.root, store.index)
        try:
            _commit_files(store, workspace_id, engine, files, outcome, arrival, withdrawals)
        except _Overtaken:
            _take_back(store, files)
            raise
        store.compact(workspace_id, fan_in=8)
    return outcome


def _take_back(store: EventStore, files: list[StoredFile]) -> None:
    """Delete files that were not committed; one with the same events may have been, under the same name."""
    with store.index.reading() as connection:
        named = names_of_files(connection)
    for file in files:
        if file.path not in named:
            (store.root / file.path).unlink()


def _find_new(store: EventStore, workspace_id: str, engine: duckdb.DuckDBPyConnection, arrival: Arrival | None) -> int:
    """Create the view `fresh`, the candidates whose id no stored event has, and `taken`, the ids that are taken.

    Returns how often ids of the workspace had become free by then: what is taken now may be free later.
    """
    taken: dict[str, str] = {}
    with store.index.reading() as connection:
        workspace = partition(connection, workspace_id)
        for (ids,) in _sorted_lists(engine, "event_id", "candidates") if workspace.number else ():
            taken |= workspace.taken(ids)
    columns = {"event_id": pa.array(taken, pa.string()), "held": pa.array(taken.values(), pa.string())}
    engine.register("taken", pa.table(columns))
    origin = text(arrival.usage_import_id) if arrival else "NULL::VARCHAR"
    engine.execute(
        f"CREATE OR REPLACE TEMP VIEW fresh AS SELECT *, {origin} AS usage_import_id "
        "FROM candidates ANTI JOIN taken USING (event_id)"
    )
    return workspace.withdrawals


def _conflicts(engine: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The number and the first of the events that say something else than the one that holds their id."""
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE conflicts AS SELECT row, event_id FROM told JOIN taken USING (event_id) "
        f"WHERE held NOT IN (content, {text(UNKNOWN)}) UNION ALL "
        "SELECT later.row, later.event_id FROM told AS later JOIN twins USING (event_id) "
        "JOIN (SELECT event_id, content FROM candidates SEMI JOIN twins USING (event_id)) AS held USING (event_id) "
        "ANTI JOIN taken USING (event_id) WHERE NOT later.is_first AND later.content <> held.content"
    )
    ((number,),) = engine.execute("SELECT count(*) FROM conflicts").fetchall()
    first = engine.execute(f"SELECT * FROM conflicts ORDER BY row LIMIT {MAX_CONFLICTS}").fetchall()
    return {"conflicts": number, "conflicting": tuple(Conflict(*row) for row in first)}


def _sorted_lists(engine: duckdb.DuckDBPyConnection, columns: str, relation: str) -> Iterator[list[list[str]]]:
    """Columns of a relation in order of event_id, in lists of `_IDS`: SQLite inserts sorted keys fastest."""
    ordered = engine.sql(f"SELECT {columns} FROM {relation} ORDER BY event_id")
    for batch in ordered.to_arrow_reader(_IDS):
        yield [column.to_pylist() for column in batch.columns]


def _commit_files(
    store: EventStore,
    workspace_id: str,
    engine: duckdb.DuckDBPyConnection,
    files: list[StoredFile],
    outcome: _Stored,
    arrival: Arrival | None,
    withdrawals: int,
) -> None:
    with store.index.writing() as connection:
        workspace = partition(connection, workspace_id, create=True)
        if workspace.withdrawals != withdrawals:
            raise _Overtaken
        duplicates = outcome.staged - outcome.accepted - outcome.conflicts
        origin = origins.add(workspace, arrival if files else None, outcome.accepted, duplicates, outcome.conflicts)
        for ids, digests in _sorted_lists(engine, "event_id, content", "fresh"):
            if workspace.take_ids(zip(ids, digests, strict=True), origin) < len(ids):
                raise _Overtaken
        if workspace.tail_has_taken_ids():
            raise _Overtaken
        workspace.add_files(files)

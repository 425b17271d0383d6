"""The usage event store: Parquet by workspace and month, a SQLite index, each event id once (spec 4.1).

An HTTP batch goes to the index's tail in one small transaction; the tail becomes Parquet when it is long, or when
the files are requested. Any number of threads and processes may use one store at a time. The index counts; Arrow and
DuckDB write, and their modules are imported in the methods that use them: a server that has met no event holds neither.

    <root>/index.sqlite                                    what counts (see index.py)
    <root>/manifest.sqlite                                 what the index is made anew from (see manifest.py)
    <root>/workspace_id=ws_1/month=2026-01/<digest>.<sha256>.r2.parquet
    <root>/incoming/<random>/                              files being written; abandoned ones are swept
    <root>/set_aside/<when>-<why>/                         files that do not count, and are kept (see set_aside.py)
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING

from app.services.usage import origins, staging
from app.services.usage.fields import SOURCE_SEPARATOR, Conflict, Policy, Reject, UsageWarning
from app.services.usage.file_names import of_an_earlier_rule
from app.services.usage.file_store import FileStore
from app.services.usage.formats import Rows
from app.services.usage.index import partition
from app.services.usage.origins import Arrival, Origin
from app.services.usage.stored_file import StoredFile, combine
from app.services.usage.tail_ids import TailIds
from app.services.usage.unwritten import Unwritten
from app.unavailable import refusal_of_failure

if TYPE_CHECKING:
    from app.services.usage.parcel import Parcel
    from app.services.usage.validate import Batch

FLUSH_ROWS = 250_000  # of one workspace's tail; each flush reads at most this many, so memory is bounded too


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a batch: counts of events, and the catalog entries that its accepted events would need.

    `left_out` counts nested values that were not stored, by their names.
    Of events whose id is taken, a duplicate says what the stored one says and a conflict something else; neither is
    stored. `replaced`: by workspace, how many stored events gave way to accepted ones. `usage_import_id`: what the
    batch is undone by; None when it stored nothing.
    `warnings` are about events that fit: values that are no numbers where numbers are expected.
    """

    accepted: int
    duplicates: int
    rejects: tuple[Reject, ...]
    new_event_types: dict[str, frozenset[str]] = field(default_factory=dict)
    new_segments: frozenset[str] = frozenset()
    left_out: dict[str, int] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    replaced: Mapping[str, int] = field(default_factory=dict)
    usage_import_id: str | None = None
    warnings: tuple[UsageWarning, ...] = ()

    @property
    def rejected(self) -> int:
        """The number of events that were rejected."""
        return len(self.rejects)

    @property
    def taken(self) -> int:
        """The number of events of the batch that are stored now, under the ids that they have."""
        return self.accepted + self.duplicates + len(self.conflicts)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One consistent view of a workspace's events: absolute paths, the files' contents, and the events' fingerprint.

    `digest` depends on the events alone: not on their order, nor on how they are spread over files. `newest_ts` is
    naive UTC, None when there are no events.
    """

    source: str
    paths: tuple[Path, ...]
    files: tuple[StoredFile, ...]
    row_count: int
    newest_ts: datetime | None
    digest: str

    @property
    def dimensions(self) -> frozenset[str]:
        """Every dimension that some event has."""
        return frozenset().union(*(file.dimensions for file in self.files))

    @property
    def numbers(self) -> frozenset[str]:
        """Every dimension that some event has as a number."""
        return frozenset().union(*(file.numbers for file in self.files))


class EventStore(FileStore):
    """The events under one folder. Cheap to make; close it to release its connections."""

    def __init__(self, root: Path, *, flush_rows: int = FLUSH_ROWS) -> None:
        super().__init__(root)
        self._flush_rows = flush_rows
        self._tail_ids = TailIds()
        self._unwritten = Unwritten(self.root, self.index)

    def ingest(self, rows: Rows, policy: Policy, arrival: Arrival | None = None) -> Receipt:
        """Validate and store one batch of events (see `formats.parse_body`)."""
        from app.services.usage.validate import validate

        return self.append(validate(rows, policy), arrival)

    def append(self, batch: "Batch", arrival: Arrival | None = None) -> Receipt:
        """Store validated events. All of the batch is committed when this returns, or nothing if it raises.

        Of events with one id the first to be committed counts; within the batch the one in the first row. With an
        `arrival` they can be undone together.
        """
        parcels = _parcels(batch)
        with self.index.writing() as connection:
            outcomes = [self._add_to_tail(connection, new, arrival) for new in parcels]
        return self._receipt(batch, outcomes, arrival)

    def replace(self, batch: "Batch", arrival: Arrival | None = None) -> Receipt:
        """Store validated events, those whose id is taken in the place of the stored ones; all of it or nothing.

        A conflict is left only with an event that came in while this one was at work.
        """
        from app.services.usage import withdrawal

        parcels = _parcels(batch)
        with self.maintaining(), staging.folder(self.root) as folder:
            for new in parcels:
                self._flush(new.workspace_id, self._tail_extent(new.workspace_id)[1])
            withdrawals = [
                withdrawal.prepare(self.root, self.index, new.workspace_id, self._contradicted(new), folder)
                for new in parcels
            ]
            with self.index.writing() as connection:
                for prepared in withdrawals:
                    withdrawal.commit(connection, prepared)
                outcomes = [self._add_to_tail(connection, new, arrival) for new in parcels]
        replaced = {one.workspace_id: len(one.event_ids) for one in withdrawals if one.event_ids}
        return dataclasses.replace(self._receipt(batch, outcomes, arrival), replaced=replaced)

    def _contradicted(self, new: "Parcel") -> list[str]:
        """The ids of stored events that say something else than the first event here with their id.

        One that was stored under a CloudEvent's id alone gives way to the event with its source, too.
        """
        first = dict(reversed(list(zip(new.ids, new.digests, strict=True))))
        with self.index.reading() as connection:
            workspace = partition(connection, new.workspace_id)
            taken = workspace.taken(new.ids)
            others = [event_id for event_id, digest in taken.items() if first[event_id] != digest]
            stored = workspace.stored_ids(others)
        bare = {event_id.partition(SOURCE_SEPARATOR)[2] for event_id in set(others).difference(stored)}
        return sorted(bare.union(stored))

    def _receipt(self, batch: "Batch", outcomes: list[tuple[int, list[Conflict]]], arrival: Arrival | None) -> Receipt:
        self._flush_long_tails(batch.events)
        accepted = sum(count for count, _ in outcomes)
        conflicts = sorted((one for _, some in outcomes for one in some), key=lambda conflict: conflict.row)
        return Receipt(
            accepted=accepted,
            duplicates=sum(map(len, batch.events.values())) - accepted - len(conflicts),
            rejects=tuple(batch.rejects),
            new_event_types=dict(batch.new_event_types),
            new_segments=batch.new_segments,
            left_out=dict(batch.left_out),
            conflicts=tuple(conflicts),
            usage_import_id=arrival.usage_import_id if arrival and accepted else None,
        )

    def _add_to_tail(
        self, connection: Connection, new: "Parcel", arrival: Arrival | None
    ) -> tuple[int, list[Conflict]]:
        """Add those events whose ids are free; returns how many, and who was kept out by an event of other content."""
        workspace = partition(connection, new.workspace_id, create=True)
        taken = workspace.taken(new.ids, self._tail_ids.current(workspace).digests)
        free, conflicts = new.without(taken)
        if free.ids:
            duplicates = len(new.ids) - len(free.ids) - len(conflicts)
            origin = origins.add(workspace, arrival, len(free.ids), duplicates, len(conflicts))
            event_keys = workspace.append_to_tail(free.event_keys, free.packed(), origin)
            self._tail_ids.wrote(workspace, event_keys, free.ids, free.digests)
        return len(free.ids), conflicts

    def withdraw(self, workspace_id: str, event_ids: Iterable[str]) -> list[str]:
        """Take events out by their ids, which may come again afterwards; returns the ids that were stored, in order."""
        from app.services.usage import withdrawal

        with self.maintaining(), staging.folder(self.root) as folder:
            self._flush(workspace_id, self._tail_extent(workspace_id)[1])
            with self.index.reading() as connection:
                stored = sorted(partition(connection, workspace_id).stored_ids(sorted(set(event_ids))))
            prepared = withdrawal.prepare(self.root, self.index, workspace_id, stored, folder)
            with self.index.writing() as connection:
                withdrawal.commit(connection, prepared)
        return stored

    def undo(self, usage_import_id: str, now: datetime) -> list[Origin]:
        """Take out all that an import or batch brought and that still counts; returns what was undone, by workspace.

        Nothing is undone twice: an id that is not known, or undone already, gives an empty list. `now`: aware.
        """
        from app.services.usage import withdrawal

        with self.maintaining(), staging.folder(self.root) as folder:
            with self.index.reading() as connection:
                undone = [origin for origin in origins.of_import(connection, usage_import_id) if not origin.undone_at]
            withdrawals = []
            for origin in undone:
                self._flush(origin.workspace_id, self._tail_extent(origin.workspace_id)[1])
                with self.index.reading() as connection:
                    event_ids = partition(connection, origin.workspace_id).ids_of(origin.number)
                withdrawals.append(withdrawal.prepare(self.root, self.index, origin.workspace_id, event_ids, folder))
            with self.index.writing() as connection:
                for prepared in withdrawals:
                    withdrawal.commit(connection, prepared)
                origins.mark_undone(connection, undone, now)
        return undone

    def origins_of(self, usage_import_id: str) -> list[Origin]:
        """What is kept of one import or batch, by workspace; empty for one that stored nothing or is not known."""
        with self.index.reading() as connection:
            return origins.of_import(connection, usage_import_id)

    def newest_origins(self, workspace_id: str, limit: int, before: tuple[datetime, str] | None = None) -> list[Origin]:
        """The imports and batches of a workspace, newest first; `before`: only those older than this moment and id."""
        with self.index.reading() as connection:
            return origins.newest(partition(connection, workspace_id), limit, before)

    def rows_with_origin(self, workspace_id: str) -> int:
        """How many of the workspace's events came in with an import or batch that is known."""
        with self.index.reading() as connection:
            return origins.stored_rows(partition(connection, workspace_id))

    def _flush_long_tails(self, workspace_ids: Iterable[str]) -> None:
        """Write tails that are too long, unless another process does; where they are far too long, wait for it."""
        for workspace_id in workspace_ids:
            rows, last = self._tail_extent(workspace_id)
            if rows >= self._flush_rows:
                with _unless_in_trouble(), self.maintaining(wait=rows >= 8 * self._flush_rows) as mine:
                    if mine:
                        self._flush(workspace_id, last)
                        self.compact(workspace_id, fan_in=64)

    def flush(self, workspace_id: str) -> None:
        """Write what is in the workspace's tail to Parquet and merge its small files."""
        rows, last = self._tail_extent(workspace_id)
        if rows:
            with self.maintaining():
                self._flush(workspace_id, last)
                self.compact(workspace_id, fan_in=8)

    def compact(self, workspace_id: str, *, fan_in: int) -> None:
        """Merge the small files of each month that has `fan_in` of like size; only while `maintaining`.

        Files whose numbers were read by an earlier rule are read again first.
        """
        from app.services.usage import compaction, rereading

        rereading.reread(self.root, self.index, workspace_id)
        compaction.compact(self.root, self.index, workspace_id, fan_in=fan_in)

    def tail_rows(self, workspace_id: str) -> int:
        """How many events of the workspace wait to be written to a file."""
        return self._tail_extent(workspace_id)[0]

    def _tail_extent(self, workspace_id: str) -> tuple[int, int]:
        """How many rows wait, and the number of the last batch of them."""
        with self.index.reading() as connection:
            return partition(connection, workspace_id).tail_extent()

    def _flush(self, workspace_id: str, until: int) -> None:
        """Write the tail up to a batch. Later ones are left: with a steady stream of them there would be no end."""
        from app.services.usage import parquet

        while tail := self._read_tail(workspace_id, until):
            with staging.folder(self.root) as folder:
                last, batches = tail
                files = parquet.write_tail(batches, workspace_id, folder)
                parquet.place(files, folder, self.root, self.index)
                self._commit_flush(workspace_id, last, files)

    def _read_tail(self, workspace_id: str, until: int) -> tuple[int, list[tuple[bytes, str | None]]] | None:
        """The oldest batches of the tail with their origins, up to the flush size, and the last of their numbers."""
        batches, total, last = list[tuple[bytes, str | None]](), 0, 0
        with self.index.reading() as connection:
            for number, rows, events, origin in partition(connection, workspace_id).tail(until):
                batches.append((events, origin))
                total, last = total + rows, number
                if total >= self._flush_rows:
                    break
        return (last, batches) if batches else None

    def _commit_flush(self, workspace_id: str, last: int, files: list[StoredFile]) -> None:
        with self.index.writing() as connection:
            workspace = partition(connection, workspace_id)
            workspace.add_files(files)
            workspace.end_tail(last)

    def files(self, workspace_id: str) -> tuple[Path, ...]:
        """The Parquet files of every event accepted so far. Read them with union_by_name and without hive partitioning.

        They stay on disk until a sweep whose grace they have outlived, even when merging replaces them meanwhile.
        """
        return self.snapshot(workspace_id).paths

    def snapshot(self, workspace_id: str) -> Dataset:
        """Files and fingerprint of every event accepted so far, as of one instant.

        While the store cannot write, files of the newest events are in a scratch folder of the system. Raises
        DamagedUsage when a file is not what was stored.
        """
        try:
            files = self._written(workspace_id)
        except Exception as error:
            if refusal_of_failure(error) is None:
                raise
            files = self._unwritten.files(workspace_id)
        return Dataset(
            source=f"usage:{workspace_id}",
            paths=tuple(self.root / file.path for file in files),
            files=tuple(files),
            row_count=sum(file.rows for file in files),
            newest_ts=max((file.max_ts for file in files), default=None),
            digest=combine(file.digest for file in files),
        )

    def _written(self, workspace_id: str) -> list[StoredFile]:
        """The files of all events, after writing those that wait and reading again those of an earlier rule."""
        self.flush(workspace_id)
        files = self.sound_files(workspace_id)
        if of_an_earlier_rule(files):
            with self.maintaining():
                self.compact(workspace_id, fan_in=8)
            files = self.sound_files(workspace_id)
        return files


@contextmanager
def _unless_in_trouble() -> Iterator[None]:
    """Leave undone what the store cannot do now and a later batch does: the batch at hand is committed already."""
    try:
        yield
    except Exception as error:
        if refusal_of_failure(error) is None:
            raise


def _parcels(batch: "Batch") -> "list[Parcel]":
    from app.services.usage.parcel import parcel

    return [parcel(workspace_id, events) for workspace_id, events in batch.events.items() if len(events)]


@dataclass(frozen=True)
class UsageEvents:
    """The events that simulations replay; `demo_file` is a JSON array of events (seed/usage_events.json)."""

    store: EventStore
    demo_file: Path

"""The columnar rendering on DuckDB: open events, ask, close. Everything DuckDB-specific is here.

    with open_parquet(files) as events:
        outputs = simulate(plan, events)

An events table holds the events of one workspace in the physical layout of the usage event store: event_id, ts
(TIMESTAMP, UTC), event_type, customer_id, segment, `d_<dimension>` VARCHAR and `n_<dimension>` DECIMAL(38,12).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import ibis
from ibis.formats.pyarrow import PyArrowData

from simulation import columnar, plan_columns, scan, unmatched_columns
from simulation.columns import Row, Table
from simulation.limits import AbsoluteCap, Rerated
from simulation.metering import SAMPLE_FIELDS, MeterPreview
from simulation.numbers import EXACT
from simulation.plan import Meter, Plan
from simulation.rerating import rerated
from simulation.result import Outputs, assemble
from simulation.sample_bills import SampleBill, Use, sample
from simulation.unmatched import MappedType, TypeCoverage
from simulation.window import Window

Backend = Any  # an ibis backend, as untyped as its tables
BASE_COLUMNS: Mapping[str, str] = {
    "event_id": "VARCHAR",
    "ts": "TIMESTAMP",
    "event_type": "VARCHAR",
    "customer_id": "VARCHAR",
    "segment": "VARCHAR",
}


@contextmanager
def open_parquet(
    files: Sequence[str | Path],
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    temp_directory: str | Path | None = None,
    deduplicate: bool = False,
) -> Iterator[Table]:
    """The events of these files as one table. Files may lack dimensions that others have; without files it is empty.

    `memory_limit` is DuckDB's, as in "2GB"; beyond it intermediate results go to `temp_directory`. The usage event
    store holds each event_id once; other files need `deduplicate`.
    """
    with _connected(threads, memory_limit, temp_directory) as backend:
        if files:
            table = backend.read_parquet(
                [str(path) for path in files], union_by_name=True, hive_partitioning=False, table_name="events"
            )
        else:
            columns = ", ".join(f'"{name}" {kind}' for name, kind in BASE_COLUMNS.items())
            backend.raw_sql(f"CREATE TEMPORARY TABLE events ({columns})")
            table = backend.table("events", database=("temp", "main"))
        yield unique(table) if deduplicate else table


@contextmanager
def open_arrow(data: Table, *, threads: int | None = None, deduplicate: bool = True) -> Iterator[Table]:
    """The events of a pyarrow table of the same layout, each event_id once."""
    with _connected(threads, None, None) as backend:
        backend.con.register("events", data)
        table = backend.table("events")
        yield unique(table) if deduplicate else table


@contextmanager
def _connected(threads: int | None, memory_limit: str | None, temp_directory: str | Path | None) -> Iterator[Backend]:
    """A private in-memory DuckDB: it installs nothing, prints nothing, and orders rows only where a query says so."""
    limits = {
        "threads": threads,
        "memory_limit": memory_limit,
        "temp_directory": temp_directory and str(temp_directory),
    }
    backend = ibis.duckdb.connect(
        autoinstall_known_extensions=False,
        preserve_insertion_order=False,
        **{name: value for name, value in limits.items() if value is not None},
    )
    backend.raw_sql("SET enable_progress_bar = false")  # on by itself where Python runs interactively
    try:
        yield backend
    finally:
        backend.disconnect()


def unique(table: Table) -> Table:
    """Events with each event_id once: the columnar twin of `simulation.events.deduplicated`."""
    dimensions = sorted(name for name in table.columns if name.startswith("d_"))
    texts = [table[name].asc(nulls_first=True) for name in dimensions]
    order = [table.ts, table.event_type, table.customer_id, table.segment, *texts]
    ranked = table.mutate(copy=ibis.row_number().over(ibis.window(group_by=table.event_id, order_by=order)))
    return ranked.filter(ranked["copy"] == 0).drop("copy")


class Scratch:
    """Temporary tables of one simulation, dropped when it ends."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.names = backend, list[str]()

    def keep(self, table: Table) -> Table:
        """Materialise a table, so that later steps read plain columns instead of repeating its expression."""
        name = ibis.util.gen_name("step")
        self.names.append(name)
        return self.backend.create_table(name, table, temp=True)

    def drop(self) -> None:
        """Drop the tables, in SQL written here: this Ibis forgets the table's name when it writes DROP for DuckDB."""
        for name in self.names:
            self.backend.raw_sql(f'DROP TABLE IF EXISTS temp.main."{name}"')


def fetch(table: Table) -> list[Row]:
    """The rows of a table as Python values: exact decimals, naive moments.

    These are the steps of `table.to_pyarrow()`, which loads pandas without using it: a second of the first one.
    """
    backend = table.get_backend()
    arrow = backend.con.sql(backend.compile(table)).to_arrow_table()
    rows: list[Row] = PyArrowData.convert_table(arrow, table.schema()).to_pylist()
    return rows


def simulate(plan: Plan, events: Table) -> Outputs:
    """Answer the plan from an events table (spec 4), with the bytes of `simulation.reference.simulate_reference`.

    OverflowError when the sums of the run are beyond the exact range (`simulation.tally.check_magnitude`).
    """
    scratch = Scratch(events.get_backend())
    try:
        with localcontext(EXACT):
            return assemble(plan, columnar.tally(plan, events, scratch.keep, fetch))
    finally:
        scratch.drop()


def sample_bills(plan: Plan, events: Table) -> tuple[SampleBill, ...]:
    """The smallest, median and largest bill of the plan's last period, as `simulation.sample_bills` has them."""
    scratch = Scratch(events.get_backend())
    try:
        with localcontext(EXACT):
            scope = scan.scope(events, plan.window, plan.workspace_id, plan.segment)
            grid = scan.metered(scan.in_window(scope, plan.window), plan.meters, plan.periods, scratch.keep)
            rows = fetch(grid)
            quantities = {
                meter: {(row["customer_id"], row["period"]): row[f"q{at}"] for row in rows}
                for at, meter in enumerate(plan.meters)
            }
            first = plan_columns.first_events(scope.table, fetch)
            history = scan.qualifying(scan.up_to_as_of(events, plan.window), plan)
            begun = [] if history is None else fetch(history.group_by("customer_id").agg(first=history["first"].min()))
            return sample(plan, Use(quantities, first, plan_columns.moments(begun)))
    finally:
        scratch.drop()


def rerate(plan: Plan, caps: Sequence[Sequence[AbsoluteCap]], events: Table) -> Rerated:
    """Rate the use of the plan's last period at its candidate's terms and at its baseline's (`simulation.rerating`)."""
    scratch = Scratch(events.get_backend())
    try:
        with localcontext(EXACT):
            return rerated(plan, caps, events, scratch.keep, fetch)
    finally:
        scratch.drop()


def newest_ts(events: Table, segment: str | None = None, until: datetime | None = None) -> datetime | None:
    """The moment of the newest event, in the segment or in all, which is the default of as_of; None without events.

    `until` (aware): later events are left aside, because a clock that ran ahead must not move the window.
    """
    table = events if segment is None else events.filter(events.segment == segment)
    if until is not None:
        table = table.filter(table.ts <= until.astimezone(UTC).replace(tzinfo=None))
    newest = fetch(table.agg(newest=table.ts.max()))[0]["newest"]
    return None if newest is None else newest.replace(tzinfo=UTC)


def meter_preview(
    meter: Meter, events: Table, window: Window, *, workspace_id: str, segment: str | None = None
) -> MeterPreview:
    """Meter one mapping over the window, all customers together, exactly as a simulation would (spec 4.2, 1).

    A sample has event_id, ts, event_type, customer_id, segment and the dimensions that it has, as texts.
    """
    windowed = scan.in_window(scan.scope(events, window, workspace_id, segment), window)
    rows = windowed.table.filter(scan.matches(meter, windowed))
    grid = scan.metered(windowed, [meter], window.periods, keep=lambda table: table)
    return MeterPreview(
        events=fetch(rows.agg(count=rows.count()))[0]["count"],
        units=fetch(grid.agg(units=grid.q0.sum()))[0]["units"] or Decimal(0),
        samples=tuple(map(_sample, fetch(rows.order_by(ibis.desc("ts"), "event_id").limit(3)))),
    )


def type_coverage(
    mapped: MappedType, events: Table, window: Window, *, workspace_id: str, segment: str | None = None
) -> TypeCoverage:
    """Say of one event type what its units leave uncounted in the window, exactly as a simulation would."""
    windowed = scan.in_window(scan.scope(events, window, workspace_id, segment), window)
    scratch = Scratch(events.get_backend())
    try:
        return unmatched_columns.type_coverage(mapped, windowed, scratch.keep, fetch)
    finally:
        scratch.drop()


def _sample(row: Row) -> Row:
    base = {name: row[name] for name in SAMPLE_FIELDS} | {"ts": row["ts"].replace(tzinfo=UTC)}
    dimensions = {name[2:]: row[name] for name in sorted(row) if name.startswith("d_") and row[name] is not None}
    return base | {"dimensions": dimensions}

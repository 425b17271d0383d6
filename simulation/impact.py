"""Bill changes and data issues in columns: the twins of `simulation.reference.impact` and `issues`."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import TypedDict

import ibis

from simulation.columns import EXACT_TYPE, INDEX_TYPE, ZERO, Events, Fetch, Keep, Row, Scale, Table
from simulation.plan import Meter
from simulation.scan import matches
from simulation.tally import (
    BIN_EDGES,
    PERCENTILES,
    WORST,
    BillChange,
    Impact,
    MeterIssues,
    MissingValue,
    NegativeUse,
    UnreadableValue,
    nearest_rank,
)

EXAMPLES = 3


class Unreadable(TypedDict, total=False):
    """The fields of MeterIssues about events without a number to add; none of them where every event has one."""

    unreadable: int
    unreadable_examples: tuple[UnreadableValue, ...]
    missing: int
    missing_examples: tuple[MissingValue, ...]


class Negative(TypedDict, total=False):
    """The fields of MeterIssues about sums below zero; none of them where no sum is."""

    negative: int
    negative_examples: tuple[NegativeUse, ...]


def impact(candidate: Table, baseline: Table, scale: Scale, keep: Keep, fetch: Fetch) -> Impact:
    """The bill changes between both configs' customers, whose `bill` is in scaled USD."""
    changes = keep(_changes(candidate, baseline))
    bins = _bins(changes, scale, fetch)
    worst = changes.order_by(ibis.desc("change"), "customer_id").limit(WORST)
    return Impact(
        bins=bins,
        percentiles=_percentiles(changes, sum(bins.values()), scale, fetch),
        worst=tuple(
            BillChange(row["customer_id"], scale.usd(row["candidate"]), scale.usd(row["baseline"]))
            for row in fetch(worst)
        ),
    )


def _changes(candidate: Table, baseline: Table) -> Table:
    sides = ibis.union(
        candidate.select("customer_id", candidate="bill", baseline=ZERO),
        baseline.select("customer_id", candidate=ZERO, baseline="bill"),
    )
    bills = sides.group_by("customer_id").agg(candidate=sides.candidate.sum(), baseline=sides.baseline.sum())
    return bills.mutate(change=(bills.candidate - bills.baseline).cast(EXACT_TYPE))


def _percentiles(changes: Table, count: int, scale: Scale, fetch: Fetch) -> Mapping[int, Decimal | None]:
    """Bill changes by percentile, in USD. By nearest rank, which is exact on every engine."""
    if not count:
        return dict.fromkeys(PERCENTILES)
    ranks = {percent: nearest_rank(percent, count) for percent in PERCENTILES}
    order = ibis.window(order_by=[changes.change, changes.customer_id])
    ranked = changes.select("change", rank=ibis.row_number().over(order) + 1)
    by_rank = {row["rank"]: row["change"] for row in fetch(ranked.filter(ranked["rank"].isin(set(ranks.values()))))}
    return {percent: scale.usd(by_rank[rank]) for percent, rank in ranks.items()}


def _bins(changes: Table, scale: Scale, fetch: Fetch) -> dict[int, int]:
    """The number of customers in each bin of bill changes (`simulation.tally.bin_of`)."""
    size = changes.change.abs()
    reached = ibis.cases(
        *((size < scale.amount(edge), at) for at, edge in enumerate(BIN_EDGES, 1)), else_=len(BIN_EDGES) + 1
    )
    bins = changes.select(
        bin=ibis.cases((changes.change > ZERO, reached), (changes.change < ZERO, -reached), else_=0).cast(INDEX_TYPE)
    )
    return {row["bin"]: row["customers"] for row in fetch(bins.group_by("bin").agg(customers=bins.count()))}


def issues(events: Events, grid: Table, meters: Sequence[Meter], totals: Row, fetch: Fetch) -> dict[Meter, MeterIssues]:
    """The data issues of each meter.

    Events are read again only where the metering met a missing number, the grid only where a sum is negative.
    """
    return {
        meter: MeterIssues(
            events=int(totals[f"e{at}"] or 0),
            **(_unreadable(events, meter, fetch) if totals.get(f"x{at}") else Unreadable()),
            **(_negative(grid, at, fetch) if totals.get(f"n{at}") else Negative()),
        )
        for at, meter in enumerate(meters)
    }


def _unreadable(events: Events, meter: Meter, fetch: Fetch) -> Unreadable:
    """Texts that are no numbers, and events without the field, among those of the window that the meter matches."""
    texts = [events.number(name).isnull().ifelse(events.text(name), ibis.null("string")) for name in meter.added]
    text = ibis.coalesce(*texts)
    wrong = matches(meter, events) & (text.notnull() | events.text(meter.field).isnull())
    rows = events.table.filter(wrong).select("event_id", "ts", "customer_id", value=text)
    counts = fetch(rows.agg(count=rows.count(), texts=rows["value"].count()))[0]
    missing = fetch(_first(rows.filter(rows["value"].isnull()))) if counts["count"] > counts["texts"] else []
    return {
        "unreadable": counts["texts"],
        "unreadable_examples": tuple(
            UnreadableValue(row["event_id"], row["ts"].replace(tzinfo=UTC), row["customer_id"], row["value"])
            for row in fetch(_first(rows.filter(rows["value"].notnull())))
        ),
        "missing": counts["count"] - counts["texts"],
        "missing_examples": tuple(
            MissingValue(row["event_id"], row["ts"].replace(tzinfo=UTC), row["customer_id"]) for row in missing
        ),
    }


def _first(rows: Table) -> Table:
    return rows.order_by("ts", "event_id").limit(EXAMPLES)


def _negative(grid: Table, at: int, fetch: Fetch) -> Negative:
    rows = grid.filter(grid[f"q{at}"] < ZERO).select("customer_id", "period", quantity=f"q{at}")
    first = fetch(rows.order_by("customer_id", "period").limit(EXAMPLES))
    return {
        "negative": fetch(rows.agg(count=rows.count()))[0]["count"],
        "negative_examples": tuple(NegativeUse(row["customer_id"], row["period"], row["quantity"]) for row in first),
    }

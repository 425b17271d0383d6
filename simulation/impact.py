"""Bill changes and data issues in columns: the twins of `simulation.reference.impact` and `issues`."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import ibis

from simulation.columns import EXACT_TYPE, INDEX_TYPE, ZERO, Events, Fetch, Keep, Scale, Table
from simulation.plan import Meter
from simulation.scan import matches
from simulation.tally import (
    LADDER,
    PERCENTILES,
    WORST,
    BillChange,
    Impact,
    MeterIssues,
    NegativeUse,
    UnreadableValue,
    nearest_rank,
)

EXAMPLES = 3


def impact(candidate: Table, baseline: Table, scale: Scale, keep: Keep, fetch: Fetch) -> Impact:
    """From both configs' customers with their `bill`, in scaled USD."""
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


def _percentiles(changes: Table, count: int, scale: Scale, fetch: Fetch) -> Mapping[int, Any]:
    """By nearest rank: the one exact way on every engine."""
    if not count:
        return dict.fromkeys(PERCENTILES)
    ranks = {percent: nearest_rank(percent, count) for percent in PERCENTILES}
    order = ibis.window(order_by=[changes.change, changes.customer_id])
    ranked = changes.select("change", rank=ibis.row_number().over(order) + 1)
    found = {row["rank"]: row["change"] for row in fetch(ranked.filter(ranked["rank"].isin(set(ranks.values()))))}
    return {percent: scale.usd(found[rank]) for percent, rank in ranks.items()}


def _bins(changes: Table, scale: Scale, fetch: Fetch) -> dict[int, int]:
    """Customers by `simulation.tally.rung`."""
    size = changes.change.abs()
    reached = ibis.cases(*((size < scale.amount(edge), at) for at, edge in enumerate(LADDER, 1)), else_=len(LADDER) + 1)
    rungs = changes.select(
        rung=ibis.cases((changes.change > ZERO, reached), (changes.change < ZERO, -reached), else_=0).cast(INDEX_TYPE)
    )
    return {row["rung"]: row["customers"] for row in fetch(rungs.group_by("rung").agg(customers=rungs.count()))}


def issues(
    events: Events, grid: Table, meters: Sequence[Meter], totals: Mapping[str, Any], fetch: Fetch
) -> dict[Meter, MeterIssues]:
    """Looks at events again only where the metering met a missing number, at the grid only where a sum is negative."""
    return {
        meter: MeterIssues(
            **(_unreadable(events, meter, fetch) if totals.get(f"x{at}") else {}),
            **(_negative(grid, at, fetch) if totals.get(f"n{at}") else {}),
        )
        for at, meter in enumerate(meters)
    }


def _unreadable(events: Events, meter: Meter, fetch: Fetch) -> dict[str, Any]:
    """Texts that are no numbers, among the events of the window that the meter matches."""
    text = events.text(meter.field)
    wrong = matches(meter, events) & text.notnull() & events.number(meter.field).isnull()
    rows = events.table.filter(wrong).select("event_id", "ts", "customer_id", value=text)
    first = fetch(rows.order_by("ts", "event_id").limit(EXAMPLES))
    return {
        "unreadable": fetch(rows.agg(count=rows.count()))[0]["count"],
        "unreadable_examples": tuple(
            UnreadableValue(row["event_id"], row["ts"].replace(tzinfo=UTC), row["customer_id"], row["value"])
            for row in first
        ),
    }


def _negative(grid: Table, at: int, fetch: Fetch) -> dict[str, Any]:
    rows = grid.filter(grid[f"q{at}"] < ZERO).select("customer_id", "period", quantity=f"q{at}")
    first = fetch(rows.order_by("customer_id", "period").limit(EXAMPLES))
    return {
        "negative": fetch(rows.agg(count=rows.count()))[0]["count"],
        "negative_examples": tuple(NegativeUse(row["customer_id"], row["period"], row["quantity"]) for row in first),
    }

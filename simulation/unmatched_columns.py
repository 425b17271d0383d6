"""Usage that no unit counts, in columns: the twin of `simulation.unmatched` (spec 4.2, 6).

The events are read once by type, and once more for each event type whose pooled units all filter. Only the most
frequent values and their sums leave the engine.
"""

from decimal import Decimal

import ibis

from simulation import scan
from simulation.columns import EXACT_TYPE, ZERO, Column, Events, Fetch, Keep, Row, Table, any_of
from simulation.plan import Plan
from simulation.unmatched import (
    SHOWN,
    Amount,
    Coverage,
    MappedType,
    TypeCoverage,
    UncountedValues,
    all_counted,
    mapped_types,
    summed,
)

UNMATCHED, UNPOOLED, COUNTED = 0, 1, 2
"""The kinds of a group: matched by no unit, by units without a pool alone, by a pooled unit."""


def coverage(plan: Plan, events: Events, workspace: Table, keep: Keep, fetch: Fetch) -> Coverage:
    """The coverage from the window's events: those of the segment, and a table of those of the whole workspace."""
    types = mapped_types(plan.candidate)
    everywhere = _by_type(workspace, fetch)
    here = everywhere if plan.segment is None else _by_type(events.table, fetch)
    return Coverage(
        types=tuple(
            all_counted(item, here.get(item.event_type, 0))
            if item.counts_all
            else type_coverage(item, events, keep, fetch)
            for item in types
        ),
        others={name: count for name, count in everywhere.items() if name not in {item.event_type for item in types}},
    )


def _by_type(table: Table, fetch: Fetch) -> dict[str, int]:
    return {row["event_type"]: row["events"] for row in fetch(table.group_by("event_type").agg(events=table.count()))}


def type_coverage(mapped: MappedType, events: Events, keep: Keep, fetch: Fetch) -> TypeCoverage:
    """The coverage of one event type; that of a type whose every event counts is only their number."""
    if mapped.counts_all:
        own = events.table.filter(events.table.event_type == mapped.event_type)
        return all_counted(mapped, fetch(own.agg(events=own.count()))[0]["events"])
    groups = keep(_groups(mapped, events))
    kinds = {row["kind"]: row for row in fetch(_kinds(mapped, groups))}
    amounts = {kind: _amount(mapped, kinds.get(kind)) for kind in (UNMATCHED, UNPOOLED, COUNTED)}
    uncounted = [kinds[kind]["groups"] for kind in (UNMATCHED, UNPOOLED) if kind in kinds]
    return TypeCoverage(
        mapped,
        whole=summed(mapped, amounts.values()),
        unmatched=amounts[UNMATCHED],
        unpooled=amounts[UNPOOLED],
        values=tuple(_values(mapped, row) for row in fetch(_most_frequent(mapped, groups))) if uncounted else (),
        combinations=sum(uncounted),
    )


def _groups(mapped: MappedType, events: Events) -> Table:
    """A row per kind, texts and takers: `events`, and q<i> for sum i. What pooled units count is one group."""
    pooled = _known(any_of([scan.matches(meter, events) for _, meter in mapped.pooled]))
    takers = [_known(scan.matches(unit.meter, events)) & ~pooled for unit in mapped.unpooled]
    texts = [pooled.ifelse(ibis.null("string"), events.text(name)) for name in mapped.dimensions]
    rows = events.table.filter(events.table.event_type == mapped.event_type).select(
        kind=pooled.ifelse(COUNTED, any_of(takers).ifelse(UNPOOLED, UNMATCHED)).cast("int8"),
        **{f"v{at}": text for at, text in enumerate(texts)},
        **{f"t{at}": taker for at, taker in enumerate(takers)},
        **{f"q{at}": scan.added(meter, events) for at, meter in enumerate(mapped.sums)},
    )
    sums = {name: _exact_sum(rows[name]) for name in _sums(mapped)}
    return rows.group_by("kind", *_keys(mapped)).agg(events=rows.count(), **sums)


def _known(condition: Column) -> Column:
    """A condition that is false where it is unknown."""
    return condition.fill_null(False)


def _exact_sum(column: Column) -> Column:
    return column.sum().cast(EXACT_TYPE).fill_null(ZERO)


def _keys(mapped: MappedType) -> list[str]:
    return [f"v{at}" for at in range(len(mapped.dimensions))] + [f"t{at}" for at in range(len(mapped.unpooled))]


def _sums(mapped: MappedType) -> list[str]:
    return [f"q{at}" for at in range(len(mapped.sums))]


def _kinds(mapped: MappedType, groups: Table) -> Table:
    """A row per kind: its events, its sums, and the number of its groups."""
    sums = {name: _exact_sum(groups[name]) for name in _sums(mapped)}
    return groups.group_by("kind").agg(events=groups["events"].sum(), groups=groups.count(), **sums)


def _most_frequent(mapped: MappedType, groups: Table) -> Table:
    """The first groups that no pooled unit counts, in the order of `UncountedValues`."""
    uncounted = groups.filter(groups.kind != COUNTED)
    order = [uncounted[name].asc(nulls_first=True) for name in _keys(mapped)]
    return uncounted.order_by([uncounted["events"].desc(), *order]).limit(SHOWN)


def _values(mapped: MappedType, row: Row) -> UncountedValues:
    return UncountedValues(
        texts=tuple(row[f"v{at}"] for at in range(len(mapped.dimensions))),
        takers=tuple(row[f"t{at}"] for at in range(len(mapped.unpooled))),
        amount=_amount(mapped, row),
    )


def _amount(mapped: MappedType, row: Row | None) -> Amount:
    if row is None:
        return Amount(0, tuple(Decimal(0) for _ in mapped.sums))
    return Amount(int(row["events"]), tuple(row[name] for name in _sums(mapped)))

"""Metering in columns: the twin of `simulation.metering` (spec 4.2, 1).

All counts and sums come from one scan of the events, each distinct count from one more, as a group-by over a group-by.
"""

from collections.abc import Sequence
from decimal import Decimal

import ibis

from simulation.columns import (
    EXACT_TYPE,
    INDEX_TYPE,
    ZERO,
    Column,
    Events,
    Keep,
    Table,
    any_of,
    moment,
    quantity,
    truth,
)
from simulation.numbers import fits
from simulation.plan import Meter, Plan
from simulation.window import Period, Window

KEYS = ("customer_id", "period")
COUNTS = ("e", "x")
"""The counts beside each sum, by the first letter of their columns: its events, and those without a number to add."""


def up_to_as_of(table: Table, window: Window) -> Table:
    """The whole workspace's events up to as_of, history included."""
    return table.filter(table.ts <= moment(window.as_of))


def scope(table: Table, window: Window, workspace_id: str, segment: str | None) -> Events:
    """The workspace's events up to as_of, in the segment or in all, history included."""
    table = up_to_as_of(table, window)
    return Events(table if segment is None else table.filter(table.segment == segment), workspace_id)


def in_window(events: Events, window: Window) -> Events:
    """The events of the window alone, without the history before it."""
    return Events(events.table.filter(events.table.ts > moment(window.start)), events.workspace_id)


def matches(meter: Meter, events: Events) -> Column:
    """Whether an event is of the meter's type and passes every filter; unknown counts as no."""
    condition = events.table.event_type == meter.event_type
    for name, values in meter.filters:
        condition = condition & _equals(events, name, values)
    return condition


def _equals(events: Events, name: str, values: Sequence[str | Decimal]) -> Column:
    """Whether a dimension has one of a filter's values: texts are compared exactly, numbers by value.

    A number that no event can hold matches nothing.
    """
    texts = [value for value in values if isinstance(value, str)]
    numbers = [quantity(value) for value in values if isinstance(value, Decimal) and fits(value)]
    choices = [(events.text(name), texts), (events.number(name), numbers)]
    return any_of([column.isin(choice) for column, choice in choices if choice])


def metered(events: Events, meters: Sequence[Meter], periods: Sequence[Period], keep: Keep) -> Table:
    """A row per customer and period in which anything matched.

    q<i> is the quantity of meter i; where that is a sum, e<i> counts its events and x<i> those without a number to add.
    """
    flat = [index for index, meter in enumerate(meters) if meter.aggregation != "distinct_count"]
    parts = [_flat(events, meters, flat, periods)] if flat else []
    parts += [_distinct(events, meters, at, periods) for at in range(len(meters)) if at not in flat]
    if len(parts) == 1:
        return keep(parts[0])
    rows = ibis.union(*map(keep, parts))
    names = [name for name in rows.columns if name not in KEYS]
    return keep(rows.group_by(*KEYS).agg(**{name: rows[name].sum() for name in names}))


def _flat(events: Events, meters: Sequence[Meter], flat: Sequence[int], periods: Sequence[Period]) -> Table:
    """Counts and sums per customer and period, from one scan of the events."""
    conditions = {index: matches(meters[index], events) for index in flat}
    table = events.table.filter(any_of(list(conditions.values())))
    values = {f"q{at}": _value(meters[at], matched, events) for at, matched in conditions.items()}
    sums = {at: matched for at, matched in conditions.items() if meters[at].aggregation == "sum"}
    values |= {f"e{at}": truth(matched) for at, matched in sums.items()}
    values |= {
        f"x{at}": truth(matched & any_of([events.number(name).isnull() for name in meters[at].added]))
        for at, matched in sums.items()
    }
    rows = table.select("customer_id", period=period_column(table.ts, periods), **values)
    totals = rows.group_by(*KEYS).agg(**{name: rows[name].sum() for name in values})
    return _aligned(totals, meters)


def _value(meter: Meter, matched: Column, events: Events) -> Column:
    if meter.aggregation == "count":
        return truth(matched)
    return matched.ifelse(added(meter, events), ZERO)


def added(meter: Meter, events: Events) -> Column:
    """The number that an event adds to a sum (`simulation.metering.added`); null is no number of a single field."""
    if not meter.minus:
        return events.number(meter.field)
    field, minus = (events.number(name).fill_null(ZERO) for name in meter.added)
    return (field - minus).cast(EXACT_TYPE)


def _distinct(events: Events, meters: Sequence[Meter], at: int, periods: Sequence[Period]) -> Table:
    """Distinct texts per customer and period: far cheaper as two group-bys than as COUNT(DISTINCT)."""
    table = events.table.filter(matches(meters[at], events))
    texts = table.select(
        "customer_id", period=period_column(table.ts, periods), text=events.text(meters[at].field)
    ).distinct()
    return _aligned(texts.group_by(*KEYS).agg(**{f"q{at}": texts.text.count()}), meters)


def _aligned(totals: Table, meters: Sequence[Meter]) -> Table:
    """The totals with the columns of every meter: 0 where another part has the quantity."""
    columns = {}
    for at in range(len(meters)):
        has_sum = f"q{at}" in totals.columns
        columns[f"q{at}"] = totals[f"q{at}"].cast(EXACT_TYPE).fill_null(ZERO) if has_sum else ZERO
        for name in (f"{kind}{at}" for kind in COUNTS):
            columns[name] = (totals[name] if name in totals.columns else ibis.literal(0)).cast("int64")
    return totals.select(*KEYS, **columns)


def period_column(ts: Column, periods: Sequence[Period]) -> Column:
    """The index of the period that a ts inside the window belongs to: it ends with its last instant."""
    branches = [(ts <= moment(period.end), period.index) for period in periods[:-1]]
    index = ibis.cases(*branches, else_=periods[-1].index) if branches else ibis.literal(0)
    return index.cast(INDEX_TYPE)


def qualifying(workspace: Table, plan: Plan) -> Table | None:
    """A row per customer and event_type that qualifies in any config: its first ts in the whole workspace up to as_of.

    Beside it of the plan's segment alone: `events` is its count in the window, `here` 1 where there is any up to as_of.
    None when no config has exploration enabled.
    """
    names = {name for c in plan.configs if c.exploration.enabled for name in c.exploration.qualifying_events}
    if not names:
        return None
    table = workspace.filter(workspace.event_type.isin(sorted(names)))
    here = ibis.literal(True) if plan.segment is None else table.segment == plan.segment
    inside = table.ts > moment(plan.window.start)
    rows = table.select("customer_id", "event_type", "ts", here=truth(here), counted=truth(here & inside))
    return rows.group_by("customer_id", "event_type").agg(
        first=rows.ts.min(), events=rows.counted.sum(), here=rows.here.max()
    )

"""The columnar rendering as a whole, on any engine that Ibis speaks to: the twin of `simulation.reference.tally`.

The engine is two functions: `keep` materialises a table, so that later steps read plain columns instead of repeating
its expression, and `fetch` brings a few rows home.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import ibis

from simulation import collect, impact, plan_columns, scan, unmatched_columns
from simulation.billing import applied
from simulation.columns import ZERO, Events, Fetch, Keep, Row, Scale, Table, moment, truth
from simulation.plan import ConfigPlan, Meter, Plan
from simulation.replay import replayed
from simulation.tally import Tally, check_magnitude


def tally(plan: Plan, table: Table, keep: Keep, fetch: Fetch) -> Tally:
    """The sums and counts of the plan, from the events of one workspace in columns, each event_id once."""
    replayed_use = replays(plan, table, keep, fetch)
    configs = replayed_use.replays
    customers = [keep(collect.customers(replay)) for replay in configs]
    tallies = [collect.tally(*side, fetch) for side in zip(configs, customers, strict=True)]
    bill_changes = None
    if any(applied(plan, config) for config in plan.configs):
        tallies, bill_changes = plan_columns.with_bills(configs, tallies, customers, replayed_use.scope, fetch)
    elif plan.baseline:
        bill_changes = impact.impact(customers[0], customers[1], configs[0].scale, keep, fetch)
    return Tally(
        candidate=tallies[0],
        baseline=tallies[1] if plan.baseline else None,
        impact=bill_changes,
        issues=impact.issues(replayed_use.windowed, replayed_use.grid, plan.meters, replayed_use.totals, fetch),
        coverage=unmatched_columns.coverage(plan, replayed_use.windowed, _whole_window(plan, table), keep, fetch),
    )


def _whole_window(plan: Plan, table: Table) -> Table:
    """The events of the window in all segments of the workspace."""
    workspace = scan.up_to_as_of(table, plan.window)
    return workspace.filter(workspace.ts > moment(plan.window.start))


@dataclass(frozen=True)
class ReplayedUse:
    """The use of the window, metered, and drawn from the pools of each config of a plan, in the plan's order.

    `grid` and `totals` are `scan.metered` and its sums in one row; `scope` are the events of the segment up to as_of.
    """

    scope: Table
    windowed: Events
    grid: Table
    totals: Row
    replays: list[collect.Replay]


def replays(plan: Plan, table: Table, keep: Keep, fetch: Fetch) -> ReplayedUse:
    """Meter the events of one workspace once and draw them down under every config of the plan."""
    events = scan.scope(table, plan.window, plan.workspace_id, plan.segment)
    windowed = scan.in_window(events, plan.window)
    grid = scan.metered(windowed, plan.meters, plan.periods, keep)
    totals = fetch(_totals(grid, plan.meters))[0]
    check_magnitude(plan, {meter: totals[f"q{at}"] or Decimal(0) for at, meter in enumerate(plan.meters)})
    history = scan.qualifying(scan.up_to_as_of(table, plan.window), plan)
    history = None if history is None else keep(history)
    configs = [_replay(plan, config, grid, history, keep) for config in plan.configs]
    return ReplayedUse(events.table, windowed, grid, totals, configs)


def _totals(grid: Table, meters: Sequence[Meter]) -> Table:
    """A single row: per meter q<i> its whole use, e<i> summed events, x<i> without a number, n<i> negative sums."""
    indexes = range(len(meters))
    return grid.agg(
        **{f"q{at}": ibis.greatest(grid[f"q{at}"], ZERO).sum() for at in indexes},
        **{f"{kind}{at}": grid[f"{kind}{at}"].sum() for kind in scan.COUNTS for at in indexes},
        **{f"n{at}": truth(grid[f"q{at}"] < ZERO).sum() for at in indexes},
    )


def _replay(plan: Plan, config: ConfigPlan, grid: Table, history: Table | None, keep: Keep) -> collect.Replay:
    explores = history is not None and config.exploration.enabled
    first = keep(collect.beginnings(history, config)) if explores else None
    rows = replayed(grid, first, plan, config, keep)
    return collect.Replay(plan, config, rows, history, Scale(plan.money_places))

"""The bills of a price plan from columns: overage and first events leave the engine, `simulation.billing` bills them.

A row per payer and period with overage leaves the engine, not one per event. That is exact, and one definition of
credits, tiers and commit serves both renderings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from simulation.billing import (
    Overage,
    Side,
    accounts,
    applied,
    bill_impact,
    first_period,
    over_cap,
    plan_tally,
)
from simulation.collect import Replay
from simulation.columns import ZERO, Fetch, Row, Table, any_of
from simulation.tally import ConfigTally, Impact


def first_events(scope: Table, fetch: Fetch) -> dict[str, datetime]:
    """Each customer's first event of any type in the scope, up to as_of."""
    return moments(fetch(scope.group_by("customer_id").agg(first=scope.ts.min())))


def moments(rows: Iterable[Row]) -> dict[str, datetime]:
    """customer_id → `first`, in UTC."""
    return {row["customer_id"]: row["first"].replace(tzinfo=UTC) for row in rows}


def side(replay: Replay, by_customer: Table, first: dict[str, datetime], fetch: Fetch) -> Side:
    """The bills of one config, and the accounts that make them where a price plan applies."""
    plan, config = replay.plan, replay.config
    price_plan = applied(plan, config)
    if price_plan is None:
        bills = fetch(by_customer.select("customer_id", "bill"))
        return Side({row["customer_id"]: replay.scale.usd(row["bill"]) for row in bills})
    payers = {customer: first_period(plan, moment) for customer, moment in first.items()}
    billed = accounts(plan, config, price_plan, payers, _overage(replay, fetch))
    return Side({customer: account.amount for customer, account in billed.items()}, billed)


def _overage(replay: Replay, fetch: Fetch) -> dict[tuple[str, int], Overage]:
    """The overage of each unit by customer and period, where there is any."""
    rows, units = replay.rows, replay.config.units
    columns = {replay.names.overage(unit): unit.value_unit_id for unit in units}
    beyond = rows.filter(any_of([rows[name] > ZERO for name in columns])).select("customer_id", "period", *columns)
    return {
        (row["customer_id"], row["period"]): {unit_id: row[name] for name, unit_id in columns.items()}
        for row in fetch(beyond)
    }


def with_bills(
    replays: Sequence[Replay], tallies: Sequence[ConfigTally], customers: Sequence[Table], scope: Table, fetch: Fetch
) -> tuple[list[ConfigTally], Impact | None]:
    """The tallies with what the accounts come to, and the bill changes; None without a baseline."""
    first = first_events(scope, fetch)
    sides = [side(replay, own, first, fetch) for replay, own in zip(replays, customers, strict=True)]
    billed = [_with_plan(*each) for each in zip(replays, tallies, sides, strict=True)]
    return billed, bill_impact(*sides) if len(sides) > 1 else None


def _with_plan(replay: Replay, tally: ConfigTally, own: Side) -> ConfigTally:
    """The tally with what the accounts come to; as it is where no price plan applies."""
    price_plan = applied(replay.plan, replay.config)
    if own.accounts is None or price_plan is None:
        return tally
    return replace(
        tally,
        billed_over_cap=over_cap(replay.plan, replay.config, own.accounts),
        plan=plan_tally(replay.plan, replay.config, price_plan, own.accounts),
    )

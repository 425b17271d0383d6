"""Use that customers have made already in their running period, rated at new terms and at today's (spec 3).

A config that takes effect at once holds for the whole running period. Who is refused, throttled or billed more by what
they used before, is counted here, in columns: a row per customer, of which only sums leave the engine.
"""

from collections.abc import Sequence

from simulation import columnar
from simulation.collect import Replay, crosses
from simulation.columns import ZERO, Column, Fetch, Keep, Scale, Table, any_of, plus, quantity, times, truth
from simulation.limits import REFUSING, SLOWING, AbsoluteCap, Rerated
from simulation.numbers import EXACT, decimal_places
from simulation.plan import Plan, Threshold, UnitPlan


def rerated(plan: Plan, caps: Sequence[Sequence[AbsoluteCap]], table: Table, keep: Keep, fetch: Fetch) -> Rerated:
    """The customers of the last period of the plan's window, its candidate against its baseline.

    `caps` are the absolute caps of each config of the plan, in their order.
    """
    replays = columnar.replays(plan, table, keep, fetch).replays
    sides = [keep(_standing(replay, own)) for replay, own in zip(replays, caps, strict=True)]
    row = fetch(_counted(*sides))[0]
    bills = [fetch(side.agg(bill=side.bill.sum()))[0]["bill"] for side in sides]
    scale = Scale(plan.money_places)
    return Rerated(
        refused=int(row["refused"] or 0),
        over_cap=int(row["over_cap"] or 0),
        slowed=int(row["slowed"] or 0),
        billed_more=int(row["billed_more"] or 0),
        bill_today_usd=scale.usd(bills[1] if len(bills) > 1 else None),
        bill_usd=scale.usd(bills[0]),
    )


def _standing(replay: Replay, caps: Sequence[AbsoluteCap]) -> Table:
    """A row per customer of the last period: whether the config refuses or slows them by now, and their bill."""
    last = Replay(replay.plan, replay.config, _last_period(replay), replay.history, replay.scale)
    rows, rails = last.rows, replay.config.rails
    over_cap = _over_cap(last) if rails.at_cap_action in REFUSING else _never()
    refused = [over_cap, _beyond(last, "hard_stop"), *_refusing_thresholds(last), _capped(last, caps, REFUSING)]
    slowing = [threshold for threshold in rails.usage_thresholds if threshold.action in SLOWING]
    slowed = [_beyond(last, "throttle"), _capped(last, caps, SLOWING)]
    slowed += [crosses(rows, replay.config, last.names, threshold) for threshold in slowing]
    if rails.at_cap_action in SLOWING:
        slowed.append(_over_cap(last))
    return rows.select(
        "customer_id",
        bill=last.billed(),
        over_cap=truth(over_cap),
        refused=truth(any_of(refused)),
        slowed=truth(any_of(slowed)),
    )


def _last_period(replay: Replay) -> Table:
    return replay.rows.filter(replay.rows.period == replay.plan.periods[-1].index)


def _never() -> Column:
    return any_of([])


def _over_cap(replay: Replay) -> Column:
    cap = replay.config.rails.monthly_spend_cap_usd
    return _never() if cap is None else replay.billed() > replay.scale.amount(cap)


def _beyond(replay: Replay, overage_behavior: str) -> Column:
    """Whether more was used of some unit than its pools had, the last of which behaves so."""
    config = replay.config
    units = [unit for unit in config.units if config.last_pool(unit).overage_behavior == overage_behavior]
    return any_of([replay.rows[replay.names.overage(unit)] > ZERO for unit in units])


def _refusing_thresholds(replay: Replay) -> list[Column]:
    """Whether more was used of some unit than the share of its allowance at which a threshold refuses."""
    refusing = [threshold for threshold in replay.config.rails.usage_thresholds if threshold.action in REFUSING]
    return [_beyond_share(replay, unit, threshold) for threshold in refusing for unit in replay.config.units]


def _beyond_share(replay: Replay, unit: UnitPlan, threshold: Threshold) -> Column:
    rows, names = replay.rows, replay.names
    allowance = plus(rows[names.available(pool)] for pool in replay.config.pools_of(unit))
    places = decimal_places(threshold.percent)
    hundred, percent = 100 * 10**places, int(EXACT.scaleb(threshold.percent, places))
    return (allowance > ZERO) & (times(rows[names.used(unit)], hundred) > times(allowance, percent))


def _capped(replay: Replay, caps: Sequence[AbsoluteCap], actions: Sequence[str]) -> Column:
    """Whether more was used of some unit than an absolute cap with one of these actions allows."""
    units = {unit.value_unit_id: unit for unit in replay.config.units}
    return any_of(
        [
            replay.rows[replay.names.used(units[cap.value_unit_id])] > quantity(cap.max_quantity)
            for cap in caps
            if cap.action in actions and cap.value_unit_id in units
        ]
    )


def _counted(new: Table, today: Table | None = None) -> Table:
    """A single row: how many customers the new terms treat worse; without terms today all of whom they treat badly."""
    if today is None:
        today = new.filter(any_of([]))
    before = today.rename(was_billed="bill", was_refused="refused", was_slowed="slowed").drop("over_cap")
    rows = new.left_join(before, "customer_id")
    rows = rows.select(
        "bill",
        "over_cap",
        "refused",
        "slowed",
        was_billed=rows.was_billed.fill_null(ZERO),
        was_refused=rows.was_refused.fill_null(0),
        was_slowed=rows.was_slowed.fill_null(0),
    )
    newly = rows.was_refused == 0
    return rows.agg(
        refused=truth(newly & (rows.refused == 1)).sum(),
        over_cap=truth(newly & (rows.over_cap == 1)).sum(),
        slowed=truth(newly & (rows.was_slowed == 0) & (rows.refused == 0) & (rows.slowed == 1)).sum(),
        billed_more=truth(rows.bill > rows.was_billed).sum(),
    )

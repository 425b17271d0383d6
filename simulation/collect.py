"""Sums and counts of a replayed config in columns: the twin of the tallying in `simulation.reference`.

Only rows per period, per group of customers who are present and cross limits in the same periods, per event_type, and
the twenty first customers at each limit leave the engine.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import ibis

from simulation.columns import (
    ZERO,
    Column,
    Fetch,
    Row,
    Scale,
    Table,
    any_of,
    moment,
    per_period,
    plus,
    quantity,
    times,
    truth,
)
from simulation.numbers import EXACT, decimal_places
from simulation.plan import ConfigPlan, Plan, Threshold, UnitPlan
from simulation.replay import Columns, included
from simulation.tally import (
    FIRST,
    CapCrossing,
    ConfigTally,
    Crossing,
    ExplorationTally,
    FirstCrossing,
    PerPeriod,
)

AMOUNTS = ("billed", "cost")


@dataclass(frozen=True)
class Replay:
    """A config's replayed rows; `history` is `simulation.scan.qualifying`, None without exploration."""

    plan: Plan
    config: ConfigPlan
    rows: Table
    history: Table | None
    scale: Scale

    @property
    def names(self) -> Columns:
        """The names of the columns in `rows`."""
        return Columns(self.config)

    def explored(self, unit: UnitPlan) -> Column:
        """The units that exploration pools gave."""
        pools = [pool for pool in self.config.pools_of(unit) if pool.is_exploration_pool]
        return plus(self.rows[self.names.drawn(pool)] for pool in pools)

    def counted(self, unit: UnitPlan) -> Column:
        """The units that count as used (`simulation.money.counted`)."""
        used = self.rows[self.names.used(unit)]
        return used if self.plan.include_exploration_in_results else used - self.explored(unit)

    def shortfall(self, unit: UnitPlan) -> Column:
        """The units missing to the commitment (`simulation.money.shortfall`)."""
        if self.plan.pricing_mode != "revenue_proxy_commit":
            return ZERO
        pools = [pool for pool in self.config.pools_of(unit) if not pool.is_exploration_pool]
        committed = plus(included(self.rows, pool, self.config) for pool in pools)
        return ibis.greatest(committed - self.counted(unit), ZERO)

    def charged(self, unit: UnitPlan) -> Column:
        """The units that are paid for (`simulation.money.charged`)."""
        if self.plan.pricing_mode == "use_unit_economics":
            return self.rows[self.names.overage(unit)]
        return self.counted(unit) + self.shortfall(unit)

    def amount(self, price: Callable[[UnitPlan], Decimal], of: Callable[[UnitPlan], Column]) -> Column:
        """USD of one customer and period, scaled: over the billed units, price × quantity."""
        units = self.plan.billed_units(self.config)
        return plus(times(of(unit), self.scale.factor(price(unit))) for unit in units)

    def billed(self) -> Column:
        """The revenue of one customer and period, in scaled USD."""
        return self.amount(lambda unit: unit.target_price_per_unit_usd, self.charged)

    def cost(self) -> Column:
        """The cost to serve one customer in one period, in scaled USD."""
        return self.amount(lambda unit: unit.avg_cost_per_unit_usd, self.counted)


def period_sums(replay: Replay) -> Table:
    """A row per period: the sums of the quantities that the economics need."""
    rows, names = replay.rows, replay.names
    values = {name: rows[name] for name in names.booked if not name.startswith("a")}
    values |= {f"s{at}": replay.shortfall(unit) for at, unit in enumerate(replay.config.units)}
    flat = rows.select("period", **values)
    return flat.group_by("period").agg(**{name: flat[name].sum() for name in values})


def customers(replay: Replay) -> Table:
    """A row per customer: masks of presence, first crossings, amounts (scaled USD), what exploration came to."""
    rows, config, names = replay.rows, replay.config, replay.names
    used = [rows[names.used(unit)] > ZERO for unit in config.units]
    served = [_served(rows, config, unit, names) for unit in config.units]
    flags = {"used": any_of(used), "served": any_of(served)}
    bits = [1 << period.index for period in replay.plan.periods]
    flat = rows.select(
        "customer_id",
        "period",
        billed=replay.billed(),
        cost=replay.cost(),
        graduated=truth(_graduates(replay)),
        **{name: flag.ifelse(per_period(rows.period, bits), 0) for name, flag in flags.items()},
        **{f"t{at}": crosses(rows, config, names, threshold) for at, threshold in enumerate(_thresholds(config))},
        **{f"c{at}": truth(rows[names.drawn(pool)] > ZERO) for at, pool in enumerate(config.pools)},
    )
    cap = config.rails.monthly_spend_cap_usd
    over = {f"{name}_over": _above(flat[name], cap, replay.scale) for name in AMOUNTS}
    flat = flat.mutate(**over)
    return flat.group_by("customer_id").agg(
        used=flat.used.sum(),
        served=flat.served.sum(),
        bill=flat.billed.sum(),
        graduated=flat.graduated.max(),
        **{f"t{at}": flat.period.min(where=flat[f"t{at}"]) for at in range(len(_thresholds(config)))},
        **{f"c{at}": flat[f"c{at}"].max() for at in range(len(config.pools))},
        **{f"{name}_largest": flat[name].max() for name in AMOUNTS},
        **{f"{name}_over": truth(flat[f"{name}_over"]).sum() for name in AMOUNTS},
        **{f"{name}_first": flat.period.min(where=flat[f"{name}_over"]) for name in AMOUNTS},
    )


def _thresholds(config: ConfigPlan) -> Sequence[Threshold]:
    return config.rails.usage_thresholds


def _above(amount: Column, cap: Decimal | None, scale: Scale) -> Column:
    return ibis.literal(False) if cap is None else amount > quantity(Decimal(scale.factor(cap)))


def _served(rows: Table, config: ConfigPlan, unit: UnitPlan, names: Columns) -> Column:
    """Whether the unit was used and its use was not ended by a hard stop (`simulation.reference.stopped`)."""
    used = rows[names.used(unit)] > ZERO
    if config.last_pool(unit).overage_behavior != "hard_stop":
        return used
    return used & (rows[names.overage(unit)] <= ZERO)


def crosses(rows: Table, config: ConfigPlan, names: Columns, threshold: Threshold) -> Column:
    """Whether any unit reaches the threshold (`simulation.reference.crosses`); a percent has two places at most."""
    places = decimal_places(threshold.percent)
    hundred, percent = 100 * 10**places, int(EXACT.scaleb(threshold.percent, places))
    conditions = []
    for unit in config.units:
        for pool in config.pools_of(unit):
            available, booked = rows[names.available(pool)], rows[names.drawn(pool)]
            if pool == config.last_pool(unit):
                booked = booked + rows[names.overage(unit)]
            reached = times(booked, hundred) >= times(available, percent)
            conditions.append((available > ZERO) & (booked > ZERO) & reached)
    return any_of(conditions)


def _graduates(replay: Replay) -> Column:
    """Whether the customer graduates in the row's period (`simulation.reference.Fold.graduated`)."""
    if replay.history is None or not replay.config.exploration.enabled:
        return ibis.literal(False)
    rows, config = replay.rows, replay.config
    starts = per_period(rows.period, [moment(period.start) for period in replay.plan.periods])
    units = [unit for unit in config.units if not config.last_pool(unit).is_exploration_pool]
    beyond = [rows[replay.names.used(unit)] > replay.explored(unit) for unit in units]
    return (starts >= rows["first"]) & any_of(beyond)


def tally(replay: Replay, by_customer: Table, fetch: Fetch) -> ConfigTally:
    """Fetch the sums and counts of a config; `by_customer` is `customers`, materialised."""
    plan, config, names = replay.plan, replay.config, replay.names
    sums = {row["period"]: row for row in fetch(period_sums(replay))}
    row = fetch(_counts(by_customer, config))[0]
    groups = fetch(by_customer.group_by("used", "served", *_limits(config)).agg(customers=by_customer.count()))
    crossings = _crossings(by_customer, plan, config, groups, fetch)

    def over(name: str) -> PerPeriod:
        return tuple(sums[p.index][name] if p.index in sums else Decimal(0) for p in plan.periods)

    return ConfigTally(
        customers=row["customers"],
        used={unit.value_unit_id: over(names.used(unit)) for unit in config.units},
        overage={unit.value_unit_id: over(names.overage(unit)) for unit in config.units},
        shortfall={unit.value_unit_id: over(f"s{at}") for at, unit in enumerate(config.units)},
        drawn={pool.pool_id: over(names.drawn(pool)) for pool in config.pools},
        presence=_presence(groups),
        thresholds=tuple(crossings[f"t{at}"] for at in range(len(_thresholds(config)))),
        billed_over_cap=_cap_crossing(row, "billed", crossings, replay.scale),
        cost_over_cap=_cap_crossing(row, "cost", crossings, replay.scale),
        exploration=_exploration(replay, by_customer, row, fetch),
    )


def _limits(config: ConfigPlan) -> list[str]:
    """The columns of `customers` that hold the first period in which a limit is crossed."""
    return [f"t{at}" for at in range(len(_thresholds(config)))] + [f"{name}_first" for name in AMOUNTS]


def _presence(groups: Iterable[Row]) -> Mapping[tuple[int, int], int]:
    counts = Counter[tuple[int, int]]()
    for group in groups:
        counts[group["used"], group["served"]] += group["customers"]
    return counts


def _counts(table: Table, config: ConfigPlan) -> Table:
    """A single row: counts and largest amounts over all customers."""
    return table.agg(
        customers=table.count(),
        **{f"c{at}": table[f"c{at}"].sum() for at in range(len(config.pools))},
        **{f"{name}_largest": table[f"{name}_largest"].max() for name in AMOUNTS},
        **{f"{name}_periods": table[f"{name}_over"].sum() for name in AMOUNTS},
    )


def _crossings(
    table: Table, plan: Plan, config: ConfigPlan, groups: Sequence[Row], fetch: Fetch
) -> dict[str, Crossing]:
    """The crossing of each limit; `groups` count customers by the period in which they first cross each limit."""
    limits = _limits(config)
    crossed = [limit for limit in limits if any(group[limit] is not None for group in groups)]
    first = _first(table, crossed, fetch)
    return {
        limit: Crossing(
            tuple(_customers(group for group in groups if group[limit] == period.index) for period in plan.periods),
            first.get(limit, ()),
        )
        for limit in limits
    }


def _customers(groups: Iterable[Row]) -> int:
    """The number of customers in these groups."""
    return sum(group["customers"] for group in groups)


def _first(table: Table, limits: Sequence[str], fetch: Fetch) -> dict[str, tuple[FirstCrossing, ...]]:
    """The first customers at each limit, asked for in one query; who is among the first at two limits comes twice."""
    if not limits:
        return {}
    rows = table.select("customer_id", *limits)
    parts = [rows.order_by(rows[limit].asc(nulls_first=False), "customer_id").limit(FIRST) for limit in limits]
    customers = {row["customer_id"]: row for row in fetch(ibis.union(*parts))}
    ordered = {
        limit: sorted((row[limit], customer_id) for customer_id, row in customers.items() if row[limit] is not None)
        for limit in limits
    }
    return {limit: tuple(FirstCrossing(*key) for key in keys[:FIRST]) for limit, keys in ordered.items()}


def _cap_crossing(row: Row, name: str, crossings: Mapping[str, Crossing], scale: Scale) -> CapCrossing:
    crossing = crossings[f"{name}_first"]
    return CapCrossing(
        crossing.by_period,
        crossing.first,
        customer_periods=int(row[f"{name}_periods"] or 0),
        largest=scale.usd(row[f"{name}_largest"]),
    )


def beginnings(history: Table, config: ConfigPlan) -> Table:
    """Each customer's first event of those that qualify in this config; `here` is 1 where one is in the segment."""
    rows = history.filter(history.event_type.isin(config.exploration.qualifying_events))
    return rows.group_by("customer_id").agg(first=rows["first"].min(), here=rows.here.max())


def _exploration(replay: Replay, by_customer: Table, row: Row, fetch: Fetch) -> ExplorationTally:
    config = replay.config
    rule = config.exploration
    events = dict.fromkeys(rule.qualifying_events, 0)
    consumers = {p.pool_id: int(row[f"c{at}"] or 0) for at, p in enumerate(config.pools) if p.is_exploration_pool}
    if replay.history is None or not rule.enabled or not rule.qualifying_events:
        return ExplorationTally(events, 0, 0, 0, consumers)
    per_type = replay.history.group_by("event_type").agg(events=replay.history["events"].sum())
    counted = {count["event_type"]: int(count["events"]) for count in fetch(per_type)}
    counts = fetch(_progress(replay, by_customer))[0]
    return ExplorationTally(
        events={name: counted.get(name, 0) for name in events},
        began=counts["began"],
        graduated=int(counts["graduated"] or 0),
        expired=int(counts["expired"] or 0),
        consumers=consumers,
    )


def _progress(replay: Replay, by_customer: Table) -> Table:
    """A single row: how many customers of the segment began, graduated, or expired without graduating.

    Those of the segment used a unit in it, or have a qualifying event there; they may have begun in another one.
    """
    first = beginnings(replay.history, replay.config)
    joined = first.left_join(by_customer.select("customer_id", "graduated"), "customer_id")
    joined = joined.filter((joined.here == 1) | joined.graduated.notnull())
    graduated = joined.graduated.fill_null(0)
    cutoff = replay.config.exploration.latest_expired_beginning(replay.plan.window.as_of)
    expired = ibis.literal(False) if cutoff is None else (joined["first"] < moment(cutoff)) & (graduated == 0)
    flat = joined.select(graduated=graduated, expired=truth(expired))
    return flat.agg(began=flat.count(), graduated=flat.graduated.sum(), expired=flat.expired.sum())

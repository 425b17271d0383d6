"""The draw-down in columns: the twin of `simulation.draw` (spec 4.2, 2 and 3).

A row per customer and period. A unit's pools are drawn in a fixed order, so the quantity that pool j gives has a closed
form: the use beyond everything that the pools before it had, cut to what it has itself. Without rollover all periods
are computed at once; with it one after the other, each materialised: expressions nested over four periods explode.

Ibis writes one SELECT for steps that are not materialised, every column of the inner one repeated wherever the outer
one names it. So where a unit has many pools what is available is materialised before it is drawn, and the quantities
before a pool are summed by blocks of pools: the work grows with the number of pools, not with its square.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import ibis

from simulation.columns import (
    INDEX_TYPE,
    ZERO,
    Column,
    Keep,
    Table,
    any_of,
    between,
    moment,
    per_period,
    plus,
    quantity,
)
from simulation.plan import ConfigPlan, Plan, PoolPlan, UnitPlan
from simulation.scan import KEYS

BLOCK = 8
"""The pools of a unit whose quantities are summed together; a unit with more has many pools."""


@dataclass(frozen=True)
class Columns:
    """The names of a config's columns.

    u<i> is used and o<i> overage of unit i, a<j> available and d<j> drawn of pool j, l<j>_<k> what is left in pool j of
    the allowance of period k, b<i>_<n> available in block n of the pools of unit i.
    """

    config: ConfigPlan

    @cached_property
    def units(self) -> dict[str, int]:
        return {unit.value_unit_id: index for index, unit in enumerate(self.config.units)}

    @cached_property
    def pools(self) -> dict[str, int]:
        return {pool.pool_id: index for index, pool in enumerate(self.config.pools)}

    def used(self, unit: UnitPlan) -> str:
        return f"u{self.units[unit.value_unit_id]}"

    def overage(self, unit: UnitPlan) -> str:
        return f"o{self.units[unit.value_unit_id]}"

    def available(self, pool: PoolPlan) -> str:
        return f"a{self.pools[pool.pool_id]}"

    def drawn(self, pool: PoolPlan) -> str:
        return f"d{self.pools[pool.pool_id]}"

    def blocks(self, unit: UnitPlan) -> dict[str, Sequence[PoolPlan]]:
        """The column of each block but the last of the unit's pools, in draw order."""
        pools, at = self.config.pools_of(unit), self.units[unit.value_unit_id]
        starts = range(0, len(pools) - BLOCK, BLOCK)
        return {f"b{at}_{number}": pools[start : start + BLOCK] for number, start in enumerate(starts)}

    def lot(self, pool: PoolPlan, period: int) -> str:
        return f"l{self.pools[pool.pool_id]}_{period}"

    @property
    def booked(self) -> list[str]:
        """The columns of a replayed row, but for its keys."""
        units = [name for unit in self.config.units for name in (self.used(unit), self.overage(unit))]
        return units + [name for pool in self.config.pools for name in (self.available(pool), self.drawn(pool))]


def replayed(grid: Table, first: Table | None, plan: Plan, config: ConfigPlan, keep: Keep) -> Table:
    """A row per customer and period: `first` (the first qualifying event, or null) and `Columns(config).booked`.

    `grid` comes from `simulation.scan.metered`; `first` has customer_id and first, None without exploration. Periods
    without use are only there when they matter: with rollover or commitment.
    """
    names = Columns(config)
    rows = _customers_rows(grid, plan, config, names)
    rows = rows.mutate(first=ibis.null("timestamp(6)")) if first is None else _joined(rows, first)
    rolling = [pool for pool in config.pools if pool.rollover.enabled]
    if not rolling:
        return keep(_booked(rows, plan, names, 0, keep))
    rows, carried, done = keep(rows), None, []
    for period in plan.periods:
        current = rows.filter(rows.period == period.index)
        if carried is not None:
            current = current.join(carried, "customer_id")
        step = keep(_with_lots(_booked(current, plan, names, period.index, keep), plan, names, period.index))
        carried = step.drop("period", "first", *names.booked)
        done.append(step.select(*KEYS, "first", *names.booked))
    return keep(ibis.union(*done))


def _customers_rows(grid: Table, plan: Plan, config: ConfigPlan, names: Columns) -> Table:
    """The use of the config's own customers: those who used anything of it in the window; never below 0."""
    meters = plan.meters
    used = {names.used(unit): ibis.greatest(grid[f"q{meters.index(unit.meter)}"], ZERO) for unit in config.units}
    rows = grid.select(*KEYS, **used)
    rows = rows.filter(any_of([rows[name] > ZERO for name in used]))
    if plan.pricing_mode != "revenue_proxy_commit" and not any(pool.rollover.enabled for pool in config.pools):
        return rows
    customers = rows.select("customer_id").distinct()
    every = ibis.union(
        *(customers.mutate(period=ibis.literal(period.index, type=INDEX_TYPE)) for period in plan.periods)
    )
    joined = every.left_join(rows, KEYS)
    return joined.select(*KEYS, **{name: joined[name].fill_null(ZERO) for name in used})


def _joined(rows: Table, first: Table) -> Table:
    joined = rows.left_join(first, "customer_id")
    return joined.select(*rows.columns, "first")


def granted(rows: Table, plan: Plan, config: ConfigPlan) -> Column:
    """Whether exploration pools give anything in the row's period (`simulation.reference.explores`)."""
    if not config.exploration.enabled:
        return ibis.literal(False)
    cutoffs = [config.exploration.latest_expired_beginning(period.start) for period in plan.periods]
    latest = [moment(cutoff) for cutoff in cutoffs if cutoff is not None]
    if not latest:
        return ibis.literal(True)
    return rows["first"].isnull() | (rows["first"] >= per_period(rows.period, latest))


def _booked(rows: Table, plan: Plan, names: Columns, period: int, keep: Keep) -> Table:
    """The rows with available, drawn and overage; they hold lots of earlier periods where pools roll over."""
    grant = granted(rows, plan, names.config)
    available = {names.available(pool): _available(rows, pool, names, period, grant) for pool in names.config.pools}
    rows = rows.mutate(**available)
    blocks = {
        name: plus(rows[names.available(pool)] for pool in pools)
        for unit in names.config.units
        for name, pools in names.blocks(unit).items()
    }
    if not blocks:
        return rows.mutate(**_draws(rows, names))
    rows = keep(rows.mutate(**blocks))
    return keep(rows.mutate(**_draws(rows, names)).drop(*blocks))


def _draws(rows: Table, names: Columns) -> dict[str, Column]:
    """What each pool gives, and the overage of each unit."""
    columns = {}
    for unit in names.config.units:
        used, had = rows[names.used(unit)], ZERO
        for pool, before in _before(rows, unit, names):
            own = rows[names.available(pool)]
            columns[names.drawn(pool)] = between(used - before, own)
            had = before + own
        columns[names.overage(unit)] = ibis.greatest(used - had, ZERO)
    return columns


def _before(rows: Table, unit: UnitPlan, names: Columns) -> Iterator[tuple[PoolPlan, Column]]:
    """Each pool of the unit in draw order, with what the pools before it have: whole blocks, then the last few."""
    pools, blocks = names.config.pools_of(unit), list(names.blocks(unit))
    for at, pool in enumerate(pools):
        earlier = [rows[name] for name in blocks[: at // BLOCK]]
        yield pool, plus([*earlier, *(rows[names.available(other)] for other in pools[at - at % BLOCK : at])])


def _available(rows: Table, pool: PoolPlan, names: Columns, period: int, grant: Column) -> Column:
    quantities = plus(_lots(rows, pool, names, period))
    return grant.ifelse(quantities, ZERO) if pool.is_exploration_pool else quantities


def _lots(rows: Table, pool: PoolPlan, names: Columns, period: int) -> list[Column]:
    """The lots that the pool holds in a period, oldest first: the rest of earlier allowances, then the period's own."""
    kept = [names.lot(pool, earlier) for earlier in range(period)]
    return [rows[name] for name in kept if name in rows.columns] + [included(rows, pool, names.config)]


def included(rows: Table, pool: PoolPlan, config: ConfigPlan) -> Column:
    """The included quantity of the row's customer: that of their contract, else the pool's."""
    customers: dict[Decimal, list[str]] = {}
    for customer, own in config.contract_quantities(pool).items():
        customers.setdefault(own, []).append(customer)
    usual = quantity(pool.included_quantity)
    if not customers:
        return usual
    return ibis.cases(*((rows.customer_id.isin(ids), quantity(own)) for own, ids in customers.items()), else_=usual)


def _with_lots(rows: Table, plan: Plan, names: Columns, period: int) -> Table:
    """Replace the lots carried into the period by those carried into the next one."""
    lots: dict[str, Column] = {}
    for pool in names.config.pools:
        if pool.rollover.enabled and period < len(plan.periods) - 1:
            lots |= _carried(rows, pool, names, period)
    return rows.select(*KEYS, "first", *names.booked, **lots)


def _carried(rows: Table, pool: PoolPlan, names: Columns, period: int) -> dict[str, Column]:
    """The pool's lots for the next period: drawn oldest first, none expired, the newest kept up to the maximum."""
    lots, drawn = _lots(rows, pool, names, period), rows[names.drawn(pool)]
    births = range(period + 1 - len(lots), period + 1)
    left = {
        birth: lot - between(drawn - plus(lots[:at]), lot)
        for at, (birth, lot) in enumerate(zip(births, lots, strict=True))
    }
    reach, most = pool.rollover.periods, pool.rollover.max_rollover_quantity
    alive = [birth for birth in births if reach is None or period + 1 - birth <= reach]
    if most is None:
        return {names.lot(pool, birth): left[birth] for birth in alive}
    return {
        names.lot(pool, birth): between(
            quantity(most) - plus(left[later] for later in alive if later > birth), left[birth]
        )
        for birth in alive
    }

"""The draw-down of one customer and one unit, period after period: allowance, rollover, overage (spec 4.2, 2 and 3).

This is the definition; `simulation.replay` is its columnar twin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from simulation.numbers import total
from simulation.plan import PoolPlan, Rollover


@dataclass(frozen=True)
class Lot:
    """The rest of the allowance of one period, in units."""

    period: int
    quantity: Decimal


@dataclass(frozen=True)
class PoolDraw:
    """One pool in one period; `available` is the included quantity plus what was carried into the period."""

    pool: PoolPlan
    available: Decimal
    drawn: Decimal


@dataclass(frozen=True)
class UnitPeriod:
    """The use of one unit by one customer in one period, and where it was booked.

    `used` = Σ drawn + overage; the overage is booked on the unit's last pool.
    """

    used: Decimal
    draws: tuple[PoolDraw, ...]
    overage: Decimal

    @property
    def explored(self) -> Decimal:
        """The units that exploration pools gave."""
        return total(draw.drawn for draw in self.draws if draw.pool.is_exploration_pool)


def draw_down(pools: Sequence[PoolPlan], used: Sequence[Decimal], grants: Sequence[bool]) -> tuple[UnitPeriod, ...]:
    """Replay one customer's use of one unit, in order of period.

    `pools` in draw order, `used` per period (≥ 0), `grants` per period: whether exploration pools give anything.
    Nothing is carried into the first period.
    """
    carried: dict[str, tuple[Lot, ...]] = {pool.pool_id: () for pool in pools}
    replayed = []
    for period, quantity in enumerate(used):
        left, draws = quantity, []
        for pool in pools:
            granted = grants[period] or not pool.is_exploration_pool
            lots = (*carried[pool.pool_id], Lot(period, pool.included_quantity)) if granted else ()
            available = total(lot.quantity for lot in lots)
            drawn = min(left, available)
            draws.append(PoolDraw(pool, available, drawn))
            carried[pool.pool_id] = carry(pool.rollover, oldest_first(lots, drawn), period + 1)
            left = left - drawn
        replayed.append(UnitPeriod(quantity, tuple(draws), left))
    return tuple(replayed)


def oldest_first(lots: Sequence[Lot], quantity: Decimal) -> tuple[Lot, ...]:
    """The lots that remain after `quantity` was taken from them, the oldest emptied first."""
    remaining = []
    for lot in lots:
        taken = min(lot.quantity, quantity)
        quantity -= taken
        remaining.append(Lot(lot.period, lot.quantity - taken))
    return tuple(remaining)


def carry(rollover: Rollover, lots: Sequence[Lot], period: int) -> tuple[Lot, ...]:
    """The lots that may still be drawn in `period`: expired ones go, then the oldest, down to the maximum."""
    if not rollover.enabled:
        return ()
    alive = [lot for lot in lots if rollover.periods is None or period - lot.period <= rollover.periods]
    if rollover.max_rollover_quantity is None:
        return tuple(alive)
    excess = total(lot.quantity for lot in alive) - rollover.max_rollover_quantity
    return oldest_first(alive, max(excess, Decimal(0)))

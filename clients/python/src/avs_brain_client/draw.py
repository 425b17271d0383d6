"""What a customer's pools hold in a period: included quantities and what was carried into it (spec 4.2, 2 and 3).

The same fold as AVS Brain's `simulation/draw.py`, on scaled integers; the shared scenarios hold both to it.
"""

from collections.abc import Callable, Mapping, Sequence

from avs_brain_client.document import Pool, Rollover

Lots = tuple[tuple[int, int], ...]
"""(period, quantity left of its allowance), oldest first."""


def available(
    pools: Sequence[Pool], used: Mapping[int, int], first: int, period: int, grants: Callable[[int], bool]
) -> tuple[int, ...]:
    """What each pool can give in `period`, scaled.

    `pools` in draw order, `used` per period, `first`: the period before which nothing counts, `grants`: whether
    exploration pools give anything in a period.
    """
    carried: list[Lots] = [() for _ in pools]
    if any(pool.rollover for pool in pools):
        for past in range(first, period):
            carried = _after(pools, carried, max(used.get(past, 0), 0), past, grants(past))
    granted = grants(period)
    return tuple(
        sum(quantity for _, quantity in lots) + pool.included if granted or not pool.is_exploration else 0
        for pool, lots in zip(pools, carried, strict=True)
    )


def _after(pools: Sequence[Pool], carried: Sequence[Lots], left: int, period: int, granted: bool) -> list[Lots]:
    """What is carried into the next period after `left` was drawn in this one."""
    following = []
    for pool, before in zip(pools, carried, strict=True):
        lots: Lots = (*before, (period, pool.included)) if granted or not pool.is_exploration else ()
        drawn = min(left, sum(quantity for _, quantity in lots))
        left -= drawn
        following.append(_carry(pool.rollover, _oldest_first(lots, drawn), period + 1))
    return following


def _oldest_first(lots: Lots, quantity: int) -> Lots:
    remaining = []
    for period, held in lots:
        taken = min(held, quantity)
        quantity -= taken
        remaining.append((period, held - taken))
    return tuple(remaining)


def _carry(rollover: Rollover | None, lots: Lots, period: int) -> Lots:
    """What may still be drawn in `period`: expired lots go, then the oldest, down to the maximum."""
    if rollover is None:
        return ()
    alive = tuple(lot for lot in lots if rollover.periods is None or period - lot[0] <= rollover.periods)
    if rollover.most is None:
        return alive
    return _oldest_first(alive, max(sum(quantity for _, quantity in alive) - rollover.most, 0))


def drawn(available_per_pool: Sequence[int], used: int) -> tuple[tuple[int, ...], int]:
    """How `used` is drawn from the pools in their order, and what is left: the overage of the last pool."""
    draws = []
    for quantity in available_per_pool:
        draws.append(min(used, quantity))
        used -= draws[-1]
    return tuple(draws), used

"""The draw-down of one customer and unit, by hand (spec 4.2, 2 and 3)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.draw import Lot, carry, draw_down, oldest_first
from simulation.numbers import total
from simulation.plan import PoolPlan, Rollover

NO_ROLLOVER = Rollover(False, None, None)


def pool(pool_id: str, included: int, rollover: Rollover = NO_ROLLOVER, explores: bool = False) -> PoolPlan:
    return PoolPlan(pool_id, pool_id, "vu_1", Decimal(included), rollover, "allow_overage", explores)


def replay(pools: list[PoolPlan], *used: int, grants: list[bool] | None = None) -> list[tuple[list[int], int]]:
    """Per period: what each pool gave, and the overage."""
    booked = draw_down(pools, [Decimal(quantity) for quantity in used], grants or [True] * len(used))
    return [([int(draw.drawn) for draw in unit.draws], int(unit.overage)) for unit in booked]


def test_pools_are_emptied_one_after_the_other() -> None:
    assert replay([pool("a", 3), pool("b", 4)], 2, 5, 9) == [([2, 0], 0), ([3, 2], 0), ([3, 4], 2)]


def test_without_rollover_nothing_is_carried() -> None:
    assert replay([pool("a", 10)], 0, 12) == [([0], 0), ([10], 2)]


def test_unused_allowance_can_be_drawn_for_ever_when_no_expiry_is_set() -> None:
    assert replay([pool("a", 10, Rollover(True, None, None))], 0, 0, 0, 45) == [([0], 0)] * 3 + [([40], 5)]


@pytest.mark.parametrize(("days", "drawn"), [(29, 10), (30, 20), (59, 20), (60, 30), (90, 40)])
def test_a_lot_expires_by_whole_periods(days: int, drawn: int) -> None:
    assert replay([pool("a", 10, Rollover(True, None, days))], 0, 0, 0, 50)[3] == ([drawn], 50 - drawn)


def test_the_oldest_lot_is_drawn_first_so_that_less_expires() -> None:
    assert replay([pool("a", 10, Rollover(True, None, 30))], 2, 5, 30) == [([2], 0), ([5], 0), ([20], 10)]


def test_what_is_carried_is_cut_to_the_maximum() -> None:
    assert replay([pool("a", 10, Rollover(True, Decimal(4), None))], 0, 0, 20)[2] == ([14], 6)
    assert replay([pool("a", 10, Rollover(True, Decimal(0), None))], 0, 20)[1] == ([10], 10)


def test_the_cut_takes_the_oldest_lot_first() -> None:
    lots = [Lot(0, Decimal(8)), Lot(1, Decimal(10))]
    assert carry(Rollover(True, Decimal(12), None), lots, 2) == (Lot(0, Decimal(2)), Lot(1, Decimal(10)))


def test_an_exploration_pool_gives_nothing_once_it_is_not_granted() -> None:
    pools = [pool("trial", 5, Rollover(True, None, None), explores=True), pool("core", 2)]
    assert replay(pools, 1, 9, 9, grants=[True, True, False]) == [([1, 0], 0), ([9, 0], 0), ([0, 2], 7)]


quantities = st.decimals(0, 100, places=3)


@given(st.lists(quantities, max_size=4), quantities)
def test_taking_from_lots_removes_exactly_what_they_can_give(lots: list[Decimal], wanted: Decimal) -> None:
    before = [Lot(index, quantity) for index, quantity in enumerate(lots)]
    after = oldest_first(before, wanted)
    assert all(0 <= left.quantity <= lot.quantity for left, lot in zip(after, before, strict=True))
    assert total(lots) - total(lot.quantity for lot in after) == min(wanted, total(lots))


@given(st.lists(quantities, min_size=4, max_size=4), st.lists(quantities, min_size=1, max_size=3), st.booleans())
def test_no_pool_gives_more_than_it_has_and_all_use_is_booked(
    used: list[Decimal], included: list[Decimal], enabled: bool
) -> None:
    rollover = Rollover(enabled, Decimal(30), 60)
    pools = [
        PoolPlan(f"p{n}", "", "vu_1", quantity, rollover, "throttle", False) for n, quantity in enumerate(included)
    ]
    for unit in draw_down(pools, used, [True] * 4):
        assert all(0 <= draw.drawn <= draw.available for draw in unit.draws)
        assert total(draw.drawn for draw in unit.draws) + unit.overage == unit.used
        assert not unit.overage or all(draw.drawn == draw.available for draw in unit.draws)

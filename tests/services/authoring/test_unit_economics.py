"""Cost, price and margin compute each other, exactly, and say when they disagree."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.services.authoring.unit_economics import COST, MARGIN, PRICE, economics
from simulation.canonical import Json
from simulation.numbers import PLACES, decimal_places

MONEY = st.decimals(0, 10**6, allow_nan=False, places=6)
MARGINS = st.decimals("-5", "0.99", allow_nan=False, places=4)


def number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize(
    ("cost", "price", "margin", "field", "value"),
    [
        ("0.18", "0.6", None, MARGIN, "0.7"),
        ("0.18", None, "0.7", PRICE, "0.6"),
        (None, "0.6", "0.7", COST, "0.18"),
        ("1", "3", None, MARGIN, "0.6667"),
        ("0.00000015", None, "0.7", PRICE, "0.0000005"),
        ("0", None, "0.5", PRICE, "0"),
        ("2", "1", None, MARGIN, "-1"),
        ("1", "0", None, MARGIN, "0"),
        ("1", None, "1", PRICE, None),
        (None, "0.6", "1", COST, "0"),
        ("1", None, None, MARGIN, None),
        (None, None, "0.7", PRICE, None),
        ("1000", None, "0.2", PRICE, "1250"),
    ],
)
def test_two_of_them_give_the_third(cost: Json, price: Json, margin: Json, field: str, value: str | None) -> None:
    solved = economics(number(cost), number(price), number(margin))
    assert solved.implied[field] == number(value)
    assert solved.missing == (field if value is not None else None)
    assert solved.filled[field] == number(value)
    assert not solved.disagrees


@pytest.mark.parametrize(
    ("margin", "disagrees"), [("0.7", False), ("0.71", False), ("0.69", False), ("0.7101", True), ("0.5", True)]
)
def test_they_disagree_beyond_what_the_rules_tolerate(margin: str, disagrees: bool) -> None:
    solved = economics(Decimal("0.18"), Decimal("0.6"), Decimal(margin))
    assert solved.disagrees is disagrees
    assert solved.is_complete
    assert solved.missing is None
    assert solved.filled == solved.stated


def test_a_free_unit_has_no_margin_to_disagree_with() -> None:
    solved = economics(Decimal("0.02"), Decimal(0), Decimal("0.5"))
    assert solved.is_free
    assert not solved.disagrees


@given(cost=MONEY, price=MONEY, margin=MARGINS)
def test_what_is_filled_in_never_disagrees(cost: Decimal, price: Decimal, margin: Decimal) -> None:
    for given_ in ((cost, price, None), (cost, None, margin), (None, price, margin)):
        filled = economics(*given_).filled
        assume(None not in filled.values())
        tiny = 0 < Fraction(filled[PRICE] or 0) < Fraction(1, 10**6)
        assert tiny or not economics(filled[COST], filled[PRICE], filled[MARGIN]).disagrees


@given(cost=MONEY, price=MONEY, margin=MARGINS)
def test_what_is_computed_fits_what_money_is_kept_in(cost: Decimal, price: Decimal, margin: Decimal) -> None:
    for value in economics(cost, price, margin).implied.values():
        assert value is not None
        assert decimal_places(value) <= PLACES

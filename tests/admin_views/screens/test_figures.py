"""Figures as operators read them: nothing that a column keeps is rounded away."""

from decimal import Decimal

import pytest

from admin_views.screens.figures import change, money

WHOLE, PLACES = "12,345,678,901,234,567,890,123,456", "123456789012"


@pytest.mark.parametrize("sign", ["", "−"])
def test_money_has_every_digit_that_its_column_keeps(sign: str) -> None:
    amount = Decimal(f"{sign}{WHOLE}.{PLACES}".replace(",", "").replace("−", "-"))
    assert money(amount) == f"{sign}${WHOLE}.{PLACES}"


def test_a_change_of_money_has_every_digit_and_its_sign() -> None:
    assert change(Decimal(f"{WHOLE}.{PLACES}".replace(",", "")), "money") == f"+${WHOLE}.{PLACES}"

"""Figures as operators read them: amounts in cents, prices with every digit that a column keeps."""

from decimal import Decimal

import pytest

from admin_views.screens.figures import change, money, price, share

WHOLE, PLACES = "12,345,678,901,234,567,890,123,456", "123456789012"


@pytest.mark.parametrize("sign", ["", "−"])
def test_a_price_has_every_digit_that_its_column_keeps(sign: str) -> None:
    amount = Decimal(f"{sign}{WHOLE}.{PLACES}".replace(",", "").replace("−", "-"))
    assert price(amount) == f"{sign}${WHOLE}.{PLACES}"


def test_an_amount_has_cents_however_large_it_is() -> None:
    amount = Decimal(f"{WHOLE}.{PLACES}".replace(",", ""))
    assert money(amount) == f"${WHOLE}.12"
    assert change(amount, "money") == f"+${WHOLE}.12"


@pytest.mark.parametrize(
    ("value", "text"),
    [("372.936036", "$372.94"), ("1512.795", "$1,512.80"), ("0.694824", "$0.695"), ("0.000012", "$0.000012")],
)
def test_amounts_are_as_precise_as_people_compare_them(value: str, text: str) -> None:
    assert money(Decimal(value)) == text


def test_shares_have_one_decimal() -> None:
    assert share(Decimal("0.433498")) == "43.3 %"
    assert change(Decimal("-0.071795"), "share") == "−7.2 pp"

"""Numbers in sentences: computed amounts are rounded for reading, what somebody set keeps every place."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.amounts import money_text, percent_text, price_text, quantity_text, share_text

AMOUNTS = st.decimals(min_value=-(10**14), max_value=10**14, places=12)


def read(text: str) -> Decimal:
    """The number that a text says."""
    return Decimal(text.replace("$", "").replace(",", "").replace("−", "-").replace(" %", ""))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (money_text(Decimal("79.554516")), "$79.55"),
        (money_text(Decimal("131.441664")), "$131.44"),
        (money_text(Decimal("1234.5")), "$1,234.50"),
        (money_text(Decimal("0.694824")), "$0.695"),
        (money_text(Decimal("0.0000025")), "$0.0000025"),
        (money_text(0), "$0.00"),
        (money_text(-3), "−$3.00"),
        (price_text(Decimal("0.00000015")), "$0.00000015"),
        (price_text(Decimal("1.2345")), "$1.2345"),
        (price_text(500), "$500.00"),
        (percent_text(Decimal("0.433498")), "43.3 %"),
        (percent_text(Decimal("-0.071795")), "−7.2 %"),
        (share_text(Decimal("0.6825")), "68.25 %"),
        (quantity_text(Decimal("-12000.50")), "−12,000.5"),
    ],
)
def test_numbers_read_as_people_write_them(text: str, said: str) -> None:
    assert text == said


@given(AMOUNTS)
def test_an_amount_is_off_by_half_a_cent_at_most_and_by_half_a_per_cent_of_itself(value: Decimal) -> None:
    error = abs(read(money_text(value)) - value)
    assert error <= Decimal("0.005")
    assert error <= abs(value) * Decimal("0.006")


@given(AMOUNTS)
def test_a_price_is_exact(value: Decimal) -> None:
    assert read(price_text(value)) == value


@given(AMOUNTS)
def test_a_share_that_was_computed_reads_to_a_tenth_of_a_per_cent(value: Decimal) -> None:
    assert abs(read(percent_text(value)) - value * 100) <= Decimal("0.05")

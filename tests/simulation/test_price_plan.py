"""How overage is charged by each price model, by hand at every boundary (spec 4.2).

The tiers of 7, 6.5 and 6 USD, and what volume pricing charges for 1, 5, 6, 20 and 25 of them, are the worked example of
Stripe's documentation, "Set up tiered pricing".
"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.price_plan import PricePlan, Tier, UnitPrice, price_plan

D = Decimal
THREE_TIERS = (Tier(D(5), D(7)), Tier(D(10), D("6.5")), Tier(None, D(6)))
WITH_FEES = (Tier(D(100), D("0.5"), D(5)), Tier(D(200), D("0.4"), D(3)), Tier(None, D("0.1")))
QUANTITIES = st.decimals(min_value=0, max_value=1000, places=2)
STEP = D("0.01")


def _priced(model: str, *tiers: Tier, package_size: int | None = None) -> UnitPrice:
    return UnitPrice("vu_a", model, tiers, None if package_size is None else D(package_size))


@pytest.mark.parametrize(
    ("overage", "graduated", "volume"),
    [
        ("0", "0", "0"),
        ("1", "7", "7"),
        ("5", "35", "35"),
        ("6", "41.5", "39"),
        ("10", "67.5", "65"),
        ("11", "73.5", "66"),
        ("20", "127.5", "120"),
        ("25", "157.5", "150"),
    ],
)
def test_graduated_prices_each_tiers_units_and_volume_all_of_them(overage: str, graduated: str, volume: str) -> None:
    assert _priced("graduated", *THREE_TIERS).charge(D(overage)) == D(graduated)
    assert _priced("volume", *THREE_TIERS).charge(D(overage)) == D(volume)


@pytest.mark.parametrize(
    ("overage", "graduated", "volume"),
    [
        ("0", "0", "0"),
        ("0.5", "5.25", "5.25"),
        ("100", "55", "55"),
        ("101", "58.4", "43.4"),
        ("200", "98", "83"),
        ("201", "98.1", "20.1"),
    ],
)
def test_a_flat_fee_is_charged_once_a_unit_lies_in_its_tier(overage: str, graduated: str, volume: str) -> None:
    assert _priced("graduated", *WITH_FEES).charge(D(overage)) == D(graduated)
    assert _priced("volume", *WITH_FEES).charge(D(overage)) == D(volume)


@pytest.mark.parametrize(
    ("overage", "charge"),
    [("0", "0"), ("0.001", "10"), ("999", "10"), ("1000", "10"), ("1001", "20"), ("2000", "20"), ("2000.5", "30")],
)
def test_a_begun_package_is_a_whole_one(overage: str, charge: str) -> None:
    assert _priced("package", Tier(None, D(10)), package_size=1000).charge(D(overage)) == D(charge)


@pytest.mark.parametrize(("overage", "charge"), [("0", "0"), ("1", "0.3"), ("2.5", "0.75")])
def test_per_unit_prices_every_unit_alike(overage: str, charge: str) -> None:
    assert _priced("per_unit", Tier(None, D("0.3"))).charge(D(overage)) == D(charge)


@given(QUANTITIES, st.sampled_from(THREE_TIERS[:2]))
def test_graduated_without_flat_fees_never_jumps_and_never_falls(overage: Decimal, tier: Tier) -> None:
    price = _priced("graduated", *THREE_TIERS)
    assert tier.up_to is not None
    for below in (overage, tier.up_to):
        assert D(0) <= price.charge(below + STEP) - price.charge(below) <= D(7) * STEP


@given(QUANTITIES, QUANTITIES)
def test_more_units_never_cost_less_by_packages(overage: Decimal, more: Decimal) -> None:
    price = _priced("package", Tier(None, D(10)), package_size=7)
    assert price.charge(overage) <= price.charge(overage + more)


def test_volume_falls_where_the_next_tier_is_cheaper() -> None:
    price = _priced("volume", *THREE_TIERS)
    assert price.charge(D("10.01")) < price.charge(D(10))


@given(QUANTITIES)
def test_the_tiers_share_out_every_unit(overage: Decimal) -> None:
    assert sum(_priced("graduated", *THREE_TIERS).split(overage)) == overage


def _plan() -> PricePlan:
    plan = price_plan(
        {
            "platform_fee_usd": 49,
            "minimum_commit_usd": 100,
            "prepaid": {"amount_usd": 50, "price_usd": 40, "expires_after_days": 90},
            "overrides": [
                {"customer_id": "cust_1", "platform_fee_usd": 0, "prepaid": None, "included_quantity": {"core": 200}}
            ],
        }
    )
    assert plan is not None
    return plan


def test_a_contract_that_waives_the_fee_keeps_what_it_does_not_state() -> None:
    terms = _plan().terms_of("cust_1")
    assert (terms.platform_fee_usd, terms.minimum_commit_usd, terms.prepaid) == (D(0), D(100), None)
    assert terms.included == {"core": D(200)}


def test_who_has_no_contract_is_billed_by_the_plan() -> None:
    terms = _plan().terms_of("cust_2")
    assert (terms.platform_fee_usd, terms.included) == (D(49), {})
    assert terms.prepaid is not None
    assert terms.prepaid.periods == 3

"""What cannot be billed in a price plan is said member by member, and nothing else is."""

from decimal import Decimal
from typing import Any

import pytest

from rules.price_plan_problems import problems

TIERS = [{"up_to": 100, "unit_price_usd": Decimal("0.5"), "flat_fee_usd": 5}, {"up_to": None, "unit_price_usd": 0}]
GRADUATED = {"value_unit_id": "vu_a", "model": "graduated", "tiers": TIERS}
PACKAGE = {"value_unit_id": "vu_b", "model": "package", "package_size": 10, "tiers": [{"unit_price_usd": 1}]}
PLAN: dict[str, Any] = {
    "platform_fee_usd": 49,
    "true_up": False,
    "prepaid": {"amount_usd": 50, "price_usd": 40, "expires_after_days": 90},
    "unit_prices": [GRADUATED, PACKAGE],
    "overrides": [{"customer_id": "cust_1", "prepaid": None, "included_quantity": {"core": 200}}],
    "change_policy": "prorate",
}


def pointers(plan: dict[str, Any]) -> list[str]:
    return [problem.pointer for problem in problems(plan)]


def priced(**changes: Any) -> dict[str, Any]:
    return {"unit_prices": [{**GRADUATED, **changes}]}


def ends(*ends: Any) -> dict[str, Any]:
    return priced(tiers=[{"up_to": end, "unit_price_usd": 1} for end in ends])


def test_a_whole_plan_and_an_empty_one_have_no_problem() -> None:
    assert pointers(PLAN) == pointers({}) == []


def test_null_says_as_little_as_a_member_that_is_not_there() -> None:
    assert pointers(dict.fromkeys(PLAN)) == []


def test_a_member_that_there_is_not_is_named_with_those_that_there_are() -> None:
    (problem,) = problems({"fee": 1})
    assert problem.text.startswith("There is no such member; these are platform_fee_usd, minimum_commit_usd, true_up")


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        ({"platform_fee_usd": -1}, "/platform_fee_usd"),
        ({"minimum_commit_usd": Decimal(10) ** 14}, "/minimum_commit_usd"),
        ({"platform_fee_usd": True}, "/platform_fee_usd"),
        ({"true_up": "yes"}, "/true_up"),
        ({"prepaid": {"amount_usd": 1}}, "/prepaid/price_usd"),
        ({"prepaid": {"amount_usd": 1, "price_usd": 1, "expires_after_days": 0}}, "/prepaid/expires_after_days"),
        ({"unit_prices": [GRADUATED, GRADUATED]}, "/unit_prices/1/value_unit_id"),
        (priced(model="step"), "/unit_prices/0/model"),
        (priced(package_size=10), "/unit_prices/0/package_size"),
        (priced(tiers=[]), "/unit_prices/0/tiers"),
        (ends(100, 100, None), "/unit_prices/0/tiers/1/up_to"),
        (ends(None, None), "/unit_prices/0/tiers/0/up_to"),
        (ends(100, 200), "/unit_prices/0/tiers/1/up_to"),
        ({"unit_prices": [{**PACKAGE, "package_size": Decimal("1.5")}]}, "/unit_prices/0/package_size"),
        ({"overrides": [{"customer_id": ""}]}, "/overrides/0/customer_id"),
        (
            {"overrides": [{"customer_id": "c", "included_quantity": {"a/b": -1}}]},
            "/overrides/0/included_quantity/a~1b",
        ),
        ({"change_policy": "never"}, "/change_policy"),
        ({"fee": 1}, "/fee"),
        ({"prepaid": {"amount_usd": 1, "price_usd": 1, "until": 5}}, "/prepaid/until"),
        ({"prepaid": {"price_usd": 1}}, "/prepaid/amount_usd"),
        ({"prepaid": 5}, "/prepaid"),
        ({"unit_prices": "all"}, "/unit_prices"),
        ({"unit_prices": [5]}, "/unit_prices/0"),
        (priced(value_unit_id="a b"), "/unit_prices/0/value_unit_id"),
        (priced(value_unit_id=["a"]), "/unit_prices/0/value_unit_id"),
        (priced(tiers=[{"unit_price_usd": 1, "price": 1}]), "/unit_prices/0/tiers/0/price"),
        (priced(tiers=[{"unit_price_usd": 1, "flat_fee_usd": ""}]), "/unit_prices/0/tiers/0/flat_fee_usd"),
        ({"overrides": [{"customer_id": f"c{at}"} for at in range(1_001)]}, "/overrides"),
        ({"overrides": [{"customer_id": "line\nbreak"}]}, "/overrides/0/customer_id"),
        ({"overrides": [{"customer_id": "c", "change_policy": "prorate"}]}, "/overrides/0/change_policy"),
        ({"overrides": [{"customer_id": "c", "included_quantity": 5}]}, "/overrides/0/included_quantity"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_problem_points_at_its_member(plan: dict[str, Any], pointer: str) -> None:
    assert pointers(plan) == [pointer]

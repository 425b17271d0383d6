"""Three real bills of the last period: hand-computed ones, and the same from events and from columns."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from simulation import engine
from simulation.documents import config_plan
from simulation.events import Event
from simulation.numbers import EXACT
from simulation.plan import Plan
from simulation.price_plan import price_plan
from simulation.sample_bills import SampleBill, sample_bills
from simulation.tally import LINE_NAMES
from simulation.window import Window
from tests.simulation.worlds import AS_OF, World, arrow, worlds

UNIT = {
    "value_unit_id": "vu_a",
    "event_mapping": {"event_type": "render", "aggregation": {"type": "count"}},
    "unit_economics": {"avg_cost_per_unit_usd": Decimal("0.1"), "target_price_per_unit_usd": Decimal("0.6")},
}
POOL = {"pool_id": "core", "value_unit_id": "vu_a", "included_quantity": 2, "overage_behavior": "allow_overage"}
TIERS = [
    {"up_to": 3, "unit_price_usd": Decimal("0.5"), "flat_fee_usd": 5},
    {"up_to": None, "unit_price_usd": Decimal("0.4")},
]
GRADUATED = {"value_unit_id": "vu_a", "model": "graduated", "tiers": TIERS}
PREPAID = {"amount_usd": 6, "price_usd": 4}


def plan_of(price: dict[str, Any] | None, days: int = 30) -> Plan:
    document = {"config_version_id": "cfg", "value_units": [UNIT], "pools": [POOL], "rating_agility": {}}
    if price is not None:
        document["rating_agility"] = {"price_plan": price}
    return Plan(config_plan(document), None, Window(AS_OF, days), "ws", None)


def used(customer: str, count: int, days_ago: int = 5) -> list[Event]:
    """So many renders of a customer, an hour apart."""
    moment = AS_OF - timedelta(days=days_ago)
    return [
        Event(f"{customer}_{days_ago}_{at}", moment + timedelta(minutes=at), "render", "ws", customer, "smb", {})
        for at in range(count)
    ]


def lines(bill: SampleBill) -> dict[str, Decimal]:
    return {name: amount for name, amount in bill.lines.items() if amount}


def test_without_a_plan_a_bill_is_overage_at_the_target_price() -> None:
    (bill,) = sample_bills(plan_of(None), used("c", 5))
    assert (bill.bill_usd, lines(bill)) == (Decimal("1.8"), {"overage": Decimal("1.8")})
    assert [bill.units[0].used, bill.units[0].included, bill.units[0].overage] == [5, 2, 3]


@pytest.mark.parametrize(
    ("count", "overage"),
    [(2, "0"), (3, "5.5"), (5, "6.5"), (6, "6.9")],
    ids=["nothing-beyond", "the-first-beyond", "exactly-at-the-end", "one-above"],
)
def test_tiers_count_what_lies_beyond_the_allowance(count: int, overage: str) -> None:
    (bill,) = sample_bills(plan_of({"platform_fee_usd": 49, "unit_prices": [GRADUATED]}), used("c", count))
    assert bill.lines["overage"] == Decimal(overage)
    assert bill.bill_usd == 49 + Decimal(overage)


def test_credits_are_drawn_first_and_the_commit_is_made_up() -> None:
    plan = {"minimum_commit_usd": 20, "prepaid": PREPAID, "unit_prices": [GRADUATED]}
    (bill,) = sample_bills(plan_of(plan), used("c", 5))
    assert lines(bill) == {"prepaid": 4, "overage": Decimal("0.5"), "commit_true_up": Decimal("15.5")}
    (unbilled,) = sample_bills(plan_of(plan | {"true_up": False}), used("c", 5))
    assert unbilled.bill_usd == Decimal("4.5")


def test_what_is_left_of_credits_lapses_with_the_last_period_in_which_it_could_be_drawn() -> None:
    plan = {"prepaid": PREPAID | {"expires_after_days": 30}}
    (bill,) = sample_bills(plan_of(plan, days=60), [*used("c", 4, days_ago=40), *used("c", 6)])
    # 1.20 of the first 6.00 goes in the first period, 2.40 in the second; 2.40 lapses: 1.60 of the 4.00 paid for it.
    assert lines(bill) == {"prepaid": Decimal("2.4"), "expired_credits": Decimal("1.6")}


def test_whoever_has_had_any_event_pays_the_fee_and_contracts_differ() -> None:
    plan = {
        "platform_fee_usd": 49,
        "overrides": [{"customer_id": "b", "platform_fee_usd": 9, "included_quantity": {"core": 4}}],
    }
    events = [*used("a", 1, days_ago=300), *used("b", 5), *used("c", 5), *used("d", 12)]
    sampled = sample_bills(plan_of(plan), events)
    assert [(bill.customer_id, bill.bill_usd) for bill in sampled] == [
        ("b", Decimal("9.6")),
        ("a", 49),
        ("d", Decimal(55)),
    ]


PLAN = {
    "platform_fee_usd": 49,
    "minimum_commit_usd": 100,
    "prepaid": {"amount_usd": 7, "price_usd": 3, "expires_after_days": 45},
    "overrides": [{"customer_id": "cust_2", "platform_fee_usd": 0, "prepaid": None}],
}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_both_renderings_give_the_same_bills_whose_lines_sum(world: World) -> None:
    candidate = replace(world.plan.candidate, price_plan=price_plan(PLAN))
    for plan in (world.plan, replace(world.plan, candidate=candidate)):
        expected = sample_bills(plan, world.events)
        with engine.open_arrow(arrow(world.shuffled), threads=world.threads) as table:
            assert engine.sample_bills(plan, table) == expected
        with localcontext(EXACT):
            assert all(bill.bill_usd == sum(bill.lines[name] for name in LINE_NAMES) for bill in expected)

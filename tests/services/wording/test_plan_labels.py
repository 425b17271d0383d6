"""What changes in a price plan is told member by member, with the names of units and pools."""

from decimal import Decimal
from typing import Any

from app.services.configs.diffs import changes
from app.services.wording.changes import sentences
from app.services.wording.tables import tables
from simulation.canonical import JsonObject

NAMES = {"vu.a": "Review", "core": "Core"}
TIERS: list[dict[str, Any]] = [
    {"up_to": 100, "unit_price_usd": Decimal("0.5"), "flat_fee_usd": 5},
    {"up_to": None, "unit_price_usd": Decimal("0.4")},
]
PLAN: dict[str, Any] = {
    "platform_fee_usd": 49,
    "unit_prices": [{"value_unit_id": "vu.a", "model": "graduated", "tiers": TIERS}],
    "overrides": [{"customer_id": "acme.com", "platform_fee_usd": 0, "included_quantity": {"core": 200}}],
    "change_policy": "at_next_period",
}


def document(plan: dict[str, Any] | None) -> JsonObject:
    agility: JsonObject = {"price_book_ref": "usd"} | ({} if plan is None else {"price_plan": plan})
    return {"rating_agility": agility}


def said(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    return sentences(changes(document(before), document(after)), NAMES)


def test_a_changed_amount_and_a_changed_tier_are_one_sentence_each() -> None:
    dearer = PLAN | {
        "platform_fee_usd": 59,
        "unit_prices": [PLAN["unit_prices"][0] | {"tiers": [TIERS[0], {**TIERS[1], "unit_price_usd": Decimal("0.3")}]}],
    }
    assert said(PLAN, dearer) == [
        "Pricing: plan: platform fee $49.00 → $59.00 per customer and 30 days",
        "Pricing: plan: Review, price $0.50 up to 100 plus $5.00, $0.40 → $0.50 up to 100 plus $5.00, $0.30",
    ]


def test_a_contract_is_told_by_its_customer() -> None:
    contract = PLAN["overrides"][0] | {"platform_fee_usd": 9, "included_quantity": {"core": 300}}
    assert said(PLAN, PLAN | {"overrides": [contract]}) == [
        "Pricing: contract of acme.com, included in Core 200 → 300",
        "Pricing: contract of acme.com, platform fee $0.00 → $9.00",
    ]


def test_a_plan_that_comes_or_goes_is_told_member_by_member() -> None:
    assert "Pricing: plan: platform fee set to $49.00 per customer and 30 days" in said(None, PLAN)
    assert "Pricing: plan: platform fee $49.00 taken away" in said(PLAN, None)
    assert said(None, None) == said(PLAN, PLAN) == []


def test_the_table_of_pricing_has_a_row_for_every_member() -> None:
    steps = list(changes(document(None), document(PLAN)))
    (pricing,) = [table for table in tables(document(PLAN), steps, NAMES) if table.name == "pricing"]
    rows = {row.label: (row.before, row.after) for group in pricing.groups for row in group.changed}
    assert rows["plan: Review, price"] == (None, "$0.50 up to 100 plus $5.00, $0.40")
    assert rows["contract of acme.com, included in Core"] == (None, "200")

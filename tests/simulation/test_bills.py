"""Runs of configs with a price plan: bills by hand, invariants, and the bytes of runs without one (spec 4.2)."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from simulation.documents import config_plan
from simulation.events import Event, deduplicated
from simulation.numbers import EXACT, total
from simulation.output_shapes import OutputsDocument
from simulation.plan import Plan
from simulation.plan_shapes import LinesRow
from simulation.price_plan import CustomerTerms, PricePlan
from simulation.reference import simulate_reference, tally
from simulation.window import Window
from tests.present import present
from tests.simulation.planned_worlds import planned_worlds
from tests.simulation.test_parity import parity
from tests.simulation.worlds import AS_OF, World, columnar, world

WITHOUT_A_PLAN = Path(__file__).parent / "golden" / "without_a_price_plan.json"
quickly = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
TIERS = [{"up_to": 3, "unit_price_usd": Decimal("0.5")}, {"up_to": None, "unit_price_usd": Decimal("0.2")}]


def plan_of(price: dict[str, Any] | None, days: int = 60, **rails: Any) -> Plan:
    """Two renders included a month, 0.10 USD to serve, 0.60 beyond unless the plan says otherwise."""
    document: dict[str, Any] = {
        "config_version_id": "cfg",
        "value_units": [
            {
                "value_unit_id": "vu",
                "name": "Render",
                "event_mapping": {"event_type": "render", "aggregation": {"type": "count"}},
                "unit_economics": {
                    "avg_cost_per_unit_usd": Decimal("0.1"),
                    "target_price_per_unit_usd": Decimal("0.6"),
                },
            }
        ],
        "pools": [
            {"pool_id": "core", "value_unit_id": "vu", "included_quantity": 2, "overage_behavior": "allow_overage"}
        ],
        "rails": rails,
    }
    if price is not None:
        document["rating_agility"] = {"price_plan": price}
    return Plan(config_plan(document), None, Window(AS_OF, days), "ws", None)


def used(customer: str, first: int = 0, second: int = 0, other: int = 0, days_ago: int = 45) -> list[Event]:
    """Renders in the first and the second period, and events that no unit counts so many days ago."""
    return [
        Event(f"{customer}_{kind}_{at}", AS_OF - timedelta(days=ago, minutes=-at), kind, "ws", customer, "smb", {})
        for kind, ago, count in (("render", 45, first), ("login", days_ago, other))
        for at in range(count)
    ] + [
        Event(f"{customer}_late_{at}", AS_OF - timedelta(days=5, minutes=-at), "render", "ws", customer, "smb", {})
        for at in range(second)
    ]


def run(plan: Plan, events: list[Event]) -> OutputsDocument:
    """The outputs, which both renderings give."""
    outputs = simulate_reference(plan, events)
    assert columnar(plan, events).canonical == outputs.canonical
    return outputs.document


def lines(document: OutputsDocument, period: int | None = None) -> dict[str, Decimal]:
    compared = document["revenue_lines"]
    row: LinesRow = compared["candidate"] if period is None else compared["by_period"][period]["candidate"]
    amounts: dict[str, Any] = dict(row)
    return {name: amount for name, amount in amounts.items() if amount}


def revenue(document: OutputsDocument) -> Decimal:
    return present(document["economics"]["candidate"])["revenue_usd"]


def test_a_normal_plan_earns_its_fee() -> None:
    document = run(plan_of({"platform_fee_usd": 49}), used("a", 2, 2))
    assert lines(document) == {"fees": 98}
    assert present(document["economics"]["candidate"])["margin"] == Decimal("0.995918")


@pytest.mark.parametrize(
    ("ago", "fees"),
    [(200, 98), (60, 98), (31, 98), (30, 98), (29, 49), (0, 49)],
    ids=["before", "on-the-border", "last-day-of-the-first", "its-last-moment", "first-day-of-the-second", "as-of"],
)
def test_the_fee_is_due_from_the_period_of_the_first_event_on(ago: int, fees: int) -> None:
    document = run(plan_of({"platform_fee_usd": 49}), used("a", other=1, days_ago=ago))
    assert lines(document) == {"fees": fees}
    assert document["customer_impact"]["customers"] == 1


@pytest.mark.parametrize(
    ("model", "charges"),
    [
        ({"model": "per_unit", "tiers": [{"up_to": None, "unit_price_usd": Decimal("0.3")}]}, "0 0.9 1.2"),
        ({"model": "graduated", "tiers": TIERS}, "0 1.5 1.7"),
        ({"model": "volume", "tiers": TIERS}, "0 1.5 0.8"),
        ({"model": "package", "package_size": 3, "tiers": [{"up_to": None, "unit_price_usd": 2}]}, "0 2 4"),
    ],
    ids=["per_unit", "graduated", "volume", "package"],
)
def test_overage_is_charged_by_its_model_at_zero_at_a_tiers_end_and_one_above(
    model: dict[str, Any], charges: str
) -> None:
    plan = plan_of({"unit_prices": [{"value_unit_id": "vu", **model}]}, days=30)
    amounts = [revenue(run(plan, used("a", second=2 + overage))) for overage in (0, 3, 4)]
    assert amounts == [Decimal(amount) for amount in charges.split()]


def test_credits_are_drawn_before_money_the_oldest_first_and_what_lapses_is_kept() -> None:
    prepaid = {"amount_usd": 3, "price_usd": 2, "expires_after_days": 30}
    document = run(plan_of({"prepaid": prepaid}, days=90), used("a", first=4, second=4, other=1, days_ago=80))
    # Lots of 3: the first is drawn by nothing in its period, by 1.20 in the second, and lapses with 1.80 of it left.
    # The second pays for 1.20 of the third period and lapses with its end with 1.80; the third is still held.
    assert lines(document, 0) == {"prepaid": 2}
    assert lines(document, 1) == {"prepaid": Decimal("0.8"), "expired_credits": Decimal("1.2")}
    assert lines(document, 2) == {"prepaid": Decimal("0.8"), "expired_credits": Decimal("1.2")}
    assert document["price_plan"]["credits"] == {
        "bought_usd": 9,
        "paid_usd": 6,
        "drawn_usd": Decimal("2.4"),
        "expired_usd": Decimal("3.6"),
        "outstanding_usd": 3,
    }
    assert [risk["code"] for risk in document["risks"] if risk["code"] == "credits_expired"] == ["credits_expired"]
    plan_row = document["pool_breakdown"][-1]
    assert (plan_row["label"], plan_row["revenue_usd"]) == ("Plan", Decimal("3.6"))


@pytest.mark.parametrize(
    ("used_units", "true_up", "unused"),
    [(2, "10", 2), (12, "4", 1), (20, "0", 0)],
    ids=["nothing-beyond", "below", "above"],
)
def test_the_commit_is_what_a_customer_period_is_billed_at_least(used_units: int, true_up: str, unused: int) -> None:
    document = run(plan_of({"minimum_commit_usd": 10}, days=30), used("a", second=used_units))
    assert lines(document).get("commit_true_up", Decimal(0)) == Decimal(true_up)
    assert document["price_plan"]["unused_commit"]["customer_periods"] == min(unused, 1)
    stated = run(plan_of({"minimum_commit_usd": 10, "true_up": False}, days=30), used("a", second=used_units))
    assert revenue(stated) == revenue(document) - Decimal(true_up)
    assert stated["price_plan"]["unused_commit"] == document["price_plan"]["unused_commit"]


def test_a_contract_states_what_differs_and_its_own_allowance() -> None:
    plan = {
        "platform_fee_usd": 49,
        "unit_prices": [{"value_unit_id": "vu", "model": "graduated", "tiers": TIERS}],
        "overrides": [{"customer_id": "b", "platform_fee_usd": 0, "included_quantity": {"core": 5}}],
    }
    document = run(plan_of(plan, days=30), [*used("a", second=5), *used("b", second=5)])
    assert lines(document) == {"fees": 49, "overage": Decimal("1.5")}
    assert document["pool_breakdown"][0]["overage_units"] == 3


def test_the_cap_is_about_the_whole_bill() -> None:
    document = run(plan_of({"platform_fee_usd": 49}, days=30, monthly_spend_cap_usd=50), used("a", second=4))
    assert present(document["enforcement_forecast"]["spend_cap"])["customer_periods"] == 1
    alone = run(plan_of(None, days=30, monthly_spend_cap_usd=50), used("a", second=4))
    assert present(alone["enforcement_forecast"]["spend_cap"])["customer_periods"] == 0


def test_bill_changes_say_by_which_lines() -> None:
    candidate = plan_of({"platform_fee_usd": 49}, days=30)
    compared = replace(candidate, baseline=replace(plan_of(None, days=30).candidate, config_version_id="cfg_before"))
    document = run(compared, [*used("a", second=4), *used("b", other=1)])
    assert document["customer_impact"]["billed_more"] == 2
    first = document["customer_impact"]["worst_20"][0]
    assert (first["customer_id"], first["bill_change_usd"]) == ("a", Decimal(49))
    assert (first["candidate_lines"]["fees"], first["baseline_lines"]["overage"]) == (Decimal(49), Decimal("1.2"))


def test_a_tier_below_cost_that_was_reached_is_a_risk() -> None:
    tiers = [{"up_to": 3, "unit_price_usd": Decimal("0.5")}, {"up_to": None, "unit_price_usd": Decimal("0.05")}]
    plan = plan_of({"unit_prices": [{"value_unit_id": "vu", "model": "graduated", "tiers": tiers}]}, days=30)
    codes = [risk["code"] for risk in run(plan, used("a", second=5))["risks"]]
    assert "plan_price_below_cost" not in codes
    (risk,) = [r for r in run(plan, used("a", second=6))["risks"] if r["code"] == "plan_price_below_cost"]
    assert (risk["tier"], risk["customer_periods"], risk["cost"]) == (2, 1, Decimal("0.1"))


@pytest.mark.parametrize("mode", ["revenue_proxy_total", "revenue_proxy_commit"])
def test_the_modes_that_stand_in_for_bills_keep_their_meaning_and_say_what_they_leave_out(mode: str) -> None:
    events = used("a", 4, 6)
    planned = run(replace(plan_of({"platform_fee_usd": 49}), pricing_mode=mode), events)
    assert planned["economics"] == run(replace(plan_of(None), pricing_mode=mode), events)["economics"]
    assert planned["price_plan"]["applied"] is False
    assert "use_unit_economics" in (planned["price_plan"]["left_out"] or "")


def test_runs_without_a_plan_have_the_bytes_that_they_always_had() -> None:
    golden = json.loads(WITHOUT_A_PLAN.read_text())
    hashes = {seed: simulate_reference((w := world(int(seed), 40)).plan, w.events).content_hash for seed in golden}
    assert hashes == golden


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(planned_worlds())
def test_both_renderings_give_the_same_bytes_with_price_plans(planned: World) -> None:
    parity(planned)


@quickly
@given(planned_worlds())
def test_lines_and_rows_sum_to_the_revenue(planned: World) -> None:
    with localcontext(EXACT):
        document = simulate_reference(planned.plan, planned.events).document
    within = Decimal("0.00001")
    row: dict[str, Any] = dict(document["revenue_lines"]["candidate"])
    headline = revenue(document)
    assert abs(total(row.values()) - headline) < within
    assert abs(total(line["revenue_usd"] for line in document["pool_breakdown"]) - headline) < within
    periods = [present(period["candidate"])["revenue_usd"] for period in document["economics"]["by_period"]]
    assert abs(total(periods) - headline) < within


@quickly
@given(planned_worlds())
def test_raising_a_fee_by_a_dollar_raises_revenue_by_a_dollar_for_each_customer_period(planned: World) -> None:
    plan = replace(planned.plan, pricing_mode="use_unit_economics", baseline=None)
    price_plan = present(plan.candidate.price_plan)

    def revenue_with(more: int) -> tuple[Decimal, int]:
        def raised(terms: CustomerTerms) -> CustomerTerms:
            fee = terms.platform_fee_usd + more
            return replace(terms, platform_fee_usd=fee, minimum_commit_usd=Decimal(0))

        dearer = PricePlan(raised(price_plan.usual), {c: raised(own) for c, own in price_plan.overrides.items()})
        asked = replace(plan, candidate=replace(plan.candidate, price_plan=dearer))
        with localcontext(EXACT):
            sums = present(tally(asked, _unique(planned)).candidate.plan)
        return total(line.fees + line.overage + line.commit_true_up for line in sums.lines) + sums.paid, sum(
            sums.customer_periods
        )

    (before, count), (after, _) = revenue_with(0), revenue_with(1)
    assert after - before == count


def _unique(planned: World) -> list[Event]:
    return [event for event in deduplicated(planned.events) if event.ts <= planned.plan.window.as_of]

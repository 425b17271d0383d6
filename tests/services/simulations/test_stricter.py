"""What of new terms takes more from a customer than today's, in words."""

from decimal import Decimal

import pytest

from app.services.simulations.stricter import stricter
from simulation.canonical import JsonObject
from simulation.documents import config_plan
from simulation.limits import AbsoluteCap
from simulation.plan import ConfigPlan

UNIT: JsonObject = {
    "value_unit_id": "vu_hd",
    "name": "HD minute",
    "event_mapping": {"event_type": "render", "aggregation": {"type": "count"}},
    "unit_economics": {"avg_cost_per_unit_usd": 0, "target_price_per_unit_usd": 1},
}
POOL: JsonObject = {
    "pool_id": "pool_core", "value_unit_id": "vu_hd", "included_quantity": 10, "overage_behavior": "allow_overage",
}  # fmt: skip
RAILS: JsonObject = {
    "usage_thresholds": [{"percent": 70, "action": "warn"}, {"percent": 100, "action": "throttle"}],
    "monthly_spend_cap_usd": 500,
    "at_cap_action": "warn",
}


def terms(*, price: int = 1, pool: JsonObject | None = None, rails: JsonObject | None = None) -> ConfigPlan:
    economics = {"avg_cost_per_unit_usd": 0, "target_price_per_unit_usd": price}
    return config_plan(
        {
            "config_version_id": "cfg",
            "value_units": [UNIT | {"unit_economics": economics}],
            "pools": [POOL | (pool or {})],
            "exploration": {"enabled": True, "qualifying_events": ["labs"]},
            "rails": RAILS | (rails or {}),
        }
    )


TODAY = terms()


@pytest.mark.parametrize(
    ("new", "clauses"),
    [
        (terms(), ()),
        (terms(price=2), ("the price of “HD minute” rises from $1.00 to $2.00",)),
        (terms(price=0), ()),
        (terms(pool={"included_quantity": 4}), ("“HD minute” includes 4 instead of 10",)),
        (terms(pool={"overage_behavior": "hard_stop"}), ("use of “HD minute” beyond its allowance is refused",)),
        (terms(rails={"monthly_spend_cap_usd": 400}), ("the spend cap falls from $500.00 to $400.00",)),
        (
            terms(rails={"monthly_spend_cap_usd": 600, "at_cap_action": "block"}),
            ("at the spend cap the app will block",),
        ),
        (terms(rails={"monthly_spend_cap_usd": None}), ()),
        (
            terms(rails={"usage_thresholds": [{"percent": 90, "action": "block"}]}),
            ("use is refused from 90 % of the allowance on",),
        ),
        (
            terms(rails={"usage_thresholds": [{"percent": 80, "action": "throttle"}]}),
            ("use is throttled from 80 % of the allowance on",),
        ),
        (terms(rails={"usage_thresholds": []}), ()),
    ],
)
def test_each_thing_that_takes_more_is_a_clause_and_nothing_else_is(new: ConfigPlan, clauses: tuple[str, ...]) -> None:
    assert stricter(new, TODAY, (), ()) == clauses


def test_a_unit_that_was_in_no_pool_counts_from_now_on() -> None:
    other = config_plan(
        {
            "config_version_id": "cfg",
            "value_units": [UNIT, UNIT | {"value_unit_id": "vu_4k", "name": "4K minute"}],
            "pools": [POOL, POOL | {"pool_id": "pool_pro", "value_unit_id": "vu_4k"}],
            "exploration": {"enabled": False},
            "rails": RAILS,
        }
    )
    assert stricter(other, TODAY, (), ()) == (
        "use of “4K minute” counts, which was in no pool",
        "exploration pools give nothing any more",
    )


def test_an_absolute_cap_that_is_new_or_lower_is_said_with_its_unit() -> None:
    def cap(most: int) -> tuple[AbsoluteCap, ...]:
        return (AbsoluteCap("vu_hd", Decimal(most), "block"),)

    assert stricter(TODAY, TODAY, cap(50), ()) == ("“HD minute” is capped at 50",)
    assert stricter(TODAY, TODAY, cap(50), cap(60)) == ("“HD minute” is capped at 50",)
    assert stricter(TODAY, TODAY, cap(50), cap(50)) == stricter(TODAY, TODAY, (), cap(50)) == ()

"""From JSON shapes to a plan: complete or refused with the field's name."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from simulation.documents import config_plan, meter
from simulation.plan import Plan
from simulation.window import Window
from tests.simulation.worlds import AS_OF

CONFIG: dict[str, Any] = {
    "config_version_id": "cfg_1",
    "value_units": [
        {
            "value_unit_id": "vu_a",
            "name": "Minute",
            "event_mapping": {"event_type": "render", "filters": {}, "aggregation": {"type": "count"}},
            "unit_economics": {"avg_cost_per_unit_usd": Decimal("0.1"), "target_price_per_unit_usd": 1},
        },
        {"value_unit_id": "vu_not_pooled"},
    ],
    "pools": [
        {"pool_id": "p1", "value_unit_id": "vu_a", "included_quantity": 5, "overage_behavior": "throttle"},
        {
            "pool_id": "p2",
            "value_unit_id": "vu_a",
            "included_quantity": 5,
            "overage_behavior": "hard_stop",
            "is_exploration_pool": True,
        },
    ],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    config = deepcopy(CONFIG)
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("/"))
    target: Any = config
    for key in parents:
        target = target[key]
    target[last] = value
    return config


def test_a_draft_without_rails_and_exploration_is_enough_and_an_unpooled_unit_may_be_anything() -> None:
    plan = config_plan(CONFIG)
    assert [unit.value_unit_id for unit in plan.units] == ["vu_a"]
    assert plan.unpooled == ()
    assert plan.rails.monthly_spend_cap_usd is None
    assert not plan.exploration.enabled
    assert plan.pools[0].label == "p1"


def test_exploration_pools_are_drawn_first_and_the_last_other_pool_takes_the_overage() -> None:
    plan = config_plan(CONFIG)
    assert [pool.pool_id for pool in plan.pools_of(plan.units[0])] == ["p2", "p1"]
    assert plan.last_pool(plan.units[0]).pool_id == "p1"
    assert plan.included_quantity(plan.units[0]) == 5


def test_thresholds_are_sorted_and_incomplete_ones_left_out() -> None:
    rails = {
        "usage_thresholds": [
            {"percent": 90, "action": "block"},
            {"percent": Decimal("70.5"), "action": "warn"},
            {"percent": 100, "action": None},
        ]
    }
    found = config_plan({**CONFIG, "rails": rails}).rails.usage_thresholds
    assert [(item.percent, item.action) for item in found] == [(Decimal("70.5"), "warn"), (90, "block")]


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("pools/0/included_quantity", -1, "p1.included_quantity"),
        ("pools/0/included_quantity", 0.5, "p1.included_quantity"),
        ("pools/0/overage_behavior", "explode", "p1.overage_behavior"),
        ("pools/0/rollover", {"enabled": True, "max_rollover_quantity": -1}, "p1.max_rollover_quantity"),
        ("pools/0/rollover", {"enabled": True, "expires_after_days": Decimal("1.5")}, "expires_after_days"),
        ("pools/1/pool_id", "p1", "unique"),
        ("pools/1/value_unit_id", "vu_nowhere", "exactly those that its pools name"),
        ("value_units/0/unit_economics/avg_cost_per_unit_usd", Decimal("1e-13"), "vu_a.avg_cost_per_unit_usd"),
        ("value_units/0/event_mapping/aggregation", {"type": "median", "field": "x"}, "aggregation.type"),
        ("value_units/0/event_mapping/aggregation", {"type": "sum"}, "aggregation.field"),
        ("value_units/0/event_mapping/filters", {"resolution": None}, "filters.resolution"),
        ("value_units/0/event_mapping/filters", {"resolution": [0.5]}, "filters.resolution"),
        ("rails", {"usage_thresholds": [{"percent": Decimal("70.123"), "action": "warn"}]}, "usage_thresholds.percent"),
        ("exploration", {"expires_after_days": True}, "exploration.expires_after_days"),
    ],
)
def test_what_the_gate_should_have_held_back_is_refused_by_name(path: str, value: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        config_plan(changed(path, value))


def test_filters_are_sorted_and_booleans_become_the_words_that_events_have() -> None:
    found = meter(
        {
            "event_type": "call",
            "filters": {"z": True, "a": ["x", 4]},
            "aggregation": {"type": "count", "field": "ignored"},
        }
    )
    assert found.filters == (("a", ("x", Decimal(4))), ("z", ("true", "True", "TRUE")))
    assert found.field == ""


def test_a_sum_may_take_a_field_off_and_nothing_else_may() -> None:
    taken_off = {"event_type": "call", "aggregation": {"type": "sum", "field": "input", "minus": "cached"}}
    assert (meter(taken_off).field, meter(taken_off).minus) == ("input", "cached")
    with pytest.raises(ValueError, match=r"aggregation\.minus is cached: only a sum"):
        meter({"event_type": "call", "aggregation": {"type": "distinct_count", "field": "input", "minus": "cached"}})


def test_units_that_no_pool_counts_are_kept_with_their_meter_where_they_have_one() -> None:
    mapping = {"event_type": "render", "filters": {"resolution": "4K"}, "aggregation": {"type": "count"}}
    odd = [{"value_unit_id": f"vu_odd_{at}", "event_mapping": odd} for at, odd in enumerate([None, {}, {"filters": 3}])]
    units = [*CONFIG["value_units"], {"value_unit_id": "vu_4k", "event_mapping": mapping}, *odd]
    unpooled = config_plan({**CONFIG, "value_units": units}).unpooled
    assert [(unit.value_unit_id, unit.meter) for unit in unpooled] == [("vu_4k", meter(mapping))]


def test_an_unknown_pricing_mode_names_the_allowed_ones() -> None:
    with pytest.raises(ValueError, match="use_unit_economics, revenue_proxy_total, revenue_proxy_commit"):
        Plan(config_plan(CONFIG), None, Window(AS_OF, 30), "ws_1", None, pricing_mode="free")


def test_two_units_with_one_mapping_are_metered_once() -> None:
    twin = {**CONFIG["value_units"][0], "value_unit_id": "vu_b"}
    config = {
        **CONFIG,
        "value_units": [CONFIG["value_units"][0], twin],
        "pools": [*CONFIG["pools"], {**CONFIG["pools"][0], "pool_id": "p3", "value_unit_id": "vu_b"}],
    }
    assert len(Plan(config_plan(config), None, Window(AS_OF, 30), "ws_1", None).meters) == 1

"""For each rule of the simulation gate: one change to Lumina's complete draft that fires it."""

from dataclasses import replace
from decimal import Decimal

from rules.draft import (
    Aggregation,
    EventMapping,
    UnitEconomics,
)
from rules.labels import label_text
from tests.rules.firing import (
    CONFIG,
    UNIT_CAP,
    Fires,
    cycle_fires,
    hd_fires,
    hd_price,
    plan_fires,
    rails_fire,
    with_plan,
    with_threshold,
)
from tests.rules.lumina import (
    CANDIDATE,
    with_cycle,
    with_economics,
    with_mapping,
    with_pool,
    with_rails,
    with_unit,
)

SIMULATION = (
    cycle_fires("cycle_goal_type_missing", "goal_type", with_cycle(goal_type=None), "pmf learning"),
    cycle_fires("cycle_goal_type_missing", "goal_type", with_cycle(goal_type=" ")),
    cycle_fires("cycle_primary_metrics_missing", "primary_metrics", with_cycle(primary_metrics=()), "Gross margin"),
    Fires(
        "value_unit_snapshot_missing",
        replace(CANDIDATE, units=None),
        "value_unit_snapshot_version",
        "/cycles/cycle_2026_01_prod_90d/value-units/submit#submit",
        ("snapshot 1", "Submit"),
    ),
    Fires("config_pools_missing", replace(CANDIDATE, pools=()), "pools", f"{CONFIG}/pools#pools", ("no pool",)),
    Fires(
        "pool_value_unit_unknown",
        with_pool("vu_x"),
        "pools.pool_new.value_unit_id",
        f"{CONFIG}/pools?pool=pool_new#value_unit_id",
        ("Pool “New” counts a value unit that is not in snapshot 1.", "Pick one of “Usable HD minute”, “Usable 4K"),
    ),
    Fires(
        "pool_value_unit_unknown",
        with_pool(None),
        "pools.pool_new.value_unit_id",
        f"{CONFIG}/pools?pool=pool_new#value_unit_id",
        ("counts no value unit",),
    ),
    hd_fires(
        "unit_event_mapping_missing",
        with_unit(event_mapping=EventMapping()),
        "event_mapping",
        "event counts nor how",
    ),
    hd_fires("unit_event_mapping_missing", with_mapping(aggregation=Aggregation()), "event_mapping", "events add up"),
    hd_fires("unit_event_mapping_invalid", with_mapping(event_type="x"), "event_mapping.event_type", "labs_feature"),
    hd_fires(
        "unit_event_mapping_invalid", with_mapping(filters={"size": 1}), "event_mapping.filters.size", "resolution"
    ),
    hd_fires(
        "unit_event_mapping_invalid",
        with_mapping(aggregation=Aggregation(type="sum", field="minutes")),
        "event_mapping.aggregation.field",
        "minutes",
        "output_minutes",
    ),
    *(
        hd_fires(
            "unit_event_mapping_invalid",
            with_mapping(aggregation=Aggregation(type=kind)),
            "event_mapping.aggregation.field",
            f"{kind.replace('_', ' ')} without a field",
        )
        for kind in ("sum", "distinct_count")
    ),
    hd_fires(
        "unit_event_mapping_invalid",
        with_mapping(aggregation=Aggregation(type="average", field="output_minutes")),
        "event_mapping.aggregation.type",
        "count, sum or distinct count",
    ),
    hd_fires(
        "unit_event_mapping_invalid",
        with_mapping(aggregation=Aggregation(type="sum", field="output_minutes", minus="idle_minutes")),
        "event_mapping.aggregation.minus",
        "takes idle_minutes off",
        "output_minutes",
    ),
    hd_fires(
        "unit_event_mapping_invalid",
        with_mapping(aggregation=Aggregation(type="sum", field="output_minutes", minus="output_minutes")),
        "event_mapping.aggregation.minus",
        "takes output_minutes off itself",
    ),
    hd_fires(
        "unit_event_mapping_invalid",
        with_mapping(aggregation=Aggregation(type="distinct_count", field="resolution", minus="output_minutes")),
        "event_mapping.aggregation.type",
        "Only a sum can",
    ),
    *(
        hd_fires(
            "unit_economics_missing", with_economics(**{field: None}), f"unit_economics.{field}", label_text(field)
        )
        for field, in_words in ((name, label_text(name)) for name in UnitEconomics.__dataclass_fields__)
    ),
    *(
        rails_fire(
            "usage_cap_not_enforceable",
            with_rails(absolute_usage_caps=(cap,)),
            "absolute_usage_caps",
            "app",
            "Correct",
            says,
        )
        for cap, says in (
            ({"per": "day", "renders": 50}, "per is no member"),
            (UNIT_CAP | {"max_quantity": Decimal(-1)}, "max_quantity must be a number from 0"),
            (UNIT_CAP | {"max_quantity": "5"}, "max_quantity must be a number from 0"),
            (UNIT_CAP | {"max_quantity": Decimal("1e400")}, "below 10^14"),
            (UNIT_CAP | {"action": "explode"}, "action must be one of"),
            (UNIT_CAP | {"value_unit_id": None}, "value_unit_id must be"),
            (7, "it must be an object"),
        )
    ),
    rails_fire(
        "usage_cap_not_enforceable",
        with_rails(absolute_usage_caps=(UNIT_CAP | {"value_unit_id": "vu_nobody"},)),
        "absolute_usage_caps",
        "caps vu_nobody",
        "no pool",
    ),
    plan_fires(
        "price_plan_invalid",
        with_plan(platform_fee_usd=-1, minimum_commit_usd=-1),
        "platform_fee_usd",
        "cannot be billed, in platform_fee_usd: Give a number from 0",
        "More of it is wrong.",
    ),
    plan_fires(
        "price_plan_invalid",
        with_plan(overrides=[{"customer_id": "cust_1", "unit_prices": [hd_price(1, 1, package_size=5)]}]),
        "overrides.cust_1.unit_prices.vu_usable_hd_minute.package_size",
        "Only packages have a size.",
    ),
    plan_fires("price_plan_invalid", with_plan(fee=5), "fee", "There is no such member; these are platform_fee_usd"),
    plan_fires(
        "price_plan_unit_unknown",
        with_plan(unit_prices=[hd_price(1), hd_price(1, value_unit_id="vu_draft_export")]),
        "unit_prices.vu_draft_export.value_unit_id",
        "prices “Draft export”, which no pool counts",
    ),
    plan_fires(
        "price_plan_customer_unknown",
        with_plan(overrides=[{"customer_id": name, "platform_fee_usd": 0} for name in ("cust_1", "cust_2", "cust_3")]),
        "overrides.cust_2.customer_id",
        "has a contract with “cust_2” and “cust_3”, not in the customer catalog",
    ),
    plan_fires(
        "price_plan_pool_unknown",
        with_plan(overrides=[{"customer_id": "cust_1", "included_quantity": {"pool_core": 5, "pool_x": 5}}]),
        "overrides.cust_1.included_quantity.pool_x",
        "includes more of pool “pool_x” in a contract, which it does not have",
    ),
    rails_fire("number_out_of_range", with_threshold("33.333"), "usage_thresholds", "33.333 percent", "2 decimal"),
    rails_fire("number_out_of_range", with_threshold("1000.01"), "usage_thresholds", "up to 1,000"),
    rails_fire("number_out_of_range", with_threshold("0"), "usage_thresholds", "above 0"),
    rails_fire("number_out_of_range", with_rails(monthly_spend_cap_usd=10**14), "monthly_spend_cap_usd", "10^14"),
    hd_fires(
        "number_out_of_range",
        with_economics(
            avg_cost_per_unit_usd=Decimal(10**13),
            target_price_per_unit_usd=Decimal(10**14),
            target_margin=Decimal("0.9"),
        ),
        "unit_economics.target_price_per_unit_usd",
        "10^14",
    ),
    Fires(
        "number_out_of_range",
        replace(CANDIDATE, pools=(replace(CANDIDATE.pools[0], included_quantity=10**20), *CANDIDATE.pools[1:])),
        "pools.pool_core.included_quantity",
        f"{CONFIG}/pools?pool=pool_core#included_quantity",
        ("has 100000000000000000000 in included",),
    ),
    Fires(
        "number_out_of_range",
        replace(CANDIDATE, pools=(replace(CANDIDATE.pools[0], max_rollover_quantity=10**14), *CANDIDATE.pools[1:])),
        "pools.pool_core.rollover",
        f"{CONFIG}/pools?pool=pool_core#rollover",
        ("in rollover at most",),
    ),
)

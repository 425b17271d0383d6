"""The table of what the gates refuse: one case per code and variant, made and mended with `tests.browser.gates`."""

from decimal import Decimal
from typing import Any

from tests import factories as f
from tests.browser.gates import (
    Case,
    Mend,
    Spoil,
    a_cap_of_another_shape,
    a_unit_that_was_not_submitted,
    add_a_pool,
    chosen,
    columns,
    cycle,
    economics,
    emptied,
    exploration,
    intend_a_metric,
    leave,
    look_again,
    make_it_production,
    map_the_unit,
    mapping,
    nothing,
    price_plan,
    rails,
    retype_the_filter,
    simulate,
    simulate_again,
    simulated,
    somebody_activates_the_rival,
    somebody_simulates_again,
    take_the_caps_out,
    the_page_refers_to_a_queued_run,
    then_submitted,
    ticked,
    too_much_included,
    typed,
    unit,
    with_an_active_version_and_a_rival,
    without_pools,
)

NORTH_STAR, UNITS, SUBMIT = "/cycles/new/north-star", "/value-units", "/value-units/submit"
POOLS, PRICE_PLAN, EXPLORATION, RAILS = "/pools", "/price-plan", "/exploration", "/rails"
SIMULATE, REVIEW, APPROVE = "/simulate", "/review", "/approve"
WINDOW = "historical_window_days"
THRESHOLDS = f.RAILS["usage_thresholds"]
NO_EXPLORATION: dict[str, Any] = {"enabled": True, "graduation_signal": None}


def _of_the_cycle(code: str, spoil: Spoil, focus: str, mend: Mend, variant: str = "") -> Case:
    return Case(code, spoil, NORTH_STAR, focus, mend, variant)


def _of_the_unit(code: str, spoil: Spoil, focus: str, mend: Mend, variant: str = "", stage: str = "learning") -> Case:
    return Case(code, spoil, UNITS, focus, then_submitted(mend), variant, stage)


def _of_exploration(field: str, gap: Any, mend: Mend, stage: str = "learning") -> Case:
    return Case("exploration_incomplete", exploration(**{field: gap}), EXPLORATION, field, mend, field, stage)


CASES: tuple[Case, ...] = (
    _of_the_cycle("cycle_goal_type_missing", cycle(goal_type=None), "goal_type", chosen("revenue")),
    _of_the_cycle("cycle_primary_metrics_missing", cycle(primary_metrics=[]), "primary_metrics", ticked),
    Case(
        "value_unit_snapshot_missing",
        columns(value_unit_snapshot_version=None),
        SUBMIT,
        "use_in",
        lambda page, _: leave(page),
    ),
    Case("config_pools_missing", without_pools, POOLS, "do", add_a_pool),
    Case(
        "pool_value_unit_unknown",
        a_unit_that_was_not_submitted,
        POOLS,
        "value_unit_id",
        lambda page, records: chosen(records.unit)(page, records),
    ),
    _of_the_unit("unit_event_mapping_missing", unit(event_mapping=None), "event_mapping.event_type", map_the_unit),
    _of_the_unit(
        "unit_event_mapping_missing",
        mapping(aggregation={}),
        "event_mapping.aggregation.type",
        chosen("count"),
        "aggregation",
    ),
    _of_the_unit(
        "unit_event_mapping_invalid",
        mapping(event_type="nobody_sends_this"),
        "event_mapping.event_type",
        chosen("video_render_completed"),
    ),
    _of_the_unit(
        "unit_event_mapping_invalid",
        mapping(filters={"colour": "blue"}),
        "filter_dimension",
        retype_the_filter,
        "filter",
    ),
    _of_the_unit(
        "unit_event_mapping_invalid",
        mapping(aggregation={"type": "sum"}),
        "event_mapping.aggregation.field",
        chosen("output_minutes"),
        "field",
    ),
    _of_the_unit(
        "unit_economics_missing",
        economics(target_price_per_unit_usd=None, target_margin=None),
        "unit_economics.target_price_per_unit_usd",
        typed("0.6"),
    ),
    _of_the_cycle("cycle_type_not_production", cycle(cycle_type="sandbox"), "length", make_it_production),
    _of_the_cycle(
        "cycle_period_not_90_days",
        cycle(cycle_type="sandbox", period_length_days=120),
        "length",
        make_it_production,
    ),
    _of_the_unit(
        "unit_outcome_statement_missing", unit(outcome_statement=None), "outcome_statement", typed("A kept minute.")
    ),
    _of_the_unit("unit_metrics_intent_missing", unit(metrics_intent=[]), "intent_metric", intend_a_metric),
    _of_the_unit("unit_quality_signal_missing", unit(quality_signal_source=[]), "quality_signal_source", ticked),
    _of_the_unit(
        "unit_economics_confidence_too_low",
        economics(economics_confidence="rough"),
        "unit_economics.economics_confidence",
        chosen("medium"),
        stage="scaling",
    ),
    _of_exploration("exploration_pool_id", None, chosen("pool_exploration")),
    _of_exploration("qualifying_events", [], ticked),
    _of_exploration("expires_after_days", None, typed("30")),
    _of_exploration("graduation_signal", None, typed("csat"), stage="scaling"),
    Case(
        "rails_monthly_spend_cap_missing",
        rails(monthly_spend_cap_usd=None),
        RAILS,
        "monthly_spend_cap_usd",
        typed("1,000"),
    ),
    Case("rails_margin_floor_missing", rails(margin_floor=None), RAILS, "margin_floor", typed("40 %")),
    Case("rails_at_cap_action_missing", rails(at_cap_action=None), RAILS, "at_cap_action", chosen("warn")),
    Case(
        "rails_thresholds_incomplete",
        rails(usage_thresholds=[THRESHOLDS[0], THRESHOLDS[2]]),
        RAILS,
        "threshold_action",
        chosen("throttle"),
    ),
    Case("number_out_of_range", too_much_included, POOLS, "included_quantity", typed("10")),
    Case("usage_cap_not_enforceable", a_cap_of_another_shape, RAILS, "do", take_the_caps_out),
    Case("price_plan_invalid", price_plan(platform_fee_usd=-1), PRICE_PLAN, "platform_fee_usd", typed("49")),
    Case(
        "price_plan_unit_unknown",
        price_plan(unit_prices=[{"value_unit_id": "vu_gone", "model": "per_unit", "tiers": [{"unit_price_usd": 1}]}]),
        PRICE_PLAN,
        "unit_prices.vu_gone.value_unit_id",
        lambda page, records: chosen(records.unit)(page, records),
    ),
    Case(
        "price_plan_customer_unknown",
        price_plan(overrides=[{"customer_id": "cust_nobody", "platform_fee_usd": 0}]),
        PRICE_PLAN,
        "overrides.cust_nobody.customer_id",
        typed("cust_2001"),
    ),
    Case(
        "price_plan_pool_unknown",
        price_plan(overrides=[{"customer_id": "cust_2001", "included_quantity": {"pool_gone": 5}}]),
        PRICE_PLAN,
        "overrides.cust_2001.included_quantity.pool_gone",
        emptied,
    ),
    Case("price_book_ref_missing", columns(price_book_ref=None), POOLS, "price_book_ref", typed("usd_2026_01")),
    Case("simulation_missing", nothing, SIMULATE, WINDOW, simulate),
    Case(
        "simulation_not_completed",
        simulated(),
        SIMULATE,
        WINDOW,
        simulate,
        meanwhile=the_page_refers_to_a_queued_run,
        says="is queued",
    ),
    Case(
        "simulation_not_latest",
        simulated(),
        SIMULATE,
        WINDOW,
        simulate,
        meanwhile=somebody_simulates_again,
        says="is not the newest completed one",
    ),
    Case("simulation_stale", simulated(rails(monthly_spend_cap_usd=Decimal(700))), SIMULATE, WINDOW, simulate),
    Case(
        "simulation_outputs_incomplete",
        simulated(columns(metric_lenses=["exploration_depth", "margin_floor_violations"])),
        SIMULATE,
        WINDOW,
        simulate,
    ),
    Case(
        "simulation_blocking_issues",
        simulated(rails(margin_floor=Decimal("0.4")), before=rails(margin_floor=None)),
        REVIEW,
        "blocking",
        simulate_again,
    ),
    Case(
        "baseline_not_active",
        with_an_active_version_and_a_rival,
        APPROVE,
        "baseline_config_version_id",
        look_again,
        meanwhile=somebody_activates_the_rival,
        says="is not the active version of its subject",
    ),
    Case(
        "threshold_scope_unmatched",
        columns(delivery={"threshold_scopes": [{"percent": 55, "scope": "unit"}]}),
        RAILS,
        "threshold_action",
        lambda page, _: leave(page),
    ),
    Case(
        "config_unreadable",
        exploration(expires_after_days=200_000),
        EXPLORATION,
        "expires_after_days",
        typed("30"),
    ),
)

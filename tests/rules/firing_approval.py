"""For each rule of the approve gate, production's too: one change to Lumina's complete draft that fires it."""

from dataclasses import replace
from decimal import Decimal

from rules.draft import (
    Delivery,
    Unreadable,
    UsageThreshold,
)
from tests.rules.firing import (
    CONFIG,
    UNIT,
    UNREADABLE,
    Fires,
    cycle_fires,
    exploration_fires,
    hd_fires,
    rails_fire,
    run_fires,
)
from tests.rules.lumina import (
    CANDIDATE,
    exploring,
    with_config,
    with_cycle,
    with_rails,
    with_run,
    with_unit,
)

APPROVAL = (
    cycle_fires("cycle_type_not_production", "cycle_type", with_cycle(cycle_type="sandbox"), "sandbox"),
    cycle_fires("cycle_type_not_production", "cycle_type", with_cycle(cycle_type=None)),
    cycle_fires("cycle_period_not_90_days", "period_length_days", with_cycle(period_length_days=120), "120"),
    cycle_fires("cycle_period_not_90_days", "period_length_days", with_cycle(period_length_days=None)),
    hd_fires("unit_outcome_statement_missing", with_unit(outcome_statement="\n"), "outcome_statement"),
    hd_fires("unit_metrics_intent_missing", with_unit(metrics_intent=()), "metrics_intent", "Gross margin"),
    hd_fires(
        "unit_quality_signal_missing",
        with_unit(quality_signal_source=()),
        "quality_signal_source",
        "Customer satisfaction",
    ),
    Fires(
        "unit_economics_confidence_too_low",
        with_config(stage="scaling"),
        "value_units.vu_usable_4k_minute.unit_economics.economics_confidence",
        UNIT.replace("hd", "4k") + "#unit_economics.economics_confidence",
        ("“Usable 4K minute”", "rough", "medium or high"),
    ),
    exploration_fires(exploring(exploration_pool_id=None), "exploration_pool_id", "Pick “New”."),
    exploration_fires(exploring(exploration_pool_id="pool_gone"), "exploration_pool_id", "does not have"),
    exploration_fires(exploring(exploration_pool_id="pool_core"), "exploration_pool_id", "“Core”, which is not"),
    exploration_fires(exploring(qualifying_events=()), "qualifying_events", "labs_feature_used"),
    exploration_fires(exploring(expires_after_days=None), "expires_after_days"),
    exploration_fires(exploring(stage="scaling"), "graduation_signal", "scaling"),
    rails_fire(
        "rails_monthly_spend_cap_missing", with_rails(monthly_spend_cap_usd=None), "monthly_spend_cap_usd", "spend cap"
    ),
    rails_fire("rails_margin_floor_missing", with_rails(margin_floor=None), "margin_floor"),
    rails_fire("rails_at_cap_action_missing", with_rails(at_cap_action=None), "at_cap_action", "require approval"),
    rails_fire("rails_thresholds_incomplete", with_rails(usage_thresholds=()), "usage_thresholds", "70, 90 and 100 %"),
    rails_fire(
        "rails_thresholds_incomplete",
        with_rails(usage_thresholds=(*CANDIDATE.rails.usage_thresholds[:2], UsageThreshold(percent=100))),
        "usage_thresholds",
        "at 100 %",
    ),
    Fires(
        "price_book_ref_missing",
        with_config(price_book_ref=""),
        "price_book_ref",
        f"{CONFIG}/pools#price_book_ref",
        ("price book",),
    ),
    run_fires("simulation_missing", replace(CANDIDATE, simulation=None), "simulation_run_id", "Simulate"),
    *(
        run_fires("simulation_not_completed", with_run(status=status), "status", word)
        for status, word in (("queued", "Wait"), ("running", "Wait"), ("failed", "again"), (None, "again"))
    ),
    run_fires("simulation_not_latest", with_run(is_latest_completed=False), "simulation_run_id", "not the newest"),
    run_fires("simulation_stale", with_run(candidate_content_hash="00" * 32), "candidate_content_hash", "stale"),
    run_fires("simulation_stale", with_run(candidate_content_hash=None), "candidate_content_hash"),
    run_fires("simulation_outputs_incomplete", with_run(lens_metric_ids=()), "outputs", "Exploration depth"),
    run_fires(
        "simulation_outputs_incomplete",
        with_run(primary_metric_ids=("gross_margin",)),
        "outputs",
        "Paid engagement retention",
    ),
    Fires(
        "simulation_blocking_issues",
        with_run(blocking_issues=("price_book_ref_missing",)),
        "simulation_run.outputs.blocking_issues",
        f"{CONFIG}/review#blocking",
        ("for want of the price book",),
    ),
    Fires(
        "baseline_not_active",
        replace(CANDIDATE, requested_baseline_config_version_id="cfg_old"),
        "baseline_config_version_id",
        f"{CONFIG}/approve#baseline_config_version_id",
        ("not the active version", "another one is"),
    ),
    rails_fire(
        "threshold_scope_unmatched",
        replace(CANDIDATE, delivery=Delivery(threshold_scopes=((70, "pool"), (Decimal("33.5"), "pool")))),
        "usage_thresholds",
        "at 33.5 %",
        "Add it",
    ),
    *(
        Fires(
            "config_unreadable", replace(CANDIDATE, unreadable=(Unreadable(path, "-1 is below 0"),)), field, link, says
        )
        for path, field, link, says in UNREADABLE
    ),
)

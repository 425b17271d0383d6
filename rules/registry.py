"""The rules in the one order in which findings are returned: spec 3's tables, row by row."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from rules import (
    counting,
    cycle,
    economics,
    event_mapping,
    exploration,
    pools,
    price_plan_findings,
    pricing,
    rails,
    ranges,
    readable,
    running_period,
    simulation_run,
    terms_start,
    usage_caps,
    value_units,
)
from rules.draft import Draft
from rules.finding import Finding


class Rule(NamedTuple):
    """A stable code and the function that yields the findings of that code, none when all is well."""

    code: str
    check: Callable[[Draft], Iterator[Finding]]


SIMULATION_GATE: tuple[Rule, ...] = (
    Rule("cycle_goal_type_missing", cycle.cycle_names_a_goal),
    Rule("cycle_primary_metrics_missing", cycle.cycle_names_a_primary_metric),
    Rule("value_unit_snapshot_missing", cycle.cycle_has_the_snapshot),
    Rule("config_pools_missing", pools.config_has_a_pool),
    Rule("pool_value_unit_unknown", pools.pools_name_units_of_the_snapshot),
    Rule("unit_event_mapping_missing", event_mapping.pooled_units_are_mapped),
    Rule("unit_event_mapping_invalid", event_mapping.mappings_fit_the_event_catalog),
    Rule("unit_economics_missing", economics.pooled_units_have_economics),
    Rule("number_out_of_range", ranges.numbers_are_in_range),
    Rule("usage_cap_not_enforceable", usage_caps.caps_can_be_enforced),
    Rule("price_plan_invalid", price_plan_findings.price_plan_can_be_billed),
    Rule("price_plan_unit_unknown", price_plan_findings.price_plan_prices_pooled_units),
    Rule("price_plan_customer_unknown", price_plan_findings.price_plan_contracts_are_with_customers),
    Rule("price_plan_pool_unknown", price_plan_findings.price_plan_allowances_are_of_pools),
)

PRODUCTION_GATE: tuple[Rule, ...] = (
    Rule("cycle_type_not_production", cycle.production_cycle_is_a_production_one),
    Rule("cycle_period_not_90_days", cycle.production_cycle_lasts_90_days),
    Rule("unit_outcome_statement_missing", value_units.production_units_state_an_outcome),
    Rule("unit_metrics_intent_missing", value_units.production_units_intend_a_metric),
    Rule("unit_quality_signal_missing", value_units.production_units_have_a_quality_signal),
    Rule("unit_economics_confidence_too_low", economics.production_economics_are_sure_enough),
    Rule("exploration_incomplete", exploration.production_exploration_is_complete),
    Rule("rails_monthly_spend_cap_missing", rails.production_rails_name_a_spend_cap),
    Rule("rails_margin_floor_missing", rails.production_rails_name_a_margin_floor),
    Rule("rails_at_cap_action_missing", rails.production_rails_say_what_happens_at_the_cap),
    Rule("rails_thresholds_incomplete", rails.production_rails_act_at_70_90_and_100_percent),
    Rule("price_book_ref_missing", pricing.production_config_names_a_price_book),
)
"""Only for target_environment production; approval of a sandbox config does not wait for these."""

APPROVE_GATE: tuple[Rule, ...] = (
    Rule("simulation_missing", simulation_run.there_is_a_run),
    Rule("simulation_not_completed", simulation_run.the_run_has_completed),
    Rule("simulation_not_latest", simulation_run.the_run_is_the_latest),
    Rule("simulation_stale", simulation_run.the_run_saw_this_content),
    Rule("simulation_outputs_incomplete", simulation_run.the_run_reports_every_declared_metric),
    Rule("simulation_blocking_issues", simulation_run.the_run_has_no_blocking_issues),
    Rule("baseline_not_active", simulation_run.the_baseline_is_the_active_version),
    Rule("threshold_scope_unmatched", counting.every_scope_is_of_a_threshold),
    Rule(readable.CODE, readable.a_client_reads_the_document),
)

ADVISORY: tuple[Rule, ...] = (
    Rule("pool_price_zero", pricing.pools_are_not_free),
    Rule("exploration_expiry_out_of_range", exploration.exploration_ends_within_sensible_days),
    Rule("metrics_intent_partial", value_units.metrics_intent_covers_the_primary_metrics),
    Rule("unit_price_below_cost", economics.units_sell_above_their_cost),
    Rule("price_plan_below_cost", price_plan_findings.plan_prices_are_above_cost),
    Rule("spend_cap_below_plan", price_plan_findings.spend_cap_leaves_room_for_the_plan),
    Rule("target_margin_inconsistent", economics.target_margin_follows_from_cost_and_price),
    Rule("quality_adjusted_outcome_is_advisory", value_units.quality_adjustment_is_advisory),
    Rule("simulation_baseline_not_active", simulation_run.the_run_compared_with_the_active_version),
    Rule("simulation_counts_otherwise", counting.the_simulation_counts_as_apps_do),
    Rule("simulation_dataset_changed", simulation_run.the_run_read_the_events_of_today),
    Rule("running_period_rerated", running_period.terms_spare_the_running_period),
    Rule("change_policy_not_followed", terms_start.the_change_policy_is_followed),
    Rule("margin_below_floor_in_simulation", simulation_run.the_simulated_margin_keeps_the_floor),
    Rule("spend_cap_exceeded_in_simulation", simulation_run.simulated_spend_keeps_the_cap),
    Rule("another_version_waits", simulation_run.no_other_version_waits),
)

RULES: tuple[Rule, ...] = SIMULATION_GATE + PRODUCTION_GATE + APPROVE_GATE + ADVISORY
CODES: tuple[str, ...] = tuple(rule.code for rule in RULES)
EVERYWHERE: tuple[Rule, ...] = SIMULATION_GATE + APPROVE_GATE + ADVISORY
"""The rules of a config that is not for production, in the same order."""

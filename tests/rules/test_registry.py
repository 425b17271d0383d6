"""The registry holds spec section 3's codes, all of them, in that order."""

from dataclasses import replace

from rules.draft import Config, Draft
from rules.finding import Gate
from rules.gate import evaluate
from rules.registry import ADVISORY, APPROVE_GATE, CODES, PRODUCTION_GATE, RULES, SIMULATION_GATE
from tests.rules.lumina import CANDIDATE
from tests.rules.test_scenarios import FIRING

SPEC_ORDER = """
cycle_goal_type_missing
cycle_primary_metrics_missing
value_unit_snapshot_missing
config_pools_missing
pool_value_unit_unknown
unit_event_mapping_missing
unit_event_mapping_invalid
unit_economics_missing
number_out_of_range
usage_cap_not_enforceable
price_plan_invalid
price_plan_unit_unknown
price_plan_customer_unknown
price_plan_pool_unknown

cycle_type_not_production
cycle_period_not_90_days
unit_outcome_statement_missing
unit_metrics_intent_missing
unit_quality_signal_missing
unit_economics_confidence_too_low
exploration_incomplete
rails_monthly_spend_cap_missing
rails_margin_floor_missing
rails_at_cap_action_missing
rails_thresholds_incomplete
price_book_ref_missing

simulation_missing
simulation_not_completed
simulation_not_latest
simulation_stale
simulation_outputs_incomplete
simulation_blocking_issues
baseline_not_active
threshold_scope_unmatched
config_unreadable

pool_price_zero
exploration_expiry_out_of_range
metrics_intent_partial
unit_price_below_cost
price_plan_below_cost
spend_cap_below_plan
target_margin_inconsistent
quality_adjusted_outcome_is_advisory
simulation_baseline_not_active
simulation_counts_otherwise
simulation_dataset_changed
running_period_rerated
change_policy_not_followed
margin_below_floor_in_simulation
spend_cap_exceeded_in_simulation
another_version_waits
"""

GATE_OF = {
    **{rule.code: Gate.SIMULATE for rule in SIMULATION_GATE},
    **{rule.code: Gate.APPROVE for rule in PRODUCTION_GATE + APPROVE_GATE},
    **{rule.code: Gate.ADVISORY for rule in ADVISORY},
}


def test_the_registry_is_the_specification_s_list_in_its_order() -> None:
    assert list(CODES) == SPEC_ORDER.split()


def test_every_rule_yields_only_its_own_code_at_its_own_gate() -> None:
    for case in FIRING:
        for rule in RULES:
            for finding in rule.check(case.draft):
                assert (finding.code, finding.gate) == (rule.code, GATE_OF[rule.code])


def test_findings_of_a_draft_with_many_gaps_come_in_the_registry_s_order() -> None:
    empty = Draft(config=Config(target_environment="production"))
    half = replace(empty, units=CANDIDATE.units, pools=CANDIDATE.pools, simulation=CANDIDATE.simulation)
    for draft in (empty, half, *(case.draft for case in FIRING)):
        places = [CODES.index(finding.code) for finding in evaluate(draft)]
        assert places == sorted(places)


def test_an_empty_production_draft_has_every_finding_that_needs_no_record() -> None:
    assert [finding.code for finding in evaluate(Draft(config=Config(target_environment="production")))] == [
        "cycle_goal_type_missing",
        "cycle_primary_metrics_missing",
        "value_unit_snapshot_missing",
        "config_pools_missing",
        "cycle_type_not_production",
        "cycle_period_not_90_days",
        "rails_monthly_spend_cap_missing",
        "rails_margin_floor_missing",
        "rails_at_cap_action_missing",
        "rails_thresholds_incomplete",
        "price_book_ref_missing",
        "simulation_missing",
    ]

"""Canonical field names and finding codes as people read them. Pure.

The sentences of the rules, the tables of a diff and the frame of every screen take their words from here.
"""

import re
from collections.abc import Mapping

LABELS: Mapping[str, str] = {
    "name": "name",
    "label": "name",
    "value_unit_id": "value unit",
    "included_quantity": "included",
    "overage_behavior": "beyond the allowance",
    "rollover.enabled": "rollover",
    "rollover.max_rollover_quantity": "rollover at most",
    "rollover.expires_after_days": "rollover expires after",
    "is_exploration_pool": "exploration pool",
    "enabled": "enabled",
    "exploration_pool_id": "paid from pool",
    "qualifying_events": "qualifying events",
    "expires_after_days": "ends after",
    "graduation_signal": "graduation signal",
    "usage_thresholds.": "at {} % of the allowance",
    "monthly_spend_cap_usd": "monthly spend cap",
    "at_cap_action": "at the cap",
    "margin_floor": "margin floor",
    "absolute_usage_caps": "absolute usage caps",
    "price_book_ref": "price book",
    "target_price_per_unit_usd": "price per unit",
    "avg_cost_per_unit_usd": "cost per unit",
    "target_margin": "target margin",
    "economics_confidence": "confidence",
    "event_mapping": "event mapping",
    "event_mapping.event_type": "counted event",
    "event_mapping.filters.": "only where {} is",
    "event_mapping.aggregation.type": "added up by",
    "event_mapping.aggregation.field": "added up field",
    "event_mapping.aggregation.minus": "less the field",
    "metrics_intent": "expected effect",
    "quality_signal_source": "quality signals",
    "north_star.goal_type": "goal",
    "north_star.primary_metrics": "primary metrics",
    "north_star.narrative": "narrative",
    "metric_lenses": "metric lenses",
    "delivery.max_staleness_seconds": "without AVS Brain, apps go on for",
    "delivery.fail.stale": "until then they fail",
    "delivery.on_expired.monthly_spend_cap_usd": "after that, what would be billed fails",
    "delivery.on_expired.usage_thresholds": "after that, use of an allowance fails",
    "delivery.on_expired.absolute_usage_caps": "after that, use of a capped unit fails",
    "delivery.on_expired": "after that, rails fail",
    "delivery.on_counters_unavailable.monthly_spend_cap_usd": "without counters, what would be billed fails",
    "delivery.on_counters_unavailable.usage_thresholds": "without counters, use of an allowance fails",
    "delivery.on_counters_unavailable.absolute_usage_caps": "without counters, use of a capped unit fails",
    "delivery.on_counters_unavailable.hard_stop": "without counters, use of a pool with a hard stop fails",
    "delivery.on_counters_unavailable": "without counters, rails fail",
    "delivery.period_anchor.kind": "customers' periods",
    "delivery.period_anchor.at": "30 days each begin at",
    "delivery.period_anchor.time_zone": "months begin in the time zone",
    "delivery.period_anchor": "customers' periods",
    "delivery.threshold_scopes.": "the share at {} % is of",
    "delivery.threshold_scopes": "shares that are not of a pool",
    "target_environment": "environment",
    "workspace_id": "workspace",
    "subject_resolution.workspace_id": "workspace",
    "goal_type": "goal",
    "cycle_id": "cycle",
    "cycle_type": "type",
    "revenue_usd": "revenue",
    "cost_usd": "cost",
}
"""Field → its name for people, in the order that tables show; one that ends in a dot is for all fields below it."""
DROPPED = ("event_mapping.", "north_star.", "subject_resolution.", "rollover.")


SENTENCE_WORDS: Mapping[str, str] = {"as_of": "the window's end", "hard_stop": "hard stop"}
"""Canonical names that stand for something else in a sentence than at a value."""
MISSING: Mapping[str, str] = {
    "cycle_goal_type_missing": "the cycle's goal",
    "cycle_primary_metrics_missing": "the cycle's primary metrics",
    "value_unit_snapshot_missing": "a snapshot of the value units",
    "config_pools_missing": "a pool",
    "pool_value_unit_unknown": "a pool's value unit",
    "unit_event_mapping_missing": "what a value unit counts",
    "unit_event_mapping_invalid": "an event mapping that fits the catalog",
    "unit_economics_missing": "a value unit's cost and price",
    "cycle_type_not_production": "a production cycle",
    "cycle_period_not_90_days": "a cycle of 90 days",
    "unit_outcome_statement_missing": "a value unit's outcome",
    "unit_metrics_intent_missing": "a value unit's expected effect",
    "unit_quality_signal_missing": "a value unit's quality signal",
    "unit_economics_confidence_too_low": "surer numbers of a value unit",
    "exploration_incomplete": "the rest of exploration",
    "rails_monthly_spend_cap_missing": "the monthly spend cap",
    "rails_margin_floor_missing": "the margin floor",
    "rails_at_cap_action_missing": "what happens at the spend cap",
    "rails_thresholds_incomplete": "what happens at 70, 90 and 100 %",
    "price_book_ref_missing": "the price book",
    "simulation_missing": "a simulation",
    "simulation_not_completed": "a completed simulation",
    "simulation_not_latest": "the newest simulation",
    "simulation_stale": "a simulation of what it says now",
    "simulation_outputs_incomplete": "a simulation of every metric",
    "simulation_blocking_issues": "a simulation without blocking issues",
    "number_out_of_range": "a number in range",
    "usage_cap_not_enforceable": "a usage cap that apps can enforce",
    "price_plan_invalid": "a price plan that can be billed",
    "price_plan_unit_unknown": "a pool of every unit that the price plan prices",
    "price_plan_customer_unknown": "a known customer for every contract",
    "price_plan_pool_unknown": "a pool for every allowance of a contract",
    "baseline_not_active": "a comparison with the active version",
    "threshold_scope_unmatched": "a threshold for every scope",
    "config_unreadable": "a document that apps can read",
    "workspace_missing": "a workspace",
}
"""The code of a finding that blocks → what is missing, in a few words: `Next missing: the margin floor`."""


_CANONICAL = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")


def in_words(text: str) -> str:
    """A stored sentence whose canonical names read as words: `up to as_of` → `up to the window's end`."""
    return _CANONICAL.sub(lambda name: SENTENCE_WORDS.get(name[0]) or label_text(name[0]), text)


def missing_text(code: str, field: str) -> str:
    """What a finding that blocks asks for, in a few words; the field's own name for a code of another version."""
    return MISSING.get(code) or label_text(field.rsplit(".", 1)[-1])


def label_text(field: str) -> str:
    """The name of a field for people: `margin floor`, `at 90 % of the allowance` for `usage_thresholds.90`."""
    if (key := _label_key(field)) is not None:
        return LABELS[key].format(field.removeprefix(key))
    for prefix in DROPPED:
        field = field.removeprefix(prefix)
    return field.replace("_", " ")


def shown_order(field: str) -> tuple[int, str]:
    """The sort key of a field: the fields of `LABELS` in its order, then the others by name."""
    key = _label_key(field)
    return (len(LABELS), field) if key is None else (list(LABELS).index(key), "")


def _label_key(field: str) -> str | None:
    """The key of `LABELS` that serves a field."""
    return next((name for name in LABELS if name == field or (name[-1] == "." and field.startswith(name))), None)

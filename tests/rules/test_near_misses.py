"""Drafts that come close to a finding, and what one gap must not drag along."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rules.draft import Aggregation, Draft, EventMapping, MetricIntent, Pool, Risk, UsageThreshold
from rules.finding import Finding
from rules.gate import evaluate
from tests.rules.lumina import (
    CANDIDATE,
    FOUR_K,
    HD,
    exploring,
    with_config,
    with_economics,
    with_free_unit,
    with_mapping,
    with_rails,
    with_risk,
    with_run,
    with_unit,
)

THRESHOLDS = tuple(UsageThreshold(percent=Decimal(text), action="warn") for text in ("100.0", "90", "80", "70"))
UNPOOLED = replace(HD, value_unit_id="vu_z", event_mapping=EventMapping())
TOKEN_PRICES = {"avg_cost_per_unit_usd": Decimal("0.00000015"), "target_price_per_unit_usd": Decimal("0.0000005")}
NEVER_RUN = with_run(baseline_config_version_id=None)

QUIET = {
    "a filter by base columns": with_mapping(filters={"customer_id": "cust_2001", "segment": ["a"]}),
    "a distinct count of customers": with_mapping(aggregation=Aggregation(type="distinct_count", field="customer_id")),
    "a sum less another dimension": with_mapping(
        aggregation=Aggregation(type="sum", field="output_minutes", minus="resolution")
    ),
    "a count without a field": with_mapping(aggregation=Aggregation(type="count")),
    "gaps of a unit in no pool": replace(CANDIDATE, units=(HD, FOUR_K, UNPOOLED)),
    "scaling with medium confidence": replace(with_config(stage="scaling"), pools=CANDIDATE.pools[:1]),
    "high confidence": with_economics(economics_confidence="high"),
    "complete exploration": exploring(),
    "scaling exploration that graduates": exploring(stage="scaling", graduation_signal="repeat_usage_threshold"),
    "disabled exploration with gaps": exploring(enabled=False, qualifying_events=(), expires_after_days=None),
    "disabled exploration that lasts long": exploring(enabled=False, expires_after_days=400),
    "expiry at the lower edge": exploring(expires_after_days=14),
    "expiry at the upper edge": exploring(expires_after_days=60),
    "a threshold of two decimals, written with more zeros": with_rails(
        usage_thresholds=(*THRESHOLDS, UsageThreshold(percent=Decimal("33.330"), action="warn"))
    ),
    "a threshold at 1,000 percent": with_rails(
        usage_thresholds=(*THRESHOLDS, UsageThreshold(percent=1000, action="warn"))
    ),
    "the largest spend cap": with_rails(monthly_spend_cap_usd=Decimal("99999999999999.999999999999")),
    "a spend cap of zero": with_rails(monthly_spend_cap_usd=0),
    "a margin floor of zero": with_rails(margin_floor=Decimal(0)),
    "thresholds as decimals, unordered, one more": with_rails(usage_thresholds=THRESHOLDS),
    "the active version named as baseline": replace(
        CANDIDATE, requested_baseline_config_version_id="cfg_smb_learning_prod_v1"
    ),
    "a first version, with nothing to compare": replace(NEVER_RUN, active_config_version_id=None),
    "the active version itself, whose run saw an older one": with_config(status="active"),
    "a free unit in an exploration pool": with_free_unit(is_exploration_pool=True),
    "intents beyond the primary metrics": with_unit(
        metrics_intent=(*HD.metrics_intent, MetricIntent(metric_id="monthly_churn_rate"))
    ),
    "a target margin 0.01 above": with_economics(target_margin=Decimal("0.71")),
    "a target margin 0.01 below": with_economics(target_margin=Decimal("0.69")),
    "prices of an LLM token": with_economics(**TOKEN_PRICES),
    "a risk that no rule repeats": with_risk("retention_regressed"),
}


@pytest.mark.parametrize("name", QUIET)
def test_near_misses_give_no_finding(name: str) -> None:
    assert evaluate(QUIET[name]) == ()


def codes(draft: Draft) -> list[str]:
    return [finding.code for finding in evaluate(draft)]


def findings_of(code: str, draft: Draft) -> list[Finding]:
    return [finding for finding in evaluate(draft) if finding.code == code]


@pytest.mark.parametrize("status", ["queued", "running", "failed"])
def test_outputs_of_a_run_that_has_not_completed_are_not_judged(status: str) -> None:
    draft = with_run(status=status, is_latest_completed=False, primary_metric_ids=(), blocking_issues=("x",))
    assert codes(draft) == ["simulation_not_completed"]


def test_a_missing_snapshot_is_one_finding_however_many_pools_there_are() -> None:
    assert codes(replace(CANDIDATE, units=None)) == ["value_unit_snapshot_missing"]


def test_an_unknown_event_is_one_finding_and_its_dimensions_are_not_judged() -> None:
    assert codes(with_mapping(event_type="renders", filters={"size": "HD"})) == ["unit_event_mapping_invalid"]


def test_a_unit_in_two_pools_is_reported_once() -> None:
    again = Pool(pool_id="pool_again", value_unit_id=HD.value_unit_id)
    assert len(codes(replace(with_unit(outcome_statement=None), pools=(*CANDIDATE.pools, again)))) == 1


def test_every_gap_of_exploration_is_a_finding_of_its_own() -> None:
    draft = exploring(stage="scaling", exploration_pool_id=None, qualifying_events=(), expires_after_days=None)
    fields = [finding.field.removeprefix("exploration.") for finding in findings_of("exploration_incomplete", draft)]
    assert fields == ["exploration_pool_id", "qualifying_events", "expires_after_days", "graduation_signal"]


def test_every_unit_below_the_confidence_bar_is_named() -> None:
    draft = replace(with_economics(economics_confidence="rough"), config=replace(CANDIDATE.config, stage="scaling"))
    named = [finding.entity.id for finding in findings_of("unit_economics_confidence_too_low", draft)]
    assert named == ["vu_usable_hd_minute", "vu_usable_4k_minute"]


def test_both_ways_over_the_cap_are_told_apart() -> None:
    run = with_run(risks=(*over("cost_over_spend_cap"), *over("spend_cap_exceeded"), *over("spend_cap_exceeded")))
    messages = [finding.message for finding in findings_of("spend_cap_exceeded_in_simulation", run)]
    assert ["billed spend" in messages[0], "cost to serve" in messages[1], len(messages)] == [True, True, 2]


def over(code: str) -> tuple[Risk, ...]:
    return (Risk(code=code, detail="cust_2001 is over."),)

"""For each rule: one change to Lumina's complete draft that fires it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from rules.draft import (
    Aggregation,
    DatasetChange,
    Delivery,
    Draft,
    EventMapping,
    Path,
    RunningPeriod,
    Schedule,
    TermsChoice,
    UnitEconomics,
    Unreadable,
    UsageThreshold,
    Waiting,
)
from rules.finding import Finding, Gate
from rules.gate import evaluate
from rules.labels import label_text
from rules.price_plan_problems import problems
from rules.readable import NEXT
from rules.registry import CODES
from tests.rules.lumina import (
    CANDIDATE,
    HD,
    exploring,
    with_config,
    with_cycle,
    with_economics,
    with_free_unit,
    with_mapping,
    with_pool,
    with_rails,
    with_risk,
    with_run,
    with_unit,
)


class Fires(NamedTuple):
    """The code, the draft that earns it, the field it points to, its link, and words its message must have."""

    code: str
    draft: Draft
    field: str
    deep_link: str
    says: tuple[str, ...]


CYCLE = "/cycles/new/north-star?cycle=cycle_2026_01_prod_90d"
UNIT = "/cycles/cycle_2026_01_prod_90d/value-units?unit=vu_usable_hd_minute"
CONFIG = "/configs/cfg_smb_learning_prod_v2_candidate"
MOMENT = datetime(2026, 12, 1, tzinfo=UTC)
HD_FIELD = "value_units.vu_usable_hd_minute"


def hd_fires(code: str, draft: Draft, field: str, *says: str) -> Fires:
    return Fires(code, draft, f"{HD_FIELD}.{field}", f"{UNIT}#{field}", ("Value unit “Usable HD minute”", *says))


def rails_fire(code: str, draft: Draft, field: str, *says: str) -> Fires:
    return Fires(code, draft, f"rails.{field}", f"{CONFIG}/rails#{field}", says)


def exploration_fires(draft: Draft, field: str, *says: str) -> Fires:
    return Fires("exploration_incomplete", draft, f"exploration.{field}", f"{CONFIG}/exploration#{field}", says)


def run_fires(code: str, draft: Draft, field: str, *says: str) -> Fires:
    return Fires(code, draft, f"simulation_run.{field}", f"{CONFIG}/simulate#historical_window_days", says)


def cycle_fires(code: str, field: str, draft: Draft, *says: str) -> Fires:
    return Fires(code, draft, f"cycle.{field}", f"{CYCLE}#{field}", ("The cycle", *says))


HELD_AT_ONCE = TermsChoice(chosen="at_once", usual="next_period", change_policy="at_next_period", in_force=True)
RERATED = RunningPeriod(
    start="2026-01-31",
    end="2026-03-02",
    stricter=("the price of “HD” rises from $1.00 to $2.00",),
    refused=3,
    over_cap=2,
    slowed=1,
    billed_more=5,
    bill_today_usd=900,
    bill_usd=1800,
)


def with_threshold(percent: str) -> Draft:
    extra = UsageThreshold(percent=Decimal(percent), action="warn")
    return with_rails(usage_thresholds=(*CANDIDATE.rails.usage_thresholds, extra))


def unreadable(path: Path) -> Draft:
    return replace(CANDIDATE, unreadable=(Unreadable(path, "-1 is below 0"),))


def with_plan(**members: object) -> Draft:
    """Lumina's candidate with a plan; the workspace knows cust_1 alone."""
    known_ids = frozenset({"cust_1"})
    return replace(CANDIDATE, price_plan=members, unbillable=tuple(problems(members)), customer_ids=known_ids)


def plan_fires(code: str, draft: Draft, field: str, *says: str) -> Fires:
    return Fires(code, draft, f"price_plan.{field}", f"{CONFIG}/price-plan#{field}", ("This config", *says))


def hd_price(*prices: int | Decimal, **members: object) -> dict[str, object]:
    """Tiers of 100 units each at these prices, the last one open."""
    ends = [*range(100, 100 * len(prices), 100), None]
    tiers = [{"up_to": end, "unit_price_usd": price} for end, price in zip(ends, prices, strict=True)]
    return {"value_unit_id": HD.value_unit_id, "model": "graduated", "tiers": tiers, **members}


UNIT_CAP: dict[str, object] = {"value_unit_id": CANDIDATE.pools[0].value_unit_id, "max_quantity": 5}


UNREADABLE: tuple[tuple[Path, str, str, tuple[str, ...]], ...] = (
    (
        ("pools", 0, "included_quantity"),
        "pools.pool_core.included_quantity",
        f"{CONFIG}/pools?pool=pool_core#included_quantity",
        ("Pool “Core” cannot be read by apps, in included: -1 is below 0. Correct it.",),
    ),
    (
        ("value_units", 0, "unit_economics", "target_price_per_unit_usd"),
        f"{HD_FIELD}.unit_economics.target_price_per_unit_usd",
        f"{UNIT}#unit_economics.target_price_per_unit_usd",
        ("Value unit “Usable HD minute” cannot be read by apps",),
    ),
    (
        ("exploration", "expires_after_days"),
        "exploration.expires_after_days",
        f"{CONFIG}/exploration#expires_after_days",
        ("This config cannot be read by apps",),
    ),
    (
        ("rails", "usage_thresholds", 1, "percent"),
        "rails.usage_thresholds",
        f"{CONFIG}/rails#usage_thresholds",
        ("This config cannot be read by apps",),
    ),
    (
        ("governance", "delivery", "period_anchor", "time_zone"),
        "delivery",
        f"{CONFIG}/rails#delivery",
        ("This config cannot be read by apps",),
    ),
    (
        (*NEXT, *NEXT, "governance", "terms", "before", "rails", "absolute_usage_caps", 0),
        "terms_start",
        f"{CONFIG}/approve#terms_start",
        ("the terms by which customers would finish their period", "Let it hold at once."),
    ),
    (
        ("rating_agility", "price_plan", "minimum_commit_usd"),
        "price_plan.minimum_commit_usd",
        f"{CONFIG}/price-plan#minimum_commit_usd",
        ("This config cannot be read by apps",),
    ),
    (("subject_resolution",), "subject_resolution", f"{CONFIG}/pools#subject_resolution", ("cannot be read by apps",)),
)

FIRING = (
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
    Fires(
        "pool_price_zero",
        with_free_unit(is_exploration_pool=False),
        "pools.pool_new.value_unit_id",
        f"{CONFIG}/pools?pool=pool_new#value_unit_id",
        ("Pool “New”", "“Free minute”"),
    ),
    *(
        Fires(
            "exploration_expiry_out_of_range",
            exploring(expires_after_days=days),
            "exploration.expires_after_days",
            f"{CONFIG}/exploration#expires_after_days",
            (f"{days} days", "14 to 60"),
        )
        for days in (13, 61)
    ),
    *(
        Fires(
            "simulation_counts_otherwise",
            replace(CANDIDATE, delivery=delivery),
            "delivery",
            f"{CONFIG}/rails#delivery",
            (*says, "a simulation counts in periods of 30 days"),
        )
        for delivery, says in (
            (Delivery(period_kind="calendar_month", time_zone="UTC"), ("in months of the calendar (UTC)",)),
            (Delivery(period_kind="customer_day", time_zone="UTC"), ("each customer's own day on (UTC)",)),
            (
                Delivery(threshold_scopes=((70, "unit"), (90, "customer"), (100, "customer"))),
                ("70 % as the share of a unit's whole allowance", "and 90 and 100 % as the share of any unit's"),
            ),
        )
    ),
    hd_fires(
        "metrics_intent_partial",
        with_unit(metrics_intent=HD.metrics_intent[:1]),
        "metrics_intent",
        "what it should do to Gross margin",
    ),
    hd_fires(
        "unit_price_below_cost",
        with_economics(
            avg_cost_per_unit_usd=Decimal("0.7"),
            target_price_per_unit_usd=Decimal("0.6"),
            target_margin=Decimal("-0.1667"),
        ),
        "unit_economics.target_price_per_unit_usd",
        "sells for $0.60 and costs $0.70",
    ),
    plan_fires(
        "price_plan_below_cost",
        with_plan(unit_prices=[hd_price(Decimal("0.5"), Decimal("0.17"), Decimal("0.1"))]),
        "unit_prices.vu_usable_hd_minute.tiers.2.unit_price_usd",
        "sells “Usable HD minute” in tiers 2 and 3 for $0.17 a unit, which costs $0.18",
    ),
    plan_fires(
        "price_plan_below_cost",
        with_plan(unit_prices=[hd_price(17, model="package", package_size=100)]),
        "unit_prices.vu_usable_hd_minute.tiers.1.unit_price_usd",
        "sells “Usable HD minute” for $17.00 a package of 100, which costs $18.00",
    ),
    plan_fires(
        "spend_cap_below_plan",
        with_plan(platform_fee_usd=600, prepaid={"amount_usd": 60, "price_usd": 51}),
        "platform_fee_usd",
        "bills every customer $651.00 a period before any overage, above the monthly spend cap of $650.00",
    ),
    plan_fires(
        "spend_cap_below_plan",
        with_plan(platform_fee_usd=1, overrides=[{"customer_id": "cust_1", "minimum_commit_usd": 1000}]),
        "overrides.cust_1.minimum_commit_usd",
        "bills a customer with a contract $1,000.00",
    ),
    hd_fires(
        "target_margin_inconsistent",
        with_economics(target_margin=Decimal("0.7100001")),
        "unit_economics.target_margin",
        "71.00001 %",
        "give 70 %.",
    ),
    hd_fires("quality_adjusted_outcome_is_advisory", with_unit(unit_type="quality_adjusted_outcome"), "unit_type"),
    Fires(
        "another_version_waits",
        replace(CANDIDATE, waiting=(Waiting(config_version_id="cfg_5", version=5, effective_at=MOMENT),)),
        "effective_at",
        "/configs/cfg_5/approve#scheduled",
        ("Version 5 of this subject", "scheduled for 2026-12-01 00:00 UTC"),
    ),
    Fires(
        "another_version_waits",
        replace(CANDIDATE, waiting=(Waiting(config_version_id="cfg_5", version=5),)),
        "effective_at",
        "/configs/cfg_5/approve#scheduled",
        ("Version 5 of this subject", "held back"),
    ),
    *(
        Fires(
            "baseline_not_active",
            replace(CANDIDATE, schedule=Schedule(baseline_config_version_id=baseline)),
            "baseline_config_version_id",
            f"{CONFIG}/approve#baseline_config_version_id",
            (says, "Move it, withdraw it, or approve it anew."),
        )
        for baseline, says in (("cfg_0", "to replace a version that is not active"), (None, "to replace nothing"))
    ),
    run_fires(
        "simulation_baseline_not_active",
        with_run(baseline_config_version_id=None),
        "baseline_config_version_id",
        "compared with nothing",
    ),
    *(
        run_fires("simulation_dataset_changed", with_run(dataset_change=change), "dataset", said)
        for change, said in (
            (
                DatasetChange(status="changed", added=1204, removed=3),
                "has changed since: +1,204 events, −3 events in its window. Simulate again.",
            ),
            (
                DatasetChange(status="changed", added_before=1, removed=1),
                "−1 event in its window; +1 event before it.",
            ),
            (DatasetChange(status="changed"), "as many events as it read, but not the same ones"),
        )
    ),
    Fires(
        "running_period_rerated",
        replace(CANDIDATE, running_period=RERATED),
        "terms_start",
        f"{CONFIG}/approve#terms_start",
        (
            "from 2026-01-31 to 2026-03-02",
            "the price of “HD” rises from $1.00 to $2.00",
            "3 customers are refused at once (2 over the spend cap) and 1 customer is throttled at once",
            "5 customers owe more for it, all together $1,800.00 instead of $900.00",
            "Let its terms start with each customer's next period",
        ),
    ),
    Fires(
        "running_period_rerated",
        replace(
            CANDIDATE, running_period=RunningPeriod(start="2026-01-31", end="2026-03-02", stricter=("HD is capped",))
        ),
        "terms_start",
        f"{CONFIG}/approve#terms_start",
        ("HD is capped; by the usage known here no customer is refused for it.",),
    ),
    Fires(
        "change_policy_not_followed",
        replace(CANDIDATE, terms_choice=HELD_AT_ONCE),
        "terms_start",
        f"{CONFIG}/approve#terms_start",
        (
            "was approved with terms that hold at once, while the change policy of the version before it",
            "“at next period”, says from each customer's next period on",
            "Tell the customers that it concerns",
        ),
    ),
    Fires(
        "change_policy_not_followed",
        replace(
            CANDIDATE, terms_choice=replace(HELD_AT_ONCE, change_policy="prorate", usual="prorated", in_force=False)
        ),
        "terms_start",
        f"{CONFIG}/approve#terms_start",
        ("the change policy of its own price plan, “prorate”, says at once, the amounts of the running period",),
    ),
    rails_fire(
        "margin_below_floor_in_simulation",
        with_risk("margin_floor_violated", "Period 1 has margin 0.628205."),
        "margin_floor",
        "below the margin floor. Period 1 has margin 0.628205. Raise",
    ),
    rails_fire(
        "spend_cap_exceeded_in_simulation", with_risk("spend_cap_exceeded"), "monthly_spend_cap_usd", "billed spend"
    ),
    rails_fire(
        "spend_cap_exceeded_in_simulation", with_risk("cost_over_spend_cap"), "monthly_spend_cap_usd", "cost to serve"
    ),
)

# What else the change brings, because the same gap is two rules' business.
TOGETHER = {
    "unit_metrics_intent_missing": {"metrics_intent_partial"},
}


def test_a_dataset_that_has_not_moved_or_of_which_nothing_is_known_is_no_finding() -> None:
    for status in ("unchanged", "fixed", "unknown"):
        assert evaluate(with_run(dataset_change=DatasetChange(status=status))) == ()


def test_a_plan_that_holds_is_no_finding_and_a_price_of_nothing_is_a_gift() -> None:
    held = with_plan(platform_fee_usd=650, overrides=[{"customer_id": "cust_1", "included_quantity": {"pool_core": 9}}])
    assert evaluate(held) == ()
    (finding,) = evaluate(with_plan(unit_prices=[hd_price(0)]))
    assert (finding.code, finding.field) == ("pool_price_zero", "pools.pool_core.value_unit_id")


def test_a_commit_that_is_not_billed_leaves_the_cap_alone() -> None:
    assert evaluate(with_plan(minimum_commit_usd=1000, true_up=False)) == ()


def test_a_plan_prices_a_unit_that_has_no_price_of_its_own() -> None:
    free = with_free_unit(is_exploration_pool=False)
    assert [finding.code for finding in evaluate(free)] == ["pool_price_zero"]
    priced = replace(free, price_plan={"unit_prices": [hd_price(1, value_unit_id=free.pools[-1].value_unit_id)]})
    assert evaluate(priced) == ()


def test_a_change_policy_that_was_followed_is_no_advice() -> None:
    assert evaluate(replace(CANDIDATE, terms_choice=replace(HELD_AT_ONCE, chosen="next_period"))) == ()


def test_a_version_that_took_effect_in_the_running_period_says_so_of_the_past() -> None:
    active = with_config(status="active")
    draft = replace(active, active_config_version_id=active.config.config_version_id, running_period=RERATED)
    (finding,) = findings_of("running_period_rerated", draft)
    assert "took effect within the period" in finding.message
    assert "The next version can let its terms start with each customer's next period." in finding.message


def findings_of(code: str, draft: Draft) -> list[Finding]:
    return [finding for finding in evaluate(draft) if finding.code == code]


def test_lumina_s_complete_candidate_has_no_finding() -> None:
    assert evaluate(CANDIDATE) == ()


@pytest.mark.parametrize("case", FIRING, ids=lambda case: f"{case.code}:{case.field}")
def test_one_gap_gives_its_code_its_field_and_its_link(case: Fires) -> None:
    (finding,) = findings_of(case.code, case.draft)
    assert (finding.field, finding.deep_link) == (case.field, case.deep_link)
    assert all(words in finding.message for words in case.says), finding.message


@pytest.mark.parametrize("case", FIRING, ids=lambda case: f"{case.code}:{case.field}")
def test_one_gap_gives_no_other_finding(case: Fires) -> None:
    codes = {finding.code for finding in evaluate(case.draft)}
    assert codes == {case.code} | TOGETHER.get(case.code, set())


def test_every_rule_has_a_scenario_that_fires_it() -> None:
    assert {case.code for case in FIRING} == set(CODES)


PRODUCTION_ONLY = {
    case.code: case
    for case in FIRING
    if case.code.startswith(("cycle_type", "cycle_period", "rails", "price_book", "exploration_incomplete", "unit_"))
    and not case.code.startswith(("unit_event_mapping", "unit_economics_missing"))
}


@pytest.mark.parametrize("case", PRODUCTION_ONLY.values(), ids=lambda case: case.code)
def test_sandbox_does_not_wait_for_the_production_gate(case: Fires) -> None:
    draft = replace(case.draft, config=replace(case.draft.config, target_environment="sandbox"))
    assert all(finding.gate is Gate.ADVISORY for finding in evaluate(draft))

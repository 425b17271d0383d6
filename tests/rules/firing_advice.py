"""For each advisory rule: one change to Lumina's complete draft that fires it."""

from dataclasses import replace
from decimal import Decimal

from rules.draft import (
    DatasetChange,
    Delivery,
    RunningPeriod,
    Schedule,
    Waiting,
)
from tests.rules.firing import (
    CONFIG,
    HELD_AT_ONCE,
    MOMENT,
    RERATED,
    Fires,
    hd_fires,
    hd_price,
    plan_fires,
    rails_fire,
    run_fires,
    with_plan,
)
from tests.rules.lumina import (
    CANDIDATE,
    HD,
    exploring,
    with_economics,
    with_free_unit,
    with_risk,
    with_run,
    with_unit,
)

ADVICE = (
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

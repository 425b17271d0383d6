"""What a version does to use that customers have made already in the period that they are in."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import usage_events
from app.models.base import db
from app.models.transactions import write
from app.services.configs.lookup import get_config
from app.services.configs.reading import current_hash, read_config
from app.services.decisions import activation
from app.services.simulations.running_period import running_period_of
from app.services.simulations.usage_facts import findings_with_usage
from rules.draft import RunningPeriod
from rules.price_plan import PricePlan
from simulation.canonical import Json, JsonObject
from simulation.window import running_period
from tests import factories as f
from tests.services import review_runs as r

NOW = datetime(2026, 1, 15, tzinfo=UTC)
FEWER = "“Usable HD minute” includes 5 instead of 10"
POOL = r.POOL | {"included_quantity": Decimal(10)}
SUBJECT: JsonObject = {"target_environment": "sandbox"}
RAILS = f.RAILS | {"usage_thresholds": [], "monthly_spend_cap_usd": Decimal(8)}


def including(quantity: int) -> JsonObject:
    return {**r.including(quantity), **SUBJECT, "rails": RAILS}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """cfg_0 is active since an earlier period and includes 10 minutes. In January cust_1 used 20, cust_2 used 4."""
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session, "cfg_0", **including(10))
        f.config(db.session, "cfg_1", **including(5))
    client = sqlite_app.test_client()
    r.used(client)
    return client


def of(config_version_id: str, now: datetime = NOW) -> RunningPeriod | None:
    return running_period_of(db.session, usage_events().store, read_config(db.session, config_version_id), now=now)


def drafted(config_version_id: str, **parts: Json) -> None:
    with write(db.session):
        f.config(db.session, config_version_id, **including(10) | parts)


def test_the_running_period_is_the_one_that_apps_are_in() -> None:
    borders = (
        (datetime(2026, 1, 31, tzinfo=UTC), "2026-01-01"),
        (datetime(2026, 1, 31, 0, 0, 1, tzinfo=UTC), "2026-01-31"),
        (datetime(2025, 12, 31, tzinfo=UTC), "2025-12-02"),
    )
    for moment, start in borders:
        assert f"{running_period(moment).start:%Y-%m-%d}" == start


def test_a_smaller_allowance_bills_what_was_used_already(client: FlaskClient) -> None:
    """cfg_1 includes 5 instead of 10: cust_1 owes for 15 instead of 10 minutes at 0.60, which is over the cap of 8."""
    expected = RunningPeriod(
        start="2026-01-01",
        end="2026-01-31",
        stricter=(FEWER,),
        refused=1,
        over_cap=1,
        billed_more=1,
        bill_today_usd=Decimal(6),
        bill_usd=Decimal(9),
    )
    assert of("cfg_1") == expected


def test_a_version_that_takes_nothing_from_anybody_is_no_advice(client: FlaskClient) -> None:
    drafted("cfg_2", pools=[r.POOL | {"included_quantity": Decimal(30)}])
    assert of("cfg_2") is None


def test_what_is_stricter_is_said_without_any_usage_in_the_period(client: FlaskClient) -> None:
    found = of("cfg_1", datetime(2026, 6, 1, tzinfo=UTC))
    assert found is not None
    assert (found.stricter, found.refused, found.billed_more) == (
        (FEWER,),
        0,
        0,
    )


def test_limits_count_whom_they_would_stop_at_once(client: FlaskClient) -> None:
    cases: tuple[tuple[JsonObject, str, int, int], ...] = (
        (
            {"pools": [POOL | {"overage_behavior": "hard_stop"}]},
            "use of “Usable HD minute” beyond its allowance is refused", 1, 0,
        ),
        (
            {"pools": [POOL | {"overage_behavior": "throttle"}]},
            "use of “Usable HD minute” beyond its allowance is throttled", 0, 1,
        ),
        ({"rails": RAILS | {"monthly_spend_cap_usd": Decimal(5)}}, "the spend cap falls from $8.00 to $5.00", 1, 0),
        (
            {
                "rails": RAILS
                | {"absolute_usage_caps": [{"value_unit_id": "vu_hd_minute", "max_quantity": 3, "action": "throttle"}]}
            },
            "“Usable HD minute” is capped at 3", 0, 2,
        ),
    )  # fmt: skip
    for number, (parts, clause, refused, slowed) in enumerate(cases):
        drafted(f"cfg_case_{number}", **parts)
        found = of(f"cfg_case_{number}")
        assert found is not None
        assert (found.stricter, found.refused, found.slowed) == ((clause,), refused, slowed)


def planned(config_version_id: str, plan: PricePlan, quantity: int = 5) -> None:
    with write(db.session):
        f.config(db.session, config_version_id, **including(quantity)).price_plan = plan


def test_a_version_that_waits_for_customers_next_periods_does_nothing_to_this_one(client: FlaskClient) -> None:
    planned("cfg_2", {"platform_fee_usd": 30, "change_policy": "at_next_period"})
    assert of("cfg_2") is None


def test_amounts_that_are_shared_out_by_days_are_compared_as_they_hold_in_the_period(client: FlaskClient) -> None:
    """14 of 30 days are over: 10 × 14/30 + 5 × 16/30 = 7.333333 minutes, and 16/30 of a fee of 30."""
    planned("cfg_2", {"platform_fee_usd": 30, "change_policy": "prorate"})
    found = of("cfg_2")
    assert found is not None
    assert found.prorated
    assert found.stricter == (
        "“Usable HD minute” includes 7.333333 instead of 10",
        "the platform fee rises from $0.00 to $16.00",
    )
    reading = read_config(db.session, "cfg_2")
    findings = findings_with_usage(db.session, usage_events().store, reading, now=NOW)
    (finding,) = [finding for finding in findings if finding.code == "running_period_rerated"]
    assert "used in it already, with the amounts of the period shared out by its days: “Usable" in finding.message
    assert "by overage at the units' own prices, without the price plan." in finding.message


def test_a_version_in_force_is_compared_with_what_held_before_it_and_the_next_one_with_what_it_shares(
    client: FlaskClient,
) -> None:
    """Since the 15th cfg_2 shares out 10 and 5 minutes as 7.333333; on the 23rd cfg_3 changes nothing, cfg_4 does."""
    planned("cfg_2", {"platform_fee_usd": 30, "change_policy": "prorate"})
    with write(db.session):
        row = get_config(db.session, "cfg_2")
        row.content_hash = current_hash(db.session, row)
        f.run(db.session, row)
        approved = activation.approve(db.session, "cfg_2", "sim_cfg_2", f.APPROVAL, actor=f.OPERATOR, now=NOW)
    assert approved.terms_start == "prorated"
    planned("cfg_3", {"platform_fee_usd": 30, "change_policy": "prorate"})
    planned("cfg_4", {"platform_fee_usd": 60, "change_policy": "prorate"}, quantity=2)
    later = NOW + timedelta(days=8)
    active, next_one = of("cfg_2", later), of("cfg_4", later)
    assert of("cfg_3", later) is None
    assert active is not None
    assert active.stricter == (
        "“Usable HD minute” includes 7.333333 instead of 10",
        "the platform fee rises from $0.00 to $16.00",
    )
    assert next_one is not None
    assert next_one.stricter == (
        "“Usable HD minute” includes 6.533333 instead of 7.333333",
        "the platform fee rises from $16.00 to $24.00",
    )
    assert of("cfg_2", NOW + timedelta(days=30)) is None


def test_tiers_that_cost_more_anywhere_and_fees_of_single_customers_are_said(client: FlaskClient) -> None:
    plan: PricePlan = {
        "minimum_commit_usd": 30,
        "unit_prices": [
            {
                "value_unit_id": "vu_hd_minute",
                "model": "graduated",
                "tiers": [
                    {"up_to": 100, "unit_price_usd": Decimal("0.5")},
                    {"up_to": None, "unit_price_usd": Decimal("0.7")},
                ],
            }
        ],
        "overrides": [{"customer_id": "cust_1", "minimum_commit_usd": 60}],
        "change_policy": "prorate",
    }
    planned("cfg_2", plan, quantity=10)
    found = of("cfg_2")
    assert found is not None
    assert found.stricter == (
        "use of “Usable HD minute” beyond its allowance can cost more",
        "the minimum commit rises from $0.00 to $16.00",
        "the minimum commit of “cust_1” rises from $0.00 to $32.00",
    )


def test_a_config_that_cannot_be_simulated_yet_is_not_rated(client: FlaskClient) -> None:
    drafted("cfg_empty", pools=[], exploration={"enabled": False})
    assert of("cfg_empty") is None


def test_an_active_version_says_it_of_the_period_in_which_it_took_effect_and_of_no_later_one(
    client: FlaskClient,
) -> None:
    run = r.simulated()
    config = run.candidate_config_version_id
    with write(db.session):
        activation.approve(
            db.session, config, run.simulation_run_id, f.APPROVAL, actor=f.OPERATOR, now=NOW + timedelta(seconds=1)
        )
    found = of(config)
    assert found is not None
    assert (found.stricter, found.refused) == ((FEWER,), 1)
    assert of(config, datetime(2026, 2, 10, tzinfo=UTC)) is None
    assert of("cfg_0") is None


def test_the_advice_blocks_nothing_and_points_to_the_choice(client: FlaskClient) -> None:
    reading = read_config(db.session, "cfg_1")
    findings = findings_with_usage(db.session, usage_events().store, reading, now=NOW)
    (finding,) = [finding for finding in findings if finding.code == "running_period_rerated"]
    assert (finding.gate, finding.deep_link) == ("advisory", "/configs/cfg_1/approve#terms_start")
    assert "1 customer is refused at once (1 over the spend cap)" in finding.message
    assert "1 customer owes more for it, all together $9.00 instead of $6.00" in finding.message

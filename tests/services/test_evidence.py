"""What the apps reported beside what the run forecast, in numbers and in words (spec 7)."""

from datetime import timedelta
from decimal import Decimal

import pytest

from app.models.transactions import write
from app.services.enforcement import accept
from app.services.evidence import evidence, forecast_customers
from app.services.snapshots import get_config
from tests import factories as f

FORECAST = {
    "window": {"days": 30},
    "enforcement_forecast": {
        "thresholds": [
            {"percent": 70, "action": "warn", "customers": 10, "first_period": None},
            {"percent": 90, "action": "warn", "customers": 6, "first_period": None},
            {"percent": 100, "action": "block", "customers": 4, "first_period": None},
        ],
        "customers_over_spend_cap": 3,
        "spend_cap": {"at_cap_action": "require_approval"},
    },
    "exploration_summary": {"enabled": True, "customers_graduated": 5},
}
AFTER_THE_WINDOW = f.NOW + timedelta(days=40)


@pytest.fixture
def live(session):
    """cfg_1 is active since NOW, decided on a run with the forecast."""
    with write(session):
        f.foundation(session)
        row = f.config(session)
        f.run(session, row, outputs=f.outputs(**FORECAST))
        f.approve(session)
    return session


def report(session, event_type, customers, *, after=timedelta(days=1), each=1):
    """`each` events of the type from each of so many customers."""
    events = [
        {
            "workspace_id": "ws_1",
            "customer_id": f"cust_{number}",
            "config_version_id": "cfg_1",
            "occurred_at": f.NOW + after,
            "event_type": event_type,
        }
        for number in range(customers)
        for _ in range(each)
    ]
    with write(session):
        accept(session, events, actor=f.OPERATOR, now=f.NOW + after)


def seen(session, event_type, now=AFTER_THE_WINDOW):
    found = evidence(session, get_config(session, "cfg_1"), now=now)
    return next(row for row in found.by_event_type if row.event_type == event_type)


def overall(session, now=AFTER_THE_WINDOW):
    return evidence(session, get_config(session, "cfg_1"), now=now)


def test_the_forecast_counts_the_customers_of_each_action():
    assert forecast_customers(f.outputs(**FORECAST)) == {
        "rail_warning_shown": 10,
        "hard_cap_blocked": 4,
        "override_approved": 3,
    }


def test_a_run_without_a_forecast_expects_nothing():
    assert forecast_customers({}) == {}
    assert forecast_customers({"enforcement_forecast": {"spend_cap": None, "thresholds": []}}) == {}


def test_customers_are_compared_not_events(live):
    report(live, "rail_warning_shown", 12, each=3)
    row = seen(live, "rail_warning_shown")
    assert (row.events, row.customers, row.forecast_customers) == (36, 12, 10)
    assert (row.ratio, row.verdict) == (Decimal("1.2"), "as_forecast")
    assert row.text == "rail_warning_shown: 12 customers, forecast 10: as forecast."


def test_more_than_twice_as_many_is_more_than_forecast(live):
    report(live, "hard_cap_blocked", 20)
    assert seen(live, "hard_cap_blocked").verdict == "more_than_forecast"
    assert "hard_cap_blocked: 20 customers, forecast 4: more than forecast" in overall(live).verdict


def test_less_than_half_as_many_is_less_than_forecast_once_the_window_has_passed(live):
    report(live, "rail_warning_shown", 2)
    assert seen(live, "rail_warning_shown").verdict == "less_than_forecast"


def test_before_the_window_has_passed_few_customers_prove_nothing_but_many_do(live):
    report(live, "rail_warning_shown", 2)
    report(live, "hard_cap_blocked", 20)
    early = f.NOW + timedelta(days=5)
    assert seen(live, "rail_warning_shown", early).verdict == "too_early"
    assert seen(live, "hard_cap_blocked", early).verdict == "more_than_forecast"


def test_a_difference_of_two_customers_is_chance(live):
    report(live, "override_approved", 1)
    assert seen(live, "override_approved").verdict == "as_forecast"


def test_customers_after_the_forecasts_window_are_counted_but_not_compared(live):
    report(live, "rail_warning_shown", 9)
    report(live, "rail_warning_shown", 40, after=timedelta(days=35))
    row = seen(live, "rail_warning_shown")
    assert (row.customers, row.customers_in_window, row.verdict) == (40, 9, "as_forecast")


def test_what_nobody_forecast_is_shown_without_a_ratio(live):
    report(live, "quality_proxy_failed", 3)
    row = seen(live, "quality_proxy_failed")
    assert (row.forecast_customers, row.ratio, row.verdict) == (None, None, "no_forecast")


def test_events_are_counted_by_day(live):
    report(live, "rail_warning_shown", 2)
    report(live, "hard_cap_blocked", 1)
    report(live, "rail_warning_shown", 1, after=timedelta(days=3, hours=23, minutes=59))
    assert overall(live).by_day == (
        {"day": "2026-01-16", "counts": {"hard_cap_blocked": 1, "rail_warning_shown": 2}},
        {"day": "2026-01-18", "counts": {"rail_warning_shown": 1}},
    )


def test_without_reports_the_verdict_says_so(live):
    found = overall(live, now=f.NOW + timedelta(days=1))
    assert (found.events, found.observed_days, found.forecast_days) == (0, 1, 30)
    assert found.verdict == "No enforcement events were reported."


def test_agreement_is_said_in_one_sentence(live):
    for event_type, customers in {
        "rail_warning_shown": 11,
        "hard_cap_blocked": 4,
        "override_approved": 3,
    }.items():
        report(live, event_type, customers)
    assert overall(live).verdict == "What the apps reported agrees with the forecast."


def test_a_draft_has_no_evidence_yet_and_an_old_run_no_forecast(live):
    with write(live):
        f.simulated(live, "cfg_2")
    found = evidence(live, get_config(live, "cfg_2"), now=AFTER_THE_WINDOW)
    assert (found.in_force_since, found.simulation_run_id, found.forecast_days) == (None, "sim_cfg_2", None)
    assert {row.verdict for row in found.by_event_type} == {"no_forecast"}

"""What the apps reported beside what the run forecast, in numbers and in words (spec 7)."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.models.base import AnySession
from app.models.enforcement import EnforcementEvent
from app.models.transactions import write
from app.services.configs.lookup import get_config
from app.services.evidence.comparison import (
    Comparison,
    Evidence,
    LimitComparison,
    evidence,
    forecast_customers,
    in_force,
)
from app.services.evidence.days import DailyComparison, daily_comparisons
from app.services.evidence.events import accept
from simulation.canonical import Json, JsonObject
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
def live(session: AnySession) -> AnySession:
    """cfg_1 is active since NOW, decided on a run with the forecast."""
    with write(session):
        f.decided_on(session, **FORECAST)
    return session


def report(
    session: AnySession, event_type: str, customers: int, *, after: timedelta = timedelta(days=1), each: int = 1
) -> None:
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


def seen(session: AnySession, event_type: str, now: datetime = AFTER_THE_WINDOW) -> Comparison:
    found = evidence(session, get_config(session, "cfg_1"), now=now)
    return next(row for row in found.by_event_type if row.event_type == event_type)


def overall(session: AnySession, now: datetime = AFTER_THE_WINDOW) -> Evidence:
    return evidence(session, get_config(session, "cfg_1"), now=now)


def test_the_forecast_counts_the_customers_of_each_action() -> None:
    assert forecast_customers(f.outputs(**FORECAST)) == {
        "rail_warning_shown": 10,
        "hard_cap_blocked": 4,
        "override_approved": 3,
    }


def test_a_run_without_a_forecast_expects_nothing() -> None:
    assert forecast_customers({}) == {}
    assert forecast_customers({"enforcement_forecast": {"spend_cap": None, "thresholds": []}}) == {}


def test_customers_are_compared_not_events(live: AnySession) -> None:
    report(live, "rail_warning_shown", 12, each=3)
    row = seen(live, "rail_warning_shown")
    assert (row.events, row.customers, row.forecast_customers) == (36, 12, 10)
    assert (row.ratio, row.verdict) == (Decimal("1.2"), "as_forecast")
    assert row.text == "rail_warning_shown: 12 customers, forecast 10: as forecast."


def test_more_than_twice_as_many_is_more_than_forecast(live: AnySession) -> None:
    report(live, "hard_cap_blocked", 20)
    assert seen(live, "hard_cap_blocked").verdict == "more_than_forecast"
    assert "hard_cap_blocked: 20 customers, forecast 4: more than forecast" in overall(live).verdict


def test_less_than_half_as_many_is_less_than_forecast_once_the_window_has_passed(live: AnySession) -> None:
    report(live, "rail_warning_shown", 2)
    assert seen(live, "rail_warning_shown").verdict == "less_than_forecast"


def test_before_the_window_has_passed_few_customers_prove_nothing_but_many_do(live: AnySession) -> None:
    report(live, "rail_warning_shown", 2)
    report(live, "hard_cap_blocked", 20)
    early = f.NOW + timedelta(days=5)
    assert seen(live, "rail_warning_shown", early).verdict == "too_early"
    assert seen(live, "hard_cap_blocked", early).verdict == "more_than_forecast"


def test_a_difference_of_two_customers_is_chance(live: AnySession) -> None:
    report(live, "override_approved", 1)
    assert seen(live, "override_approved").verdict == "as_forecast"


def test_customers_after_the_forecasts_window_are_counted_but_not_compared(live: AnySession) -> None:
    report(live, "rail_warning_shown", 9)
    report(live, "rail_warning_shown", 40, after=timedelta(days=35))
    row = seen(live, "rail_warning_shown")
    assert (row.customers, row.customers_in_window, row.verdict) == (40, 9, "as_forecast")


def test_what_nobody_forecast_is_shown_without_a_ratio(live: AnySession) -> None:
    report(live, "quality_proxy_failed", 3)
    row = seen(live, "quality_proxy_failed")
    assert (row.forecast_customers, row.ratio, row.verdict) == (None, None, "no_forecast")


def test_events_are_counted_by_day(live: AnySession) -> None:
    report(live, "rail_warning_shown", 2)
    report(live, "hard_cap_blocked", 1)
    report(live, "rail_warning_shown", 1, after=timedelta(days=3, hours=23, minutes=59))
    assert overall(live).by_day == (
        {"day": "2026-01-16", "counts": {"hard_cap_blocked": 1, "rail_warning_shown": 2}},
        {"day": "2026-01-18", "counts": {"rail_warning_shown": 1}},
    )


def test_without_reports_the_verdict_says_so(live: AnySession) -> None:
    found = overall(live, now=f.NOW + timedelta(days=1))
    assert (found.events, found.observed_days, found.forecast_days) == (0, 1, 30)
    assert found.verdict == "No enforcement events were reported."


def test_agreement_is_said_in_one_sentence(live: AnySession) -> None:
    for event_type, customers in {
        "rail_warning_shown": 11,
        "hard_cap_blocked": 4,
        "override_approved": 3,
    }.items():
        report(live, event_type, customers)
    assert overall(live).verdict == "What the apps reported agrees with the forecast."


def test_a_draft_has_no_evidence_yet_and_an_old_run_no_forecast(live: AnySession) -> None:
    with write(live):
        f.simulated(live, "cfg_2")
    found = evidence(live, get_config(live, "cfg_2"), now=AFTER_THE_WINDOW)
    assert (found.in_force_since, found.simulation_run_id, found.forecast_days) == (None, "sim_cfg_2", None)
    assert {row.verdict for row in found.by_event_type} == {"no_forecast"}


# By limit, by day


def limits(
    session: AnySession, now: datetime = AFTER_THE_WINDOW
) -> dict[tuple[Decimal | int | None, str], LimitComparison]:
    return {(row.percent, row.action): row for row in overall(session, now).by_threshold}


def reached(
    session: AnySession,
    event_type: str,
    context: JsonObject | None,
    customers: int,
    *,
    after: timedelta = timedelta(days=1),
) -> None:
    """One event of the type with the context from each of so many customers."""
    events = [
        {
            "workspace_id": "ws_1",
            "customer_id": f"cust_{number}",
            "config_version_id": "cfg_1",
            "occurred_at": f.NOW + after,
            "event_type": event_type,
            "context": context,
        }
        for number in range(customers)
    ]
    with write(session):
        accept(session, events, actor=f.OPERATOR, now=f.NOW + after)


def test_thresholds_with_one_action_are_told_apart_by_the_percent_in_the_context(live: AnySession) -> None:
    reached(live, "rail_warning_shown", {"percent": 70}, 11)
    reached(live, "rail_warning_shown", {"percent": Decimal("90.0"), "value_unit_id": "vu_hd_minute"}, 40)
    found = limits(live)
    assert (found[70, "warn"].customers, found[70, "warn"].verdict) == (11, "as_forecast")
    assert (found[90, "warn"].customers, found[90, "warn"].verdict) == (40, "more_than_forecast")
    assert found[90, "warn"].text.startswith("90 % warn: 40 customers, forecast 6: more than forecast")
    assert seen(live, "rail_warning_shown").customers == 40


def test_the_spend_cap_is_a_limit_of_its_own(live: AnySession) -> None:
    reached(live, "override_approved", {"monthly_spend_cap_usd": 650}, 3)
    assert limits(live)[None, "require_approval"].customers == 3


def test_an_app_that_names_no_limit_is_believed_where_only_one_can_be_meant(live: AnySession) -> None:
    report(live, "hard_cap_blocked", 4)
    report(live, "rail_warning_shown", 12)
    found = limits(live)
    assert (found[100, "block"].customers, found[100, "block"].verdict) == (4, "as_forecast")
    assert {found[percent, "warn"].verdict for percent in (70, 90)} == {"not_told_apart"}


@pytest.mark.parametrize("percent", [True, "70", -1, Decimal("1e30"), None, [], {"a": 1}])
def test_a_percent_that_is_none_names_no_limit(live: AnySession, percent: Json) -> None:
    reached(live, "hard_cap_blocked", {"percent": percent}, 4)
    assert limits(live)[100, "block"].customers == 4


def days(session: AnySession, now: datetime = AFTER_THE_WINDOW) -> tuple[DailyComparison, ...]:
    return daily_comparisons(session, in_force(session, get_config(session, "cfg_1"), now=now))


def day_of(
    rows: Iterable[DailyComparison], event_type: str, percent: Decimal | int | None = None, *, is_limit: bool = False
) -> list[DailyComparison]:
    return [
        row for row in rows if row.event_type == event_type and row.percent == percent and is_limit == bool(row.action)
    ]


def test_every_day_of_the_window_has_a_row_for_each_type_and_limit(live: AnySession) -> None:
    rows = days(live)
    assert len(rows) == 31 * (3 + 4) - 7  # three types, four limits, thirty days from midnight
    assert (rows[0].day, rows[29].day) == ("2026-01-15", "2026-02-13")


def test_a_customer_is_new_once_and_the_verdict_is_that_of_the_evening(live: AnySession) -> None:
    reached(live, "hard_cap_blocked", {"percent": 100}, 2)
    reached(live, "hard_cap_blocked", {"percent": 100}, 20, after=timedelta(days=3))
    rows = day_of(days(live), "hard_cap_blocked", 100, is_limit=True)
    told = [(row.events, row.new_customers, row.customers, row.verdict) for row in rows[:5]]
    assert told == [
        (0, 0, 0, "too_early"),
        (2, 2, 2, "as_forecast"),
        (0, 0, 2, "as_forecast"),
        (20, 18, 20, "more_than_forecast"),
        (0, 0, 20, "more_than_forecast"),
    ]
    assert (rows[-1].customers, rows[-1].ratio, rows[-1].forecast_customers) == (20, Decimal(5), 4)


def test_few_customers_are_too_early_until_the_window_closes(live: AnySession) -> None:
    reached(live, "rail_warning_shown", {"percent": 70}, 1)
    rows = day_of(days(live), "rail_warning_shown", 70, is_limit=True)
    assert [rows[at].verdict for at in (0, 28, 29)] == ["too_early", "too_early", "less_than_forecast"]


def test_the_last_day_agrees_with_the_verdict_of_the_window(live: AnySession) -> None:
    reached(live, "rail_warning_shown", {"percent": 70}, 12)
    reached(live, "rail_warning_shown", {"percent": 90}, 30, after=timedelta(days=9))
    reached(live, "hard_cap_blocked", {}, 9, after=timedelta(days=35))
    rows = days(live)
    for limit in overall(live).by_threshold:
        last = day_of(rows, limit.event_type, limit.percent, is_limit=True)[-1]
        assert (last.customers, last.ratio, last.verdict) == (limit.customers_in_window, limit.ratio, limit.verdict)
    for row in overall(live).by_event_type:
        for last in day_of(rows, row.event_type)[-1:]:
            assert (last.customers, last.verdict) == (row.customers_in_window, row.verdict)


def test_a_config_that_was_never_in_force_has_no_days(live: AnySession) -> None:
    with write(live):
        f.simulated(live, "cfg_2")
    assert daily_comparisons(live, in_force(live, get_config(live, "cfg_2"), now=AFTER_THE_WINDOW)) == ()


def statements_of(session: AnySession, work: Callable[[], object]) -> int:
    seen = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    session.expunge_all()  # or rows that it knows already would be read one by one
    engine = session.get_bind()
    sa.event.listen(engine, "before_cursor_execute", note)
    work()
    sa.event.remove(engine, "before_cursor_execute", note)
    return len([statement for statement in seen if statement != "BEGIN"])


def test_the_number_of_statements_does_not_grow_with_the_events(live: AnySession) -> None:
    report(live, "rail_warning_shown", 1)
    few = statements_of(live, lambda: (overall(live), days(live)))
    for number in range(10):
        reached(live, "hard_cap_blocked", {"percent": 100}, 1_000, after=timedelta(days=number))
    assert statements_of(live, lambda: (overall(live), days(live))) == few < 16
    assert seen(live, "hard_cap_blocked").events == 10_000


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 40), st.sampled_from([70, 90, None])), max_size=25),
    shuffle=st.randoms(use_true_random=False),
)
def test_evidence_is_the_same_in_whatever_order_events_arrive(
    live: AnySession, sent: list[tuple[int, int, int | None]], shuffle: Random
) -> None:
    def told(order: list[tuple[int, int, int | None]]) -> tuple[object, ...]:
        with write(live):
            live.execute(sa.delete(EnforcementEvent))
        for customer, day, percent in order:
            event = {
                "workspace_id": "ws_1",
                "customer_id": f"cust_{customer}",
                "config_version_id": "cfg_1",
                "occurred_at": f.NOW + timedelta(days=day),
                "event_type": "rail_warning_shown",
                "context": {"percent": percent},
            }
            with write(live):
                accept(live, [event], actor=f.OPERATOR, now=AFTER_THE_WINDOW)
        found = overall(live)
        return found.by_event_type, found.by_threshold, found.by_day, days(live)

    shuffled = list(sent)
    shuffle.shuffle(shuffled)
    assert told(sent) == told(shuffled)


def test_days_in_force_count_from_the_decision_and_not_from_a_moment_in_the_past_that_it_names(
    session: AnySession,
) -> None:
    with write(session):
        f.foundation(session)
        f.run(session, f.config(session), outputs=f.outputs(**FORECAST))
        f.approve(session, effective_at=f.NOW - timedelta(days=300))
    report(session, "rail_warning_shown", 12, after=timedelta(days=1))
    found = overall(session, f.NOW + timedelta(days=2))
    assert (found.in_force_since, found.observed_days) == (f.NOW, 2)
    row = next(row for row in found.by_event_type if row.event_type == "rail_warning_shown")
    assert (row.customers_in_window, row.verdict) == (12, "as_forecast")


def test_a_version_that_is_still_to_come_is_not_in_force(live: AnySession) -> None:
    with write(live):
        f.simulated(live, "cfg_2")
        f.approve(live, "cfg_2", later=60, effective_at=f.NOW + timedelta(days=5))
    found = evidence(live, get_config(live, "cfg_2"), now=f.NOW + timedelta(days=1))
    assert (found.in_force_since, found.observed_days) == (None, 0)

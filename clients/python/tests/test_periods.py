"""How periods are cut: every moment is in one, and no two kinds share a name."""

import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avs_brain_client import Malformed
from avs_brain_client.document import PeriodAnchor
from avs_brain_client.periods import Calendar, Calendars, FixedCalendar, period_at, period_of
from brain import Brain
from conftest import Connect, SetClock
from documents import UNIT, document, pool

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Cairo",
]
MOMENTS = st.integers(946_684_800, 3_786_912_000).map(lambda second: second * 1_000_000)
"""Whole seconds from 2000 to 2090."""
SOURCE = Path(__file__).parents[1] / "src"


def own(zone: str, day: int) -> Calendar:
    return Calendars(PeriodAnchor("customer_day", time_zone=zone), None, lambda customer: day).of("c", None, 0)


def calendars() -> st.SearchStrategy[Calendar]:
    months = st.builds(own, st.sampled_from(ZONES), st.integers(1, 31))
    return st.one_of(months, st.builds(FixedCalendar, MOMENTS))


@given(calendars(), MOMENTS)
def test_every_moment_is_in_the_period_that_its_key_names(calendar: Calendar, at_us: int) -> None:
    period = period_at(calendar, at_us)
    assert period.start_us < at_us <= period.end_us
    assert period_of(calendar, period.key) == period
    assert calendar.number(period.end_us) == period.number
    assert calendar.number(period.end_us + 1) == period.number + 1
    assert calendar.start_us(period.number + 1) == period.end_us


@given(calendars(), calendars(), MOMENTS)
def test_periods_with_one_key_begin_and_end_alike(one: Calendar, other: Calendar, at_us: int) -> None:
    first, second = period_at(one, at_us), period_at(other, at_us)
    if first.key == second.key:
        assert (first.start_us, first.end_us) == (second.start_us, second.end_us)


@given(st.sampled_from(ZONES), st.integers(1, 31), MOMENTS)
def test_a_month_begins_at_midnight_of_its_day_or_of_the_last_one(zone: str, day: int, at_us: int) -> None:
    start = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=period_at(own(zone, day), at_us).start_us)
    local = start.astimezone(ZoneInfo(zone))
    is_last = (local + timedelta(days=1)).month != local.month
    assert local.day == day or (local.day < day and is_last)
    before = (start - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
    assert before.date() < local.date()


def test_the_day_of_the_first_use_stays_the_customers_own(brain: Brain, connect: Connect, clock: SetClock) -> None:
    anchor = {"kind": "customer_day", "time_zone": "Europe/Berlin"}
    brain.activate(document(pools=[pool(behavior="hard_stop")], period_anchor=anchor))
    client = connect()
    client.refresh()
    client.record("c", UNIT, 10)
    clock.pass_seconds(20 * 86_400)
    client.record("late", UNIT, 10)
    assert not client.check("c", UNIT).allow
    clock.pass_seconds(12 * 86_400)
    assert client.check("c", UNIT).allow
    assert not client.check("late", UNIT).allow


def test_an_app_that_names_another_day_begins_another_period(brain: Brain, connect: Connect, clock: SetClock) -> None:
    days = {"c": 1}
    brain.activate(document(period_anchor={"kind": "customer_day", "time_zone": "UTC"}))
    client = connect(customer_day=days.get)
    client.refresh()
    client.record("c", UNIT, 10)
    days["c"] = 15
    clock.pass_seconds(61)
    assert client.check("c", UNIT).remaining == 10


@pytest.mark.parametrize("day", [0, 32, "3", True])
def test_a_day_that_is_none_is_said(brain: Brain, connect: Connect, day: Any) -> None:
    brain.activate(document(period_anchor={"kind": "customer_day", "time_zone": "UTC"}))
    client = connect(customer_day=lambda customer: day)
    client.refresh()
    with pytest.raises(ValueError, match="must be 1 to 31 or None"):
        client.record("c", UNIT)


@pytest.mark.parametrize(
    ("anchor", "problem"),
    [
        ({"kind": "calendar_month", "time_zone": "Mars/Olympus"}, "not known here.*package tzdata"),
        ({"kind": "calendar_month"}, "time_zone"),
        ({"kind": "weekly"}, "period_anchor.kind"),
        ({"kind": "fixed"}, "at"),
    ],
)
def test_an_anchor_that_cannot_be_gone_by_refuses_the_document(
    brain: Brain, connect: Connect, anchor: dict[str, Any], problem: str
) -> None:
    brain.activate(document(period_anchor=anchor))
    with pytest.raises(Malformed, match=problem):
        connect().refresh()


def test_a_machine_without_time_zones_says_what_to_install() -> None:
    """In a process that finds neither the system's files nor the package."""
    script = (
        "import sys; sys.modules['tzdata'] = None; from avs_brain_client.periods import time_zone; time_zone('UTC')"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONTZPATH": ""}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert "install the system's time zone files or the package tzdata" in run.stderr

"""Periods that are shared out between versions, by the table that the simulation reads (`clients/scenarios`)."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from avs_brain_client.clock import microseconds, parse_moment
from avs_brain_client.json_text import exact_json
from avs_brain_client.numbers import unscaled
from avs_brain_client.periods import Calendar, FixedCalendar, MonthCalendar, PeriodSetting
from avs_brain_client.plan import Plan, compiled
from avs_brain_client.price_plan import CustomerTerms
from avs_brain_client.proration import Share, share_of
from avs_brain_client.reading import parse
from documents import SUBJECT

FOLDER = Path(__file__).parents[2] / "scenarios" / "proration"


def scenarios() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.json")):
        yield path.stem, json.loads(path.read_bytes(), parse_float=Decimal)


CASES = [
    pytest.param(scenario["versions"], case, id=f"{name}-{'-'.join(map(str, case['elapsed_days']))}")
    for name, scenario in scenarios()
    for case in scenario.get("cases", ())
]
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
CALENDARS: dict[int, Calendar] = {30: FixedCalendar(microseconds(START)), 31: MonthCalendar(ZoneInfo("UTC"), "month")}
"""By the days of the period that begins at the start."""
DAYS = json.loads((FOLDER / "days.json").read_bytes())["days"]


def plan_of(versions: list[dict[str, Any]], days: list[int]) -> Plan:
    """The versions as one document, each of which took the place of the one before so many days into a period."""

    def after(before: dict[str, Any], change: tuple[dict[str, Any], int]) -> dict[str, Any]:
        version, elapsed = change
        since = (START + timedelta(days=elapsed, minutes=-1 if elapsed else 1)).isoformat()
        return {**version, "terms": {"start": "prorated", "since": since, "before": before}}

    whole = reduce(after, zip(versions[1:], days, strict=True), versions[0])
    document = {**whole, "subject_resolution": SUBJECT, "governance": {"terms": whole["terms"]}}
    return compiled(parse(exact_json(document).encode()), PeriodSetting(START))


def told(plan: Plan, terms: CustomerTerms) -> dict[str, Any]:
    credits = terms.prepaid
    return {
        "platform_fee_usd": unscaled(terms.platform_fee),
        "minimum_commit_usd": unscaled(terms.minimum_commit),
        "true_up": terms.true_up,
        "prepaid": credits
        and {
            "amount_usd": unscaled(credits.amount),
            "price_usd": unscaled(credits.price),
            "expires_after_days": credits.expires_after_days,
        },
        "included": {pool.pool_id: unscaled(pool.included) for pool in plan.document.pools},
    }


@pytest.mark.parametrize(("versions", "case"), CASES)
def test_amounts_of_a_period_are_shared_by_its_days(versions: list[dict[str, Any]], case: dict[str, Any]) -> None:
    calendar, everybody = CALENDARS[case["period_days"]], plan_of(versions, case["elapsed_days"])
    number = calendar.number(microseconds(START) + 1)
    plan = everybody.in_period(calendar, number)
    pools = [[pool.pool_id, unscaled(pool.included), pool.overage_behavior] for pool in plan.document.pools]
    assert pools == case["pools"]
    own = {name: everybody.of(name).in_period(calendar, number) for name in sorted(everybody.contracts)}
    terms = {name: told(its, its.terms) for name, its in {"*": plan, **own}.items() if its.terms is not None}
    assert (terms or None) == case["terms"]


@pytest.mark.parametrize("row", DAYS, ids=lambda row: row["since"])
def test_days_are_elapsed_time_rounded_half_even(row: dict[str, Any]) -> None:
    start, since, end = (parse_moment(row[name]) for name in ("start", "since", "end"))
    assert share_of(start, since, end) == Share(row["elapsed_days"], row["period_days"])

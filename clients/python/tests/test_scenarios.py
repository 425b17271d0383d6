"""The scenarios that AVS Brain's simulation is held to, event by event through a client: the same numbers.

The files are shared; what an enforcing client cannot know (cost, margins, retention, comparisons) is listed here.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from avs_brain_client import Recorded
from avs_brain_client.json_text import exact_json
from brain import Brain
from ledgers import Books, outputs
from replaying import client_of, counted_elsewhere, replay

FOLDER = Path(__file__).parents[2] / "scenarios" / "simulation"
SCENARIOS = sorted(FOLDER.glob("*.json"))
NOT_ENFORCED = (
    "/window",
    "/blocking_issues",
    "/risks",
    "/data_issues",
    "/unmatched_usage",
    "/lens_metrics",
    "/metrics",
    "/primary_metric_deltas",
    "/customer_impact",
    "/economics/baseline",
    "/economics/delta",
    "/revenue_lines/baseline",
    "/revenue_lines/delta",
    "/revenue_lines/by_period",
    "/price_plan",
    "/exploration_summary/customers_began",
    "/exploration_summary/customers_expired",
    "/exploration_summary/customers_exploring",
    "/exploration_summary/exploration_depth",
    "/exploration_summary/qualifying_events",
    "/enforcement_forecast/revenue_share_throttled_or_stopped",
)
NEVER_ENFORCED_ENDINGS = (
    "/prepaid",
    "/expired_credits",
    "/cost_usd",
    "/margin",
    "/no_revenue",
    "/start",
    "/end",
    "/value_unit_id",
)
WHOLE = ("/economics/candidate", "/revenue_lines", "/revenue_lines/candidate")
"""Objects with members that are not enforced."""


def enforced(pointer: str, question: dict[str, Any]) -> bool:
    """Whether a client can know the number; revenue only where overage is what is paid for."""
    if pointer.startswith(NOT_ENFORCED) or pointer.endswith(NEVER_ENFORCED_ENDINGS) or pointer in WHOLE:
        return False
    return not pointer.endswith("/revenue_usd") or (
        question["pricing_mode"] == "use_unit_economics" and not pointer.startswith("/pool_breakdown")
    )


def at(document: Any, pointer: str) -> Any:
    return reduce(lambda value, key: value[int(key) if key.isdigit() else key], pointer.split("/")[1:], document)


def events_in_scope(question: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """In the order in which they happened; an app sends a client the events of its own segment."""
    return [event for event in up_to_as_of(question, events) if question["segment"] in (None, event["segment"])]


def events_elsewhere(question: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events that an app sends to the client of another segment of the workspace."""
    return [event for event in up_to_as_of(question, events) if question["segment"] not in (None, event["segment"])]


def up_to_as_of(question: dict[str, Any], events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    as_of = moment(question["window"]["as_of"])
    return sorted(
        (event for event in events if moment(event["ts"]) <= as_of),
        key=lambda event: (moment(event["ts"]), event["event_id"]),
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_the_shared_scenarios_are_there() -> None:
    assert len(SCENARIOS) >= 20


@pytest.mark.parametrize("path", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_a_client_books_what_the_scenario_expects(path: Path, brain: Brain) -> None:
    scenario = json.loads(path.read_bytes(), parse_float=Decimal)
    question, expected = scenario["question"], scenario["expected"]
    events = scenario["events"]
    found = booked(brain, question, events_in_scope(question, events), events_elsewhere(question, events))
    wanted = {key: exact_json(value) for key, value in expected.items() if enforced(key, question)}
    assert {key: exact_json(at(found, key)) for key in wanted} == wanted


def test_the_comparison_notices_a_client_that_enforces_something_else(brain: Brain) -> None:
    path = next(path for path in SCENARIOS if path.stem == "draw_down_order")
    scenario = json.loads(path.read_bytes(), parse_float=Decimal)
    events = events_in_scope(scenario["question"], scenario["events"])
    genuine = booked(brain, scenario["question"], events)
    scenario["question"]["candidate"]["pools"][0]["included_quantity"] += 1
    assert booked(brain, scenario["question"], events) != genuine


def booked(
    brain: Brain, question: dict[str, Any], events: list[dict[str, Any]], elsewhere: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    as_of, days = moment(question["window"]["as_of"]), question["window"]["days"]
    counters = counted_elsewhere(brain, question["candidate"], as_of, days, elsewhere)
    with closing(client_of(brain, question["candidate"], as_of, days, counters=counters)) as client:
        fired = replay(client, events)
        customers = {event["customer_id"] for event in events}
        books = Books(client, customers, as_of - timedelta(days=days), days // 30)
        assert thresholds_fired(fired, books) == sorted(crossings(books, question))
        return outputs(books, question, fired)


def thresholds_fired(fired: list[tuple[str, Recorded]], books: Books) -> list[tuple[str, int, Decimal]]:
    """(customer, period, percent) of every firing inside the window, each as often as it fired."""
    return sorted(
        (name, firing.period, firing.context["percent"])
        for name, recorded in fired
        for firing in recorded.fired
        if firing.key.startswith("threshold:") and firing.period >= 0 and name in books.of
    )


def crossings(books: Books, question: dict[str, Any]) -> list[tuple[str, int, Decimal]]:
    percents = [Decimal(item["percent"]) for item in question["candidate"]["rails"]["usage_thresholds"]]
    return [(name, period, percent) for percent in percents for name, period in books.crossings(percent)]

"""Every figure of the page about prices is what the product comes to: charges, bills, lines and shares."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest

from rules.price_plan_problems import problems
from simulation.canonical import Json
from simulation.documents import config_plan
from simulation.events import Event
from simulation.numbers import EXACT
from simulation.plan import Plan
from simulation.price_plan import price_plan
from simulation.proration import Share
from simulation.sample_bills import sample_bills
from simulation.window import Window
from tests.docs.pages import rows_beneath, text_of

PAGE = text_of("docs/pricing.md")
EXAMPLE = re.compile(r"^```json\n(.+?)^```\n\n(\|[^\n]+\|)\n\|[-|]+\|\n((?:\|[^\n]+\n)+)", re.MULTILINE | re.DOTALL)
AS_OF = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)
UNIT = {
    "value_unit_id": "vu_review",
    "event_mapping": {"event_type": "review", "aggregation": {"type": "count"}},
    "unit_economics": {"avg_cost_per_unit_usd": Decimal("0.4"), "target_price_per_unit_usd": 2},
}
POOL = {"pool_id": "core", "value_unit_id": "vu_review", "included_quantity": 20, "overage_behavior": "allow_overage"}
Row = dict[str, str]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def examples() -> Iterator[tuple[Json, Row]]:
    """Each row under its example's document, by the column's names."""
    for document, header, rows in EXAMPLE.findall(PAGE):
        for line in rows.splitlines():
            yield json.loads(document, parse_float=Decimal), dict(zip(cells(header), cells(line), strict=True))


ROWS = list(examples())
CHARGES = [(unit, row) for unit, row in ROWS if "model" in unit]
BILLS = [(plan, row) for plan, row in ROWS if "model" not in plan]


def test_every_example_of_the_page_has_its_table() -> None:
    assert len(EXAMPLE.findall(PAGE)) == PAGE.count("```json") == 8


@pytest.mark.parametrize(("unit", "row"), CHARGES, ids=lambda value: None)
def test_a_charge_is_what_the_page_says(unit: Json, row: Row) -> None:
    plan = price_plan({"unit_prices": [unit]})
    assert plan is not None
    charge = plan.usual.unit_prices[unit["value_unit_id"]].charge(Decimal(row["units beyond the allowance"]))
    assert charge == Decimal(row["charge"])


@pytest.mark.parametrize(("plan", "row"), BILLS, ids=lambda value: None)
def test_a_bill_is_what_the_page_says(plan: Json, row: Row) -> None:
    customer = row.pop("customer", "cust_9")
    bill_usd, used, before = (Decimal(row.pop(name, 0)) for name in ("bill", "used", "used before"))
    (bill,) = sample_bills(_plan(plan, 60 if before else 30), _events(customer, int(used), int(before)))
    assert bill.bill_usd == bill_usd
    assert {name: bill.lines[name] for name in row} == {name: Decimal(amount) for name, amount in row.items()}
    assert sum(bill.lines[name] for name in row) == bill_usd


@pytest.mark.parametrize("document", [document for document, _ in ROWS], ids=lambda value: None)
def test_an_example_can_be_typed_in(document: Json) -> None:
    plan = {"unit_prices": [document]} if "model" in document else document
    assert list(problems(plan)) == []


@pytest.mark.parametrize("row", rows_beneath(PAGE, "| amount | before | after | this period |"), ids=lambda row: row[0])
def test_an_amount_is_shared_out_as_the_page_says(row: list[str]) -> None:
    _, before, after, period = row
    with localcontext(EXACT):
        assert Share(10, 30).of(Decimal(before), Decimal(after)) == Decimal(period)


def _plan(document: Json, days: int) -> Plan:
    config = {
        "config_version_id": "cfg",
        "value_units": [UNIT],
        "pools": [POOL],
        "rating_agility": {"price_plan": document},
    }
    return Plan(config_plan(config), None, Window(AS_OF, days), "ws", None)


def _events(customer: str, used: int, before: int) -> list[Event]:
    """A visit, and so many reviews in the period and in the one before it."""
    last, earlier = AS_OF - timedelta(days=5), AS_OF - timedelta(days=35)
    visit = Event("visit", earlier if before else last, "visit", "ws", customer, "smb", {})
    reviews = [("r", last, at) for at in range(used)] + [("b", earlier, at) for at in range(before)]
    return [
        visit,
        *(
            Event(f"{name}_{at}", moment + timedelta(minutes=at), "review", "ws", customer, "smb", {})
            for name, moment, at in reviews
        ),
    ]

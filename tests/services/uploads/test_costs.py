"""Costs from a file: exact, the last word about a thing counts, and kept beside the cards of documents."""

from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.models.base import db
from app.models.cycle import CycleDraftContext
from app.models.transactions import write
from app.services.authoring import contexts
from app.services.authoring.inputs import ContextInput
from app.services.uploads.costs import keep_costs, newest_context, read_costs, suggested_costs
from tests import factories as f
from tests.present import present


def rows(*pairs: tuple[str, str]) -> list[tuple[int, dict[str, str]]]:
    return [(number, {"name": name, "cost_per_unit_usd": cost}) for number, (name, cost) in enumerate(pairs, 1)]


def keep(*pairs: tuple[str, str]) -> None:
    cards, rejects = read_costs("costs.csv", rows(*pairs))
    assert not rejects
    with write(db.session):
        keep_costs(db.session, "ws_1", cards, actor=f.OPERATOR, now=f.NOW)


@pytest.fixture
def workspace(sqlite_app: Flask) -> None:
    with write(db.session):
        f.workspace(db.session)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("0.18", "0.18"),
        ("$1,234.50", "1234.5"),
        (".5", "0.5"),
        ("3 USD", "3"),
        ("US$ 0.00000015", "0.00000015"),
        ("0", "0"),
        ("0,180", "0.18"),
        ("1,23", "1.23"),
        ("0,18 USD", "0.18"),
        ("1.234,5", "1234.5"),
        ("1,234,567", "1234567"),
        ("1.5e-7", "0.00000015"),
        ("1E-12", "0.000000000001"),
    ],
)
def test_an_amount_is_read_exactly(typed: str, value: str) -> None:
    ((card,), rejects) = read_costs("costs.csv", rows(("vu_x", typed)))
    assert (card.value, card.label, rejects) == (value, f"cost ${value} per vu_x", [])


@pytest.mark.parametrize(
    ("name", "cost", "reason"),
    [
        ("", "1", "is missing"),
        ("x" * 201, "1", "longer than 200"),
        ("x", "", "the cost is missing"),
        ("x", "-1", "no amount in USD"),
        ("x", "free", "no amount in USD"),
        ("x", "1,234", "can mean 1234 or 1.234"),
        ("x", "1,2,3", "no amount in USD"),
        ("x", "1e-13", "more than 12 decimals"),
        ("x", "€3", "no amount in USD"),
        ("x", "0.0000000000001", "more than 12 decimals"),
        ("x", "1" * 40, "10^14 or more"),
        ("x", "1e14", "10^14 or more"),
        ("x", "1e-400", "more than 12 decimals"),
    ],
)
def test_a_row_that_does_not_fit_is_rejected_with_its_number_and_reason(name: str, cost: str, reason: str) -> None:
    cards, (reject,) = read_costs("costs.csv", rows(("fits", "1"), (name, cost)))
    assert len(cards) == 1
    assert reject.row == 2
    assert reason in reject.reason


@pytest.mark.parametrize(("sign", "value"), [(".", "1234"), (",", "1.234")])
def test_an_amount_that_can_mean_two_numbers_is_read_once_the_decimal_sign_is_said(sign: str, value: str) -> None:
    (card,), rejects = read_costs("costs.csv", rows(("x", "1,234")), sign)
    assert (card.value, rejects) == (value, [])


def test_an_amount_with_the_other_sign_than_was_said_is_rejected() -> None:
    cards, (reject,) = read_costs("costs.csv", rows(("x", "0.18")), ",")
    assert (cards, reject.field) == ([], "cost_per_unit_usd")


@given(st.decimals(min_value=0, max_value=10**14 - 1, places=12))
def test_any_cost_that_simulations_take_comes_back_as_it_was(amount: Decimal) -> None:
    (card,), _ = read_costs("costs.csv", rows(("x", f"{amount:,f}".removeprefix("-"))))
    assert Decimal(card.value) == amount


def test_the_last_row_about_a_thing_counts() -> None:
    cards, _ = read_costs("costs.csv", rows(("x", "1"), ("y", "3"), ("x", "2")))
    assert [(card.label, card.source) for card in cards] == [
        ("cost $3 per y", "costs.csv, row 2"),
        ("cost $2 per x", "costs.csv, row 3"),
    ]


def test_two_things_of_one_cost_are_both_kept(workspace: None) -> None:
    keep(("x", "0.02"), ("y", "0.02"))
    assert suggested_costs(db.session, "ws_1") == {"x": Decimal("0.02"), "y": Decimal("0.02")}
    assert len({card["card_id"] for card in present(newest_context(db.session, "ws_1")).extracted_cards}) == 2


def test_a_new_cost_replaces_the_one_before_and_leaves_other_cards(workspace: None) -> None:
    other = {"card_id": "card_1", "kind": "goal", "value": "revenue", "label": "revenue", "state": "new"}
    with write(db.session):
        data: ContextInput = {"workspace_id": "ws_1", "extracted_cards": [other]}
        contexts.create_context(db.session, data, actor=f.OPERATOR, now=f.NOW)
    keep(("x", "1"), ("y", "2"))
    keep(("x", "3"))
    assert suggested_costs(db.session, "ws_1") == {"x": 3, "y": 2}
    assert db.session.query(CycleDraftContext).count() == 1
    assert present(newest_context(db.session, "ws_1")).extracted_cards[0] == other


def test_a_dismissed_cost_and_one_of_no_thing_are_not_suggested(workspace: None) -> None:
    card = {"card_id": "c", "kind": "cost", "value": "1", "label": "cost $1 per x", "state": "dismissed"}
    vague = card | {"label": "cost $1", "state": "accepted"}
    with write(db.session):
        data: ContextInput = {"workspace_id": "ws_1", "extracted_cards": [card, vague]}
        contexts.create_context(db.session, data, actor=f.OPERATOR, now=f.NOW)
    assert suggested_costs(db.session, "ws_1") == {}

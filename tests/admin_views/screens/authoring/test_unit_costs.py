"""Flow 2A: costs that the workspace uploaded are offered beside the unit they are of, and never taken by themselves."""

from dataclasses import replace
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.transactions import write
from app.services.uploads.costs import cost_cards, keep_costs, read_costs
from tests import factories
from tests.admin_views.screens.authoring.unit_pages import HD, UNITS, changed, send, typed_in, unit
from tests.admin_views.screens.draft_pages import AUTOSAVE
from tests.answers import json_of

OFFER = 'data-fill="unit_economics.avg_cost_per_unit_usd"'


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    """A browser on a cycle with two complete units."""
    with write(db.session):
        factories.foundation(db.session)
    return sqlite_app.test_client()


def upload(**costs: str) -> dict[str, str]:
    """Costs of a file in the workspace, by what they are of; returns their cards' ids."""
    rows = enumerate(({"name": name, "cost_per_unit_usd": cost} for name, cost in costs.items()), 1)
    cards, rejects = read_costs("costs.csv", rows)
    assert not rejects
    with write(db.session):
        keep_costs(db.session, factories.WORKSPACE, cards, **factories.WHO)
    return {name: card["card_id"] for name, card in cost_cards(db.session, factories.WORKSPACE).items()}


def offered(page: str) -> list[str]:
    """The values on offer beside the average cost, of a page or of the part that a background save tells."""
    page = page.partition('id="cost-offered">')[2].partition("</div>")[0] or page
    return [part.split('data-value="')[1].split('"')[0] for part in page.split(OFFER)[1:]]


@pytest.mark.parametrize("name", ["vu_hd_minute", "Usable HD minute", "video_render_completed"])
def test_a_cost_of_the_unit_is_offered_with_where_it_comes_from(operator: FlaskClient, name: str) -> None:
    upload(**{name: "0.21"})
    page = operator.get(HD).text
    assert offered(page) == ["0.21"]
    assert f"cost $0.21 per {name}" in page
    assert "costs.csv, row 1" in page


def test_a_cost_of_something_else_is_not_offered(operator: FlaskClient) -> None:
    upload(vu_draft_export="0.05", elsewhere="0.9")
    assert offered(operator.get(HD).text) == []


def test_the_nearest_name_comes_first_and_a_cost_that_is_typed_already_is_not_repeated(operator: FlaskClient) -> None:
    upload(video_render_completed="0.3", vu_hd_minute="0.2")
    assert offered(operator.get(HD).text) == ["0.2", "0.3"]
    send(operator, avg_cost_per_unit_usd="0.2")
    assert offered(operator.get(HD).text) == ["0.3"]


def test_it_is_taken_by_its_button_alone_and_without_a_script(operator: FlaskClient) -> None:
    card = upload(vu_hd_minute="0.21")["vu_hd_minute"]
    stored = unit().avg_cost_per_unit_usd
    page = operator.get(HD).text
    assert typed_in(page)["avg_cost_per_unit_usd"] == str(stored)
    send(operator, name="Saved beside it")
    assert unit().avg_cost_per_unit_usd == stored
    filled = operator.post(HD, data=changed(typed_in(operator.get(HD).text), do=f"fill:{card}"))
    assert typed_in(filled.text)["avg_cost_per_unit_usd"] == "0.21"
    assert unit().avg_cost_per_unit_usd == stored
    assert operator.post(HD, data=changed(typed_in(filled.text))).status_code == 303
    assert unit().avg_cost_per_unit_usd == Decimal("0.21")


def test_a_new_unit_is_offered_the_cost_of_the_event_that_it_counts(operator: FlaskClient) -> None:
    upload(draft_export_created="0.04")
    new = f"{UNITS}?unit=new"
    assert offered(operator.get(new).text) == []
    sent = changed(typed_in(operator.get(new).text), do="", event_type="draft_export_created")
    told = json_of(operator.post(new, data=sent, headers=AUTOSAVE))
    assert offered(told["parts"]["cost-offered"]) == ["0.04"]
    assert unit(told["address"].rpartition("=")[2]).avg_cost_per_unit_usd is None


def test_a_cost_that_was_dismissed_is_not_offered(operator: FlaskClient) -> None:
    upload(vu_hd_minute="0.21")
    assert offered(operator.get(HD).text)
    with write(db.session):
        cards, _ = read_costs("costs.csv", [(1, {"name": "vu_hd_minute", "cost_per_unit_usd": "0.21"})])
        dismissed = [replace(card, state="dismissed") for card in cards]
        keep_costs(db.session, factories.WORKSPACE, dismissed, **factories.WHO)
    assert offered(operator.get(HD).text) == []

"""Flow 4B under a price plan: where the money comes from, who pays more and why, credits, commit and tiers."""

import csv
from io import StringIO

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.config_version import ConfigVersion
from rules.price_plan import normalised
from tests.admin_views.screens.simulations.test_review import PATH, figures_of, text_of
from tests.services import plan_runs
from tests.services import review_runs as r


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    client = sqlite_app.test_client()
    r.prepared(client)
    db.session.remove()
    return client


def test_the_page_says_where_the_money_comes_from(operator: FlaskClient) -> None:
    plan_runs.plan_run(r.simulated())
    page = operator.get(PATH).text
    said = text_of(page)
    assert "Fees bring 90.3 % of the revenue; fees change most: $147.00 more" in said
    assert "Revenue is what customers are billed by the price plan" in said
    panels = figures_of(page)["revenue"]["panels"]
    assert [panel["title"] for panel in panels] == ["Candidate, USD per period", "Baseline, USD per period"]
    assert panels[0]["traces"][0]["x"] == [49, 98]
    assert panels[0]["traces"][1]["base"] == [49, 98]


def test_payers_credits_commit_and_tiers_are_said(operator: FlaskClient) -> None:
    plan_runs.plan_run(r.simulated())
    said = text_of(operator.get(PATH).text)
    assert "Who pays 2 customers in 3 customer-periods, used or not" in said
    assert "$20.00 of credits bought for $12.00: $10.00 drawn, $5.00 expired, $5.00 left" in said
    assert "Unused commit $3.00, of 1 customer in 2 customer-periods" in said
    assert "below cost" in said


def test_the_row_of_the_plan_stands_beside_pools_and_units(operator: FlaskClient) -> None:
    run_id = plan_runs.plan_run(r.simulated())
    for name, column in (("pools", "label"), ("units", "name"), ("breakdown", "label")):
        rows = list(csv.DictReader(StringIO(operator.get(f"{PATH}/{name}.csv?run={run_id}").text)))
        assert [row for row in rows if row[column] == "Plan"], name
    assert "not measured" not in text_of(operator.get(f"{PATH}?run={run_id}").text)


def test_who_pays_more_is_explained_by_the_lines(operator: FlaskClient) -> None:
    run_id = plan_runs.plan_run(r.simulated())
    rows = list(csv.DictReader(StringIO(operator.get(f"{PATH}/bill-lines.csv?run={run_id}").text)))
    assert rows[0]["fees_change_usd"] == "98"
    assert rows[0]["overage_change_usd"] == "-5.2"
    assert "Which lines change these bills" in operator.get(PATH).text


def test_the_risks_of_a_plan_lead_to_its_screen(operator: FlaskClient) -> None:
    plan_runs.plan_run(r.simulated())
    page = operator.get(PATH).text
    for field in (
        "unit_prices.vu_hd_minute.tiers.2.unit_price_usd",
        "minimum_commit_usd",
        "prepaid.expires_after_days",
    ):
        assert f"/configs/cfg_1/price-plan#{field}" in page
    said = text_of(page)
    assert "Tier 2 of “Usable HD minute” is sold for $0.10, below its cost of $0.18" in said
    assert "1 customer left $3.00 of the minimum commit unused in 2 customer-periods" in said
    assert "$5.00 of credits lapsed, for which $4.00 was paid" in said


def test_a_proxy_mode_says_what_it_leaves_out(operator: FlaskClient) -> None:
    plan_runs.plan_run(r.simulated(), applied=False)
    page = operator.get(PATH).text
    assert "Without the price plan: Fees, credits and commit count for nothing" in text_of(page)
    assert "revenue" not in figures_of(page)


def test_a_run_without_a_plan_has_none_of_it(operator: FlaskClient) -> None:
    r.simulated()
    page = operator.get(PATH).text
    assert "plan-title" not in page
    assert "revenue" not in figures_of(page)


def test_a_run_that_does_not_count_the_price_plan_of_its_config_says_so(operator: FlaskClient) -> None:
    r.simulated()
    warning = "Without the price plan: This run does not count it: revenue is overage at the target prices"
    assert warning not in text_of(operator.get(PATH).text)
    config = db.session.get_one(ConfigVersion, "cfg_1")
    config.price_plan = normalised({"platform_fee_usd": 49})
    db.session.commit()
    assert warning in text_of(operator.get(PATH).text)

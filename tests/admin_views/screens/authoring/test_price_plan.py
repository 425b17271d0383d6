"""The price plan screen: one sentence for each line, rows that come and go, and nothing that was typed lost."""

import re
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.authoring import config_parts
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of
from tests.admin_views.screens.draft_pages import AUTOSAVE, PREVIEW, post, sent_by, typed
from tests.answers import json_of
from tests.services import review_runs as r

URL = "/configs/cfg_1/price-plan"
UNIT = "vu_hd_minute"
PLAN = {
    "platform_fee_usd": 49,
    "minimum_commit_usd": 100,
    "prepaid": {"amount_usd": 50, "price_usd": 40, "expires_after_days": 90},
    "unit_prices": [
        {
            "value_unit_id": UNIT,
            "model": "graduated",
            "tiers": [
                {"up_to": 100, "unit_price_usd": Decimal("0.5"), "flat_fee_usd": 5},
                {"up_to": None, "unit_price_usd": Decimal("0.4")},
            ],
        }
    ],
    "overrides": [{"customer_id": "cust_1", "platform_fee_usd": 0, "prepaid": None}],
}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    with write(db.session):
        f.foundation(db.session)
        f.config(db.session)
    return sqlite_app.test_client()


def store(plan: dict[str, Any]) -> None:
    with write(db.session):
        config_parts.put_price_plan(db.session, "cfg_1", plan, actor=f.OPERATOR, now=f.NOW)


def stored() -> Any:
    db.session.rollback()
    db.session.expunge_all()
    return db.session.get_one(ConfigVersion, "cfg_1").price_plan


def test_without_a_plan_the_page_says_what_that_means_and_one_click_adds_one(client: FlaskClient) -> None:
    page = client.get(URL).text
    assert "No plan: revenue is overage alone, at the prices of the units." in text_of(page)
    added = post(client, URL, {"do": "plan:there"})
    assert 'id="platform_fee_usd"' in added.text
    saved = client.post(URL, data=typed(added.text, {"platform_fee_usd": "49", "do": "save"}))
    assert saved.status_code == 303
    assert stored() == {"platform_fee_usd": 49, "change_policy": "at_next_period"}


def test_a_plan_that_says_nothing_is_no_plan(client: FlaskClient) -> None:
    added = post(client, URL, {"do": "plan:there"})
    assert client.post(URL, data=typed(added.text)).location == "/configs/cfg_1/exploration"
    assert stored() is None


def test_every_line_of_the_plan_is_a_sentence(client: FlaskClient) -> None:
    store(PLAN)
    text = text_of(client.get(URL).text)
    for sentence in (
        "Each customer pays $49.00 a month, used or not.",
        "Each month is billed at $100.00 at least; what is missing to it is billed on top.",
        "Each month starts with $50.00 of credits, bought for $40.00.",
        "300 × Usable HD minute are included; beyond them the first 100 cost $0.50 each plus $5.00 once, then $0.40.",
        "Draft export beyond the allowance keeps its target price: $0.05 each.",
        "Contract of Pioneer Studio: no platform fee; no credits.",
        "A later version changes these terms from each customer's next month on.",
    ):
        assert sentence in text


def test_saving_what_is_shown_changes_nothing(client: FlaskClient) -> None:
    store(PLAN)
    before = stored()
    assert post(client, URL).location == "/configs/cfg_1/exploration"
    assert stored() == before


def test_rows_of_every_kind_are_added_filled_in_and_stored(client: FlaskClient) -> None:
    page = post(client, URL, {"do": "plan:there"}).text
    page = client.post(URL, data=typed(page, {"do": "add:unit_prices"})).text
    page = client.post(URL, data=typed(page, {"do": "add:unit_prices.new_1.tiers"})).text
    page = client.post(URL, data=typed(page, {"do": "add:overrides"})).text
    page = client.post(URL, data=typed(page, {"do": "add:overrides.new_1.unit_prices"})).text
    answer = client.post(
        URL,
        data=typed(
            page,
            {
                "unit_prices.new_1.value_unit_id": UNIT,
                "unit_prices.new_1.model": "volume",
                "unit_prices.new_1.tiers.new_1.up_to": "1,000",
                "unit_prices.new_1.tiers.new_1.unit_price_usd": "0.5",
                "unit_prices.new_1.tiers.1.unit_price_usd": "0.4",
                "overrides.new_1.customer_id": "cust_1",
                "overrides.new_1.true_up": "no",
                "overrides.new_1.included_quantity.pool_core.quantity": "400",
                "overrides.new_1.unit_prices.new_1.value_unit_id": UNIT,
                "overrides.new_1.unit_prices.new_1.model": "package",
                "overrides.new_1.unit_prices.new_1.package_size": "100",
                "overrides.new_1.unit_prices.new_1.tiers.1.unit_price_usd": "10",
                "do": "save",
            },
        ),
    )
    assert answer.status_code == 303
    assert stored() == {
        "unit_prices": [
            {
                "value_unit_id": UNIT,
                "model": "volume",
                "tiers": [
                    {"up_to": 1000, "unit_price_usd": Decimal("0.5")},
                    {"up_to": None, "unit_price_usd": Decimal("0.4")},
                ],
            }
        ],
        "overrides": [
            {
                "customer_id": "cust_1",
                "true_up": False,
                "unit_prices": [
                    {
                        "value_unit_id": UNIT,
                        "model": "package",
                        "package_size": 100,
                        "tiers": [{"up_to": None, "unit_price_usd": 10}],
                    }
                ],
                "included_quantity": {"pool_core": 400},
            }
        ],
        "change_policy": "at_next_period",
    }


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("platform_fee_usd", "much", "is not a number"),
        ("prepaid_price_usd", "", "Say what the credits are bought for"),
        ("unit_prices.vu_hd_minute.tiers.1.unit_price_usd", "", "Say the price; 0 is free."),
        ("unit_prices.vu_hd_minute.value_unit_id", "", "Choose the unit that is priced."),
        ("overrides.cust_1.customer_id", "", "Choose the customer."),
        ("overrides.cust_1.minimum_commit_usd", "-1", "This cannot be negative."),
    ],
    ids=["fee", "credits", "tier", "unit", "customer", "commit"],
)
def test_an_error_stands_at_its_field_and_what_was_typed_stays(
    client: FlaskClient, name: str, text: str, problem: str
) -> None:
    store(PLAN)
    before = stored()
    answer = post(client, URL, {name: text, "minimum_commit_usd": "123"})
    assert answer.status_code == 422
    assert problem in text_of(answer.text)
    assert (sent_by(answer.text)[name], sent_by(answer.text)["minimum_commit_usd"]) == (text, "123")
    assert stored() == before
    behind = post(client, URL, {name: text}, headers=AUTOSAVE)
    assert list(json_of(behind)["errors"]) == [name]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("unit_prices.vu_hd_minute.tiers.1.up_to", "", "Say where this tier ends: above 0."),
        ("unit_prices.vu_hd_minute.tiers.2.up_to", "200", "The last tier has no end: leave it open."),
        ("overrides.cust_1.platform_fee_usd", "1e-13", "at most 12 decimal places"),
    ],
    ids=["gap", "end", "places"],
)
def test_what_cannot_be_billed_is_said_at_its_field(client: FlaskClient, name: str, text: str, problem: str) -> None:
    store(PLAN)
    answer = post(client, URL, {name: text}, headers=AUTOSAVE)
    assert answer.status_code == 422
    assert list(json_of(answer)["errors"]) == [name]
    assert problem in json_of(answer)["errors"][name][0]


def test_what_a_model_does_not_use_may_hold_anything(client: FlaskClient) -> None:
    store(PLAN)
    price = "unit_prices.vu_hd_minute"
    changes = {f"{price}.model": "per_unit", f"{price}.tiers.2.unit_price_usd": "", f"{price}.package_size": "many"}
    assert post(client, URL, changes).status_code == 303
    assert stored()["unit_prices"] == [
        {"value_unit_id": UNIT, "model": "per_unit", "tiers": [{"up_to": None, "unit_price_usd": Decimal("0.5")}]}
    ]


def test_a_unit_is_priced_once_and_a_customer_has_one_contract(client: FlaskClient) -> None:
    store(PLAN)
    page = post(client, URL, {"do": "add:unit_prices"}).text
    page = client.post(URL, data=typed(page, {"do": "add:overrides"})).text
    price = "unit_prices.new_1"
    twice = {
        f"{price}.value_unit_id": UNIT,
        f"{price}.tiers.1.unit_price_usd": "1",
        "overrides.new_1.customer_id": "cust_1",
    }
    text = text_of(client.post(URL, data=typed(page, twice)).text)
    assert "This unit is priced twice: keep one price of it." in text
    assert "This customer has two contracts: keep one." in text


def test_the_plan_is_taken_out_and_brought_back(client: FlaskClient) -> None:
    store(PLAN)
    before = stored()
    gone = post(client, URL, {"do": "plan:gone"})
    assert "The price plan is removed: revenue is overage alone again" in text_of(gone.text)
    assert client.post(URL, data=typed(gone.text), headers=AUTOSAVE).status_code == 200
    assert stored() is None
    back = client.post(URL, data=typed(gone.text, {"do": "plan:there", "row_version": ""}))
    version = json_of(client.post(URL, data=typed(gone.text), headers=AUTOSAVE))["row_version"]
    client.post(URL, data=typed(back.text, {"row_version": version}))
    assert stored() == before


def test_a_removed_row_stays_in_the_page_until_the_save(client: FlaskClient) -> None:
    store(PLAN)
    page = post(client, URL, {"do": "remove:unit_prices.vu_hd_minute"}).text
    assert "Price of Usable HD minute is removed." in text_of(page)
    back = client.post(URL, data=typed(page, {"do": "undo:unit_prices.vu_hd_minute"}))
    assert sent_by(back.text)["unit_prices.vu_hd_minute.removed"] == ""
    client.post(URL, data=typed(page))
    assert "unit_prices" not in stored()


def test_a_preview_says_what_the_plan_means_and_stores_nothing(client: FlaskClient) -> None:
    store(PLAN)
    price = "unit_prices.vu_hd_minute"
    answer = json_of(
        post(client, URL, {"platform_fee_usd": "59", f"{price}.tiers.2.unit_price_usd": "0.3"}, headers=PREVIEW)
    )
    assert "Each customer pays $59.00 a month, used or not." in answer["parts"]["plan-says"]
    assert "then $0.30." in answer["parts"][f"chart-{price}"]
    assert stored()["platform_fee_usd"] == 49


def test_without_usage_the_page_says_so_instead_of_bills(client: FlaskClient) -> None:
    store(PLAN)
    with write(db.session):
        db.session.get_one(Workspace, f.WORKSPACE).data_mode = "csv_upload"
    assert "No usage has arrived yet." in text_of(client.get(URL).text)


def test_three_real_bills_stand_beside_the_plan_and_follow_what_is_typed(client: FlaskClient) -> None:
    r.used(client)
    store({"platform_fee_usd": 49})
    page = client.get(URL).text
    said = text_of(page)
    assert "Smallest bill $49.00 Fees $49.00" in re.sub(r"(bill \$49\.00) .*? Fees", r"\1 Fees", said)
    assert "20 used, 20 included" in said
    answer = json_of(client.post(URL, data=typed(page, {"platform_fee_usd": "59"}), headers=PREVIEW))
    assert "$59.00" in answer["parts"]["bills"]
    assert stored()["platform_fee_usd"] == 49


def test_bills_of_a_plan_that_cannot_be_read_yet_say_so_and_the_form_goes_on(client: FlaskClient) -> None:
    r.used(client)
    store(PLAN)
    answer = post(client, URL, {"unit_prices.vu_hd_minute.tiers.1.up_to": ""}, headers=PREVIEW)
    assert answer.status_code == 200
    assert "Bills are worked out once" in json_of(answer)["parts"]["bills"]


def test_the_slower_of_two_operators_sees_both_plans(client: FlaskClient) -> None:
    store(PLAN)
    page = client.get(URL).text
    store(PLAN | {"platform_fee_usd": 59})
    answer = client.post(URL, data=typed(page, {"platform_fee_usd": "69"}))
    assert answer.status_code == 412
    rivals = text_of(answer.text)
    assert "$59.00" in rivals
    assert "$69.00" in rivals
    assert client.post(URL, data=typed(answer.text, {"do": "save"})).status_code == 303
    assert stored()["platform_fee_usd"] == 69


def test_a_decided_plan_cannot_be_changed_and_its_fork_has_it(client: FlaskClient) -> None:
    store(PLAN)
    with write(db.session):
        f.run(db.session, db.session.get_one(ConfigVersion, "cfg_1"))
        f.approve(db.session)
    page = client.get(URL)
    assert "so it cannot be changed" in text_of(page.text)
    fork = client.post(f"{URL}/fork", data=sent_by(page.text, "fork"))
    assert "Each customer pays $49.00 a month" in text_of(client.get(fork.location).text)


@pytest.mark.parametrize("place", ["/admin/configs/", "/admin/configs/details/?id=cfg_1"], ids=["list", "details"])
def test_the_generated_grids_show_configs_with_a_plan(client: FlaskClient, place: str) -> None:
    store(PLAN)
    assert client.get(place).status_code == 200

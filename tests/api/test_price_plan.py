"""The price plan of a draft through the API: replaced, changed by member, taken out, refused where it errs."""

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from app.models.base import db
from app.models.product_event import ProductEvent
from simulation.canonical import JsonObject, canonical_bytes
from tests import factories
from tests.api.conftest import Api, exact
from tests.api.test_configs import CONFIG, POOL

CONFIG_URL = "/api/configs/cfg_1"
URL = f"{CONFIG_URL}/price-plan"
TIERS = [{"up_to": 100, "unit_price_usd": Decimal("0.5"), "flat_fee_usd": 5}, {"up_to": None, "unit_price_usd": 1}]
GRADUATED: JsonObject = {"value_unit_id": "vu_hd_minute", "model": "graduated", "tiers": TIERS}
PACKAGE: JsonObject = {
    "value_unit_id": "vu_a",
    "model": "package",
    "package_size": 1000,
    "tiers": [{"unit_price_usd": Decimal("9.99")}],
}
PLAN: JsonObject = {
    "platform_fee_usd": 49,
    "minimum_commit_usd": 0,
    "true_up": True,
    "unit_prices": [GRADUATED, PACKAGE],
    "overrides": [
        {"customer_id": "cust_2", "platform_fee_usd": 0},
        {"customer_id": "auth0|64fe", "prepaid": None, "included_quantity": {"pool_core": 200}},
    ],
}
KEPT: JsonObject = {
    "platform_fee_usd": 49,
    "unit_prices": [PACKAGE | {"tiers": [{"up_to": None, "unit_price_usd": Decimal("9.99")}]}, GRADUATED],
    "overrides": [PLAN["overrides"][1], PLAN["overrides"][0]],
    "change_policy": "at_next_period",
}


@pytest.fixture
def draft(studio: Api) -> Api:
    studio.post("/api/configs", CONFIG | {"pools": [POOL]})
    return studio


def hash_of(api: Api) -> str:
    return str(api.get(CONFIG_URL).json["content_hash"])


def test_a_plan_is_kept_in_one_way_and_every_answer_has_it(draft: Api) -> None:
    assert draft.get(URL).json == {}
    assert draft.get(CONFIG_URL).json["price_plan"] is None
    assert exact(draft.put(URL, PLAN)) == KEPT
    assert exact(draft.get(URL)) == KEPT
    assert exact(draft.get(CONFIG_URL))["price_plan"] == KEPT
    assert exact(draft.get("/api/configs?workspace_id=ws_1"))["items"][0]["price_plan"] == KEPT


def test_what_bills_alike_has_one_hash_and_without_a_plan_the_first_one_is_back(draft: Api) -> None:
    without = hash_of(draft)
    draft.put(URL, PLAN)
    planned = hash_of(draft)
    draft.put(URL, KEPT)
    assert hash_of(draft) == planned != without
    draft.delete(URL)
    assert hash_of(draft) == without
    draft.put(URL, {"change_policy": "prorate", "platform_fee_usd": 0})
    assert (draft.get(URL).json, hash_of(draft)) == ({}, without)


def test_patch_replaces_the_members_that_it_has_and_null_takes_one_out(draft: Api) -> None:
    draft.put(URL, PLAN)
    changed = exact(draft.patch(URL, {"platform_fee_usd": None, "change_policy": "prorate", "overrides": []}))
    assert changed == {"unit_prices": KEPT["unit_prices"], "change_policy": "prorate"}
    assert draft.patch(URL, {"unit_prices": None}).json == {}


def test_a_new_config_may_come_with_a_plan(draft: Api) -> None:
    created = draft.post("/api/configs", CONFIG | {"config_version_id": "cfg_2", "price_plan": PLAN})
    assert exact(created)["price_plan"] == KEPT
    bad = CONFIG | {"config_version_id": "cfg_3", "price_plan": {"unit_prices": [GRADUATED | {"package_size": 5}]}}
    (error,) = draft.post("/api/configs", bad, 422).json["errors"]
    assert error["pointer"] == "/price_plan/unit_prices/0/package_size"


def test_a_change_of_a_plan_is_a_product_event(draft: Api) -> None:
    draft.put(URL, PLAN)
    assert "price_plan_configured" in db.session.scalars(sa.select(ProductEvent.event_name)).all()


def ends(*ends: Any) -> JsonObject:
    return {"unit_prices": [GRADUATED | {"tiers": [{"up_to": end, "unit_price_usd": 1} for end in ends]}]}


@pytest.mark.parametrize(
    ("plan", "pointer", "says"),
    [
        ({"platform_fee": 49}, "/platform_fee", "There is no such field."),
        ({"platform_fee_usd": -1}, "/platform_fee_usd", "at least 0"),
        ({"platform_fee_usd": Decimal("1e14")}, "/platform_fee_usd", "smaller than 10^14"),
        ({"platform_fee_usd": "49"}, "/platform_fee_usd", "JSON number"),
        ({"change_policy": "never"}, "/change_policy", "at_next_period, prorate"),
        ({"prepaid": {"amount_usd": 5}}, "/prepaid/price_usd", "Missing"),
        (ends(100, 100, None), "/unit_prices/0/tiers/1/up_to", "above 100"),
        (ends(100, 200), "/unit_prices/0/tiers/1/up_to", "leave it open"),
        (ends(), "/unit_prices/0/tiers", "1 to 100 items"),
        ({"unit_prices": [GRADUATED | {"model": "step"}]}, "/unit_prices/0/model", "per_unit, graduated, volume"),
        ({"unit_prices": [GRADUATED, GRADUATED]}, "/unit_prices/0/value_unit_id", "given twice"),
        ({"unit_prices": [PACKAGE | {"package_size": None}]}, "/unit_prices/0/package_size", "whole number"),
        ({"overrides": [{"customer_id": "c"}, {"customer_id": "c"}]}, "/overrides/1/customer_id", "each once"),
        (
            {"overrides": [{"customer_id": "c", "included_quantity": {"pool_core": -1}}]},
            "/overrides/0/included_quantity/pool_core",
            "at least 0",
        ),
        ({"overrides": [{"customer_id": "c", "change_policy": "prorate"}]}, "/overrides/0/change_policy", "no such"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("/") else "",
)
def test_what_cannot_be_billed_is_refused_at_its_member(draft: Api, plan: JsonObject, pointer: str, says: str) -> None:
    errors = draft.put(URL, plan, 422).json["errors"]
    assert pointer in {error["pointer"] for error in errors}, errors
    assert any(says in error["detail"] for error in errors), errors
    assert draft.get(URL).json == {}


def test_a_plan_is_held_back_until_its_units_pools_and_customers_are_known(draft: Api) -> None:
    held = {
        "unit_prices": [GRADUATED, PACKAGE],
        "overrides": [{"customer_id": "nobody", "included_quantity": {"pool_x": 5}}],
    }
    draft.put(URL, held)
    findings = draft.get(CONFIG_URL).json["completeness"]["findings"]
    assert {(item["gate"], item["field"]) for item in findings if item["code"].startswith("price_plan")} == {
        ("simulate", "price_plan.unit_prices.vu_a.value_unit_id"),
        ("simulate", "price_plan.overrides.nobody.customer_id"),
        ("simulate", "price_plan.overrides.nobody.included_quantity.pool_x"),
    }
    customer = {"workspace_id": "ws_1", "customer_id": "nobody", "name": "Nobody", "segment": "smb"}
    draft.post("/api/catalogs/customers", [customer], 200)
    codes = {item["code"] for item in draft.get(CONFIG_URL).json["completeness"]["findings"]}
    assert "price_plan_customer_unknown" not in codes


def test_a_config_without_a_plan_is_served_without_a_member_for_one(sqlite_studio: Api) -> None:
    factories.active(db.session)
    db.session.commit()
    query = "workspace_id=ws_1&segment=smb&stage=learning&target_environment=production"
    document = exact(sqlite_studio.get(f"/api/runtime/config?{query}"))
    assert document["rating_agility"].keys() == {"price_book_ref"}
    assert b"price_plan" not in canonical_bytes(document)

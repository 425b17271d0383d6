"""The billing patch through the API: read and export give the same document, in ours or a ledger's words (spec 6)."""

from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.models.base import db
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services.billing.ledgers.registry import NAMES
from tests import factories as f
from tests.api.conftest import Api, exact, row_counts

PATCH = "/api/billing-patch/cfg_1"
EXPORT = "/api/export/billing-patch"
DRIFT = f"{PATCH}/drift"
every_ledger = pytest.mark.parametrize("ledger", NAMES)


@pytest.fixture
def candidate(studio: Api) -> Api:
    with write(db.session):
        f.simulated(db.session)
    return studio


def test_reading_and_exporting_give_the_same_document(candidate: Api) -> None:
    read = candidate.get(PATCH)
    assert candidate.post(EXPORT, {"config_version_id": "cfg_1"}, 200).json == read.json
    assert set(read.json) == {"billing_patch_id", "price_book_ref", "effective_at", "payload"}


def test_reading_twice_gives_the_same_bytes(candidate: Api) -> None:
    first = candidate.get(PATCH)
    assert candidate.get(PATCH).data == first.data
    candidate.get(PATCH, 304, If_None_Match=first.headers["ETag"])


def test_prices_are_exact(candidate: Api) -> None:
    lines = exact(candidate.get(PATCH))["payload"]["rate_card_updates"][0]["lines"]
    assert [str(line["price_per_unit_usd"]) for line in lines] == ["0.05", "0.6"]


def test_a_decided_configs_patch_is_the_one_of_its_decision(candidate: Api) -> None:
    with write(db.session):
        decision = f.approve(db.session)
    assert candidate.get(PATCH).json["billing_patch_id"] == decision.billing_patch_id


def test_an_export_is_in_the_product_event_log_and_changes_nothing_else(candidate: Api) -> None:
    before = row_counts()
    candidate.post(EXPORT, {"config_version_id": "cfg_1"}, 200)
    assert row_counts() == before | {"product_events": before["product_events"] + 1}
    event = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="decision_patch_exported")).one()
    assert event.entity_id == "cfg_1"


def test_an_unknown_config_is_not_found(candidate: Api) -> None:
    candidate.get("/api/billing-patch/cfg_none", 404)
    candidate.post(EXPORT, {"config_version_id": "cfg_none"}, 404)


def test_the_export_says_what_is_missing(candidate: Api) -> None:
    assert candidate.post(EXPORT, {}, 422).json["errors"][0]["pointer"] == "/config_version_id"


@every_ledger
def test_reading_and_exporting_in_a_ledgers_words_give_the_same_document(candidate: Api, ledger: str) -> None:
    read = candidate.get(f"{PATCH}?format={ledger}")
    assert candidate.post(EXPORT, {"config_version_id": "cfg_1", "format": ledger}, 200).json == read.json
    assert read.json["ledger"] == ledger
    assert read.json["billing_patch_id"] == candidate.get(PATCH).json["billing_patch_id"]
    candidate.get(f"{PATCH}?format={ledger}", 304, If_None_Match=read.headers["ETag"])


def test_every_pool_of_the_config_is_in_the_rendering_with_its_price(candidate: Api) -> None:
    pools = candidate.get(f"{PATCH}?format=stripe").json["pools"]
    assert [(pool["pool_id"], pool["included_quantity"], pool["price_per_unit_usd"]) for pool in pools] == [
        ("pool_exploration", "10", "0.05"),
        ("pool_core", "300", "0.6"),
    ]


def test_an_export_for_a_ledger_says_so_in_the_product_event_log(candidate: Api) -> None:
    candidate.post(EXPORT, {"config_version_id": "cfg_1", "format": "orb"}, 200)
    event = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="decision_patch_exported")).one()
    assert event.detail["format"] == "orb"


def test_a_ledger_that_is_none_is_refused_with_the_ones_that_are(candidate: Api) -> None:
    for refused in (candidate.get(f"{PATCH}?format=ledgerly", 400), candidate.post(f"{DRIFT}?format=x", {}, 400)):
        assert all(name in refused.json["detail"] for name in NAMES)
    candidate.post(EXPORT, {"config_version_id": "cfg_1", "format": "ledgerly"}, 422)
    candidate.post(DRIFT, {}, 400)


def test_what_a_ledger_cannot_say_exactly_is_refused(studio: Api) -> None:
    with write(db.session):
        f.config(db.session, pools=[f.CORE | {"included_quantity": Decimal("2.5")}], exploration={"enabled": False})
    refused = studio.get(f"{PATCH}?format=stripe", 409)
    assert refused.json["code"] == "ledger_cannot_express"
    assert "vu_hd_minute includes 2.5 units" in refused.json["detail"]
    studio.get(f"{PATCH}?format=openmeter")


@every_ledger
def test_a_rendering_has_no_drift(candidate: Api, ledger: str) -> None:
    rendering = exact(candidate.get(f"{PATCH}?format={ledger}"))
    found = candidate.post(f"{DRIFT}?format={ledger}", rendering, 200).json
    assert (found["ledger"], found["config_version_id"], found["differences"]) == (ledger, "cfg_1", [])


def test_drift_names_the_record_and_the_field_and_stores_nothing(candidate: Api) -> None:
    rendering = exact(candidate.get(f"{PATCH}?format=stripe"))
    price = rendering["records"][-1]["body"]
    price["tiers"][1]["unit_amount_decimal"] = "61.0"
    before = row_counts()
    (line,) = candidate.post(f"{DRIFT}?format=stripe", rendering, 200).json["differences"]
    assert line["kind"] == "changed"
    assert (line["resource"], line["key"]) == ("prices", price["lookup_key"])
    assert (line["field"], line["expected"], line["found"]) == ("tiers/1/unit_amount_decimal", "60", "61")
    assert row_counts() == before


def test_an_export_that_lacks_a_list_is_refused_with_its_pointer(candidate: Api) -> None:
    refused = candidate.post(f"{DRIFT}?format=stripe", {"meters": [], "products": []}, 422)
    assert [error["pointer"] for error in refused.json["errors"]] == ["/prices"]
    candidate.post(f"{DRIFT}?format=stripe", [], 422)


def test_the_drift_of_an_unknown_config_is_not_found(candidate: Api) -> None:
    candidate.post("/api/billing-patch/cfg_none/drift?format=stripe", {}, 404)

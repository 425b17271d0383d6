"""The billing patch through the API: read and export give the same document (spec 5 and 6)."""

import pytest
import sqlalchemy as sa

from app.models.base import db
from app.models.product_event import ProductEvent
from app.models.transactions import write
from tests import factories as f
from tests.api.conftest import exact, row_counts

PATCH = "/api/billing-patch/cfg_1"
EXPORT = "/api/export/billing-patch"


@pytest.fixture
def candidate(studio):
    with write(db.session):
        f.simulated(db.session)
    return studio


def test_reading_and_exporting_give_the_same_document(candidate):
    read = candidate.get(PATCH)
    assert candidate.post(EXPORT, {"config_version_id": "cfg_1"}, 200).json == read.json
    assert set(read.json) == {"billing_patch_id", "price_book_ref", "effective_at", "payload"}


def test_reading_twice_gives_the_same_bytes(candidate):
    first = candidate.get(PATCH)
    assert candidate.get(PATCH).data == first.data
    candidate.get(PATCH, 304, If_None_Match=first.headers["ETag"])


def test_prices_are_exact(candidate):
    lines = exact(candidate.get(PATCH))["payload"]["rate_card_updates"][0]["lines"]
    assert [str(line["price_per_unit_usd"]) for line in lines] == ["0.05", "0.6"]


def test_a_decided_configs_patch_is_the_one_of_its_decision(candidate):
    with write(db.session):
        decision = f.approve(db.session)
    assert candidate.get(PATCH).json["billing_patch_id"] == decision.billing_patch_id


def test_an_export_is_in_the_product_event_log_and_changes_nothing_else(candidate):
    before = row_counts()
    candidate.post(EXPORT, {"config_version_id": "cfg_1"}, 200)
    assert row_counts() == before | {"product_events": before["product_events"] + 1}
    event = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="decision_patch_exported")).one()
    assert event.entity_id == "cfg_1"


def test_an_unknown_config_is_not_found(candidate):
    candidate.get("/api/billing-patch/cfg_none", 404)
    candidate.post(EXPORT, {"config_version_id": "cfg_none"}, 404)


def test_the_export_says_what_is_missing(candidate):
    assert candidate.post(EXPORT, {}, 422).json["errors"][0]["pointer"] == "/config_version_id"

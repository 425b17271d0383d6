"""The billing patch is a pure function of the config: the same config, the same bytes and the same id (spec 5)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.errors import Conflict, NotFound
from app.models.base import AnySession
from app.models.billing_patch import BillingPatch
from app.models.transactions import write
from app.services.authoring import config_parts
from app.services.authoring import configs as config_drafts
from app.services.billing.patches import build, patch_of
from app.services.configs.documents import config_document
from app.services.configs.lookup import cycle_of, get_config, snapshot_of
from app.services.decisions import activation
from rules.price_plan import PricePlan
from simulation.canonical import canonical_bytes
from tests import factories as f
from tests.services.golden_files import matches_golden

PLAN: PricePlan = {
    "platform_fee_usd": 49,
    "minimum_commit_usd": 100,
    "prepaid": {"amount_usd": 50, "price_usd": 40, "expires_after_days": 90},
    "unit_prices": [
        {
            "value_unit_id": "vu_hd_minute",
            "model": "graduated",
            "tiers": [{"up_to": 100, "unit_price_usd": 2, "flat_fee_usd": 5}, {"up_to": None, "unit_price_usd": 1}],
        }
    ],
    "overrides": [
        {
            "customer_id": "cust_1",
            "platform_fee_usd": 0,
            "prepaid": None,
            "included_quantity": {"pool_core": 600},
            "unit_prices": [
                {
                    "value_unit_id": "vu_hd_minute",
                    "model": "per_unit",
                    "tiers": [{"up_to": None, "unit_price_usd": 1}],
                }
            ],
        }
    ],
    "change_policy": "prorate",
}


def built(session: AnySession, config_version_id: str = "cfg_1", effective_at: datetime = f.NOW) -> BillingPatch:
    config = get_config(session, config_version_id)
    document = config_document(config, cycle_of(session, config), snapshot_of(session, config))
    return build(config, document, effective_at=effective_at, now=f.NOW)


def test_the_payload_is_the_golden_one_to_the_byte(ready: AnySession) -> None:
    assert matches_golden("billing_patch.json", canonical_bytes(built(ready).payload))


def test_a_price_plan_is_on_the_rate_card_and_in_the_overrides_to_the_byte(ready: AnySession) -> None:
    before = built(ready)
    get_config(ready, "cfg_1").price_plan = PLAN
    ready.flush()
    patch = built(ready)
    assert matches_golden("billing_patch_with_plan.json", canonical_bytes(patch.payload))
    assert patch.billing_patch_id != before.billing_patch_id
    card, (override,) = patch.payload["rate_card_updates"][0], patch.payload["contract_overrides"]
    assert (card["platform_fee_usd"], card["prepaid"]["price_usd"]) == (49, 40)
    assert [line.get("model") for line in card["lines"]] == [None, "graduated"]
    assert override == {
        "customer_id": "cust_1",
        "platform_fee_usd": 0,
        "prepaid": None,
        "included_quantity": {"pool_core": 600},
        "lines": [
            {"meter_id": "meter_hd_minute", "model": "per_unit", "tiers": [{"up_to": None, "unit_price_usd": 1}]}
        ],
    }
    assert patch.payload["notes"].endswith("Prices that replace these in mid-period share its amounts out by days.")


def test_there_is_one_meter_product_and_price_per_pooled_unit(ready: AnySession) -> None:
    payload = built(ready).payload
    units = ["draft_export", "hd_minute"]
    assert [meter["meter_id"] for meter in payload["meters"]] == [f"meter_{unit}" for unit in units]
    assert [product["product_id"] for product in payload["products"]] == [f"product_{unit}" for unit in units]
    (card,) = payload["rate_card_updates"]
    assert card["rate_card_id"] == "usd_2026_01_default"
    assert [line["price_per_unit_usd"] for line in card["lines"]] == [Decimal("0.05"), Decimal("0.6")]


def test_two_pools_of_one_unit_are_one_meter(ready: AnySession) -> None:
    with write(ready):
        more = f.CORE | {"pool_id": "pool_pro", "label": "Pro"}
        f.config(ready, "cfg_2", pools=[f.CORE, more], exploration={"enabled": False})
    assert len(built(ready, "cfg_2").payload["meters"]) == 1


def test_no_two_units_share_a_meter(ready: AnySession) -> None:
    """Imports may bring ids without the prefix; `minute` and `vu_minute` are two units."""
    units = [f.HD_MINUTE | {"value_unit_id": unit_id} for unit_id in ("minute", "vu_minute")]
    pools = [f.CORE | {"pool_id": unit["value_unit_id"], "value_unit_id": unit["value_unit_id"]} for unit in units]
    with write(ready):
        f.snapshot(ready, f.CYCLE, *units)
        f.config(ready, "cfg_2", pools=pools, exploration={"enabled": False})
    payload = built(ready, "cfg_2").payload
    assert [meter["meter_id"] for meter in payload["meters"]] == ["meter.minute", "meter_minute"]
    assert len({product["product_id"] for product in payload["products"]}) == 2


def test_the_same_config_gives_the_same_bytes_and_the_same_id(ready: AnySession) -> None:
    first = built(ready)
    ready.rollback()
    ready.expire_all()
    second = built(ready)
    assert (first.billing_patch_id, canonical_bytes(first.payload)) == (
        second.billing_patch_id,
        canonical_bytes(second.payload),
    )


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: config_drafts.update_config(s, "cfg_1", {"price_book_ref": "usd_2026_02"}, **f.WHO),
        lambda s: config_parts.delete_pool(s, "cfg_1", "pool_exploration", **f.WHO),
    ],
)
def test_what_billing_must_know_changes_the_id(ready: AnySession, edit: Callable[[AnySession], object]) -> None:
    before = built(ready).billing_patch_id
    with write(ready):
        edit(ready)
    assert built(ready).billing_patch_id != before


def test_another_moment_is_another_patch(ready: AnySession) -> None:
    """A ledger that applies each id once must see the rollback to a config it was told about before."""
    assert built(ready).billing_patch_id != built(ready, effective_at=f.NOW + timedelta(1)).billing_patch_id


def test_the_export_of_a_draft_stores_nothing(ready: AnySession) -> None:
    patch = patch_of(ready, "cfg_1", now=f.NOW)
    assert patch.payload == built(ready).payload
    ready.commit()
    assert ready.scalar(sa.select(sa.func.count()).select_from(BillingPatch)) == 0


def test_the_export_of_a_decided_config_is_its_newest_patch(ready: AnySession) -> None:
    with write(ready):
        f.approve(ready)
        f.simulated(ready, "cfg_2")
        f.approve(ready, "cfg_2", later=60)
        again = activation.rollback(ready, "cfg_1", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(seconds=120))
    assert patch_of(ready, "cfg_1", now=f.NOW).billing_patch_id == again.billing_patch_id


def test_without_a_snapshot_there_is_nothing_to_bill(session: AnySession) -> None:
    with write(session):
        f.catalogs(session)
        f.workspace(session)
        f.cycle(session)
        f.config(session, pools=[], exploration={"enabled": False})
    with pytest.raises(Conflict) as refusal:
        patch_of(session, "cfg_1", now=f.NOW)
    assert refusal.value.code == "value_unit_snapshot_missing"


def test_an_unknown_config_has_no_patch(session: AnySession) -> None:
    with pytest.raises(NotFound):
        patch_of(session, "cfg_none", now=f.NOW)

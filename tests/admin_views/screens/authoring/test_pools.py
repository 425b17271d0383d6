"""Flow 3B: the pools of a draft, edited as one table and saved at once."""

import re
from decimal import Decimal
from typing import Unpack

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.errors import Invalid
from app.models.base import db
from app.models.config_version import ConfigVersion, Pool
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services.authoring import config_parts, unit_snapshots, value_units
from app.services.authoring.inputs import PoolsInput
from simulation.canonical import JsonObject
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of
from tests.admin_views.screens.draft_pages import AUTOSAVE, PREVIEW, post, sent_by, typed
from tests.answers import json_of
from tests.present import present

URL = "/configs/cfg_1/pools"


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """cfg_1 is a complete draft with two pools."""
    with write(db.session):
        f.foundation(db.session)
        f.config(db.session)
    return sqlite_app.test_client()


def config(config_version_id: str = "cfg_1") -> ConfigVersion:
    db.session.rollback()
    db.session.expunge_all()
    return db.session.get_one(ConfigVersion, config_version_id)


def pools() -> list[str]:
    return [pool.pool_id for pool in config().pools]


def events(name: str) -> list[JsonObject | None]:
    db.session.rollback()
    rows = db.session.scalars(sa.select(ProductEvent).filter_by(event_name=name))
    return [row.detail for row in rows]


# What the page says


def test_each_row_says_what_it_means_for_a_customer(client: FlaskClient) -> None:
    text = text_of(client.get(URL).text)
    assert "300 × Usable HD minute per customer and 30 days, then $0.60 each." in text
    assert "Up to 100 unused carries over, for 60 days." in text
    assert (
        "10 × Draft export per customer and 30 days, then throttled, $0.05 each. Only for customers who explore" in text
    )


def test_a_row_shows_price_cost_and_margin_of_its_unit_and_leads_to_where_they_change(client: FlaskClient) -> None:
    page = client.get(URL).text
    link = re.search(r'<a class="about" href="([^"]+)">price \$0\.60 · cost \$0\.18 · margin 70 %</a>', page)
    assert present(link)[1].endswith("?unit=vu_hd_minute#unit_economics.target_price_per_unit_usd")
    assert ">Usable HD minute</option>" in page


def test_a_stored_pool_is_one_line_and_a_linked_or_new_one_is_open(client: FlaskClient) -> None:
    assert client.get(URL).text.count('<details class="pool-detail" open') == 1  # the one that is copied for a new row
    linked = client.get(f"{URL}?pool=pool_core").text
    assert re.search(r'id="row-pool_core".*?<details class="pool-detail" open', linked, re.S)


def test_a_deep_link_gives_its_row_the_ids_that_links_name(client: FlaskClient) -> None:
    page = client.get(f"{URL}?pool=pool_exploration").text
    assert page.count('id="value_unit_id"') == 1
    assert 'id="value_unit_id" name="pool_exploration.value_unit_id"' in page
    assert 'id="pool_core.value_unit_id"' in page
    for field in ("pools", "price_book_ref", "metric_lenses"):
        assert f'id="{field}"' in page


def test_ids_of_the_page_are_unique(client: FlaskClient) -> None:
    page = re.sub(r"<template>.*?</template>", "", client.get(f"{URL}?pool=pool_core").text, flags=re.S)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert sorted(ids) == sorted(set(ids))


# Saving


def test_a_form_that_was_not_touched_saves_nothing(client: FlaskClient) -> None:
    before = config().updated_at
    assert post(client, URL, {"do": "save"}).status_code == 303
    assert config().updated_at == before
    assert events("pool_updated") == []


def test_continuing_saves_the_whole_table_in_one_step(client: FlaskClient) -> None:
    answer = post(
        client,
        URL,
        {
            "pool_core.included_quantity": "1,500.25",
            "pool_core.rollover_enabled": None,
            "pool_exploration.label": "Try out",
            "price_book_ref": "usd_2026_02",
        },
    )
    assert (answer.status_code, answer.location) == (303, "/configs/cfg_1/price-plan")
    core, trial = config().pools
    assert core.included_quantity == Decimal("1500.25")
    assert core.rollover == {"enabled": False, "max_rollover_quantity": Decimal(100), "expires_after_days": 60}
    assert (trial.label, config().price_book_ref) == ("Try out", "usd_2026_02")
    assert {present(item)["pool_id"] for item in events("pool_updated")} == {"pool_core", "pool_exploration"}
    assert events("config_draft_updated") == [{"changed": ["price_book_ref"]}]


def test_the_order_of_the_rows_is_the_order_of_the_pools(client: FlaskClient) -> None:
    post(client, URL, {"pools": ["pool_exploration", "pool_core"]})
    assert pools() == ["pool_exploration", "pool_core"]


def test_a_new_pool_gets_a_readable_id_from_its_label(client: FlaskClient) -> None:
    row = {
        "pools": ["pool_core", "new_7", "pool_exploration", "new_8"],
        "new_7.label": "4K Pro",
        "new_7.value_unit_id": "vu_hd_minute",
        "new_7.included_quantity": "0",
        "new_7.overage_behavior": "throttle",
    }
    again = {name.replace("new_7", "new_8"): value for name, value in row.items() if name != "pools"}
    post(client, URL, row | again)
    assert pools() == ["pool_core", "pool_4k_pro", "pool_exploration", "pool_4k_pro_2"]
    assert len(events("pool_added")) == 2


@pytest.mark.parametrize(
    ("changes", "says", "at"),
    [
        ({"pool_core.label": " "}, "Name the pool.", "pool_core.label"),
        ({"pool_core.included_quantity": "many"}, "is not a number", "pool_core.included_quantity"),
        ({"pool_core.included_quantity": "-1"}, "cannot be negative", "pool_core.included_quantity"),
        ({"pool_core.value_unit_id": ""}, "Choose the unit", "pool_core.value_unit_id"),
        (
            {"pool_core.rollover_expires_after_days": "0"},
            "Give 1 to 3650 days",
            "pool_core.rollover_expires_after_days",
        ),
        ({"price_book_ref": "x" * 201}, "longer than 200", "price_book_ref"),
    ],
)
def test_a_value_that_cannot_be_is_named_at_its_field_and_nothing_is_saved(
    client: FlaskClient, changes: dict[str, str], says: str, at: str
) -> None:
    answer = post(client, URL, {"pool_exploration.label": "Kept"} | changes)
    assert answer.status_code == 422
    assert f'href="#{at}"' in answer.text
    assert says in text_of(answer.text)
    kept = sent_by(answer.text)
    assert kept["pool_exploration.label"] == "Kept"
    assert pools() == ["pool_core", "pool_exploration"]
    assert config().pools[1].label == "Exploration"


def test_more_than_fifty_pools_are_refused_with_all_that_was_typed(client: FlaskClient) -> None:
    keys = [f"new_{at}" for at in range(51)]
    rows = {
        f"{key}.{name}": value
        for key in keys
        for name, value in {"label": key, "value_unit_id": "vu_hd_minute", "included_quantity": "1"}.items()
    } | {f"{key}.overage_behavior": "throttle" for key in keys}
    answer = post(client, URL, {"pools": keys} | rows)
    assert answer.status_code == 422
    assert "A config has at most 50 pools." in answer.text
    assert sent_by(answer.text)["new_50.label"] == "new_50"


def test_a_pool_may_count_a_newer_snapshots_unit_once_that_snapshot_is_chosen(client: FlaskClient) -> None:
    with write(db.session):
        unit = f.HD_MINUTE | {"value_unit_id": "vu_8k", "name": "8K minute", "cycle_id": f.CYCLE}
        value_units.create_value_unit(db.session, unit, actor=f.OPERATOR, now=f.NOW)
        unit_snapshots.submit_snapshot(db.session, f.CYCLE, actor=f.OPERATOR, now=f.NOW)
    assert "Snapshot 2 is newer." in text_of(client.get(URL).text)
    post(client, URL, {"pool_core.value_unit_id": "vu_8k", "value_unit_snapshot_version": "2"})
    assert (config().value_unit_snapshot_version, config().pools[0].value_unit_id) == (2, "vu_8k")
    assert "Snapshot 2 is newer." not in text_of(client.get(URL).text)


# Buttons that change rows and save nothing


def test_adding_a_row_without_scripts_keeps_what_was_typed(client: FlaskClient) -> None:
    answer = post(client, URL, {"do": "add", "pool_core.label": "Base"})
    form = sent_by(answer.text)
    assert form.getlist("pools") == ["pool_core", "pool_exploration", "new_1"]
    assert form["pool_core.label"] == "Base"
    assert "data-unsaved" in answer.text
    assert pools() == ["pool_core", "pool_exploration"]


def test_a_removed_row_comes_back_with_undo_and_goes_with_the_save(client: FlaskClient) -> None:
    removed = post(client, URL, {"do": "remove:pool_core"})
    assert "Core is removed." in text_of(removed.text)
    undone = client.post(URL, data=typed(removed.text, {"do": "undo:pool_core"}))
    assert sent_by(undone.text)["pool_core.removed"] == ""
    saved = client.post(URL, data=typed(removed.text, {"do": "save"}))
    assert saved.status_code == 303
    assert pools() == ["pool_exploration"]
    assert events("pool_removed") == [{"pool_id": "pool_core"}]


def test_a_removed_row_may_hold_what_cannot_be_saved(client: FlaskClient) -> None:
    answer = post(client, URL, {"pool_core.removed": "yes", "pool_core.label": "", "do": "save"})
    assert answer.status_code == 303
    assert pools() == ["pool_exploration"]


@pytest.mark.parametrize(
    ("action", "order"),
    [
        ("down:pool_core", ["pool_exploration", "pool_core"]),
        ("up:pool_exploration", ["pool_exploration", "pool_core"]),
        ("up:pool_core", ["pool_core", "pool_exploration"]),
        ("down:pool_nobody", ["pool_core", "pool_exploration"]),
        ("explode:pool_core", ["pool_core", "pool_exploration"]),
    ],
)
def test_rows_move_by_a_button(client: FlaskClient, action: str, order: list[str]) -> None:
    assert sent_by(post(client, URL, {"do": action}).text).getlist("pools") == order


def test_a_duplicate_has_what_was_typed_and_an_id_of_its_own(client: FlaskClient) -> None:
    page = post(client, URL, {"do": "duplicate:pool_core", "pool_core.included_quantity": "7"}).text
    form = sent_by(page)
    assert form.getlist("pools") == ["pool_core", "new_1", "pool_exploration"]
    assert (form["new_1.label"], form["new_1.included_quantity"]) == ("Core (copy)", "7")
    assert form["new_1.pool_id"] == ""
    client.post(URL, data=typed(page))
    assert pools() == ["pool_core", "pool_core_copy", "pool_exploration"]


def test_the_stages_pools_are_one_click_away(client: FlaskClient) -> None:
    with write(db.session):
        f.config(db.session, "cfg_2", pools=[], stage="scaling")
    page = post(client, "/configs/cfg_2/pools", {"do": "defaults"}).text
    form = sent_by(page)
    assert [form[f"{key}.label"] for key in form.getlist("pools")] == ["Core", "Pro"]
    rest = {"new_1.value_unit_id": "vu_hd_minute", "new_2.value_unit_id": "vu_draft_export"}
    assert client.post("/configs/cfg_2/pools", data=typed(page, rest)).status_code == 303
    assert [pool.pool_id for pool in config("cfg_2").pools] == ["pool_core", "pool_pro"]


def test_the_address_can_ask_for_the_stages_pools(client: FlaskClient) -> None:
    with write(db.session):
        f.config(db.session, "cfg_2", pools=[])
    form = sent_by(client.get("/configs/cfg_2/pools?start=defaults").text)
    assert [form[f"{key}.pool_id"] for key in form.getlist("pools")] == ["pool_core", "pool_exploration"]
    assert sent_by(client.get(f"{URL}?start=defaults").text).getlist("pools") == ["pool_core", "pool_exploration"]


# In the background


def test_an_autosave_answers_what_the_page_has_to_know(client: FlaskClient) -> None:
    page = client.get(URL).text
    row = {
        "pools": ["pool_core", "pool_exploration", "new_x"],
        "new_x.label": "Pro",
        "new_x.value_unit_id": "vu_hd_minute",
        "new_x.included_quantity": "5",
        "new_x.overage_behavior": "hard_stop",
        "price_book_ref": "",
    }
    told = json_of(client.post(URL, data=typed(page, row), headers=AUTOSAVE))
    assert told["errors"] == {}
    assert told["saved_at"].endswith("UTC")
    assert told["values"]["new_x.pool_id"] == "pool_pro"
    assert "then stopped" in told["parts"]["says-new_x"]
    assert told["completeness"]["next_missing_item"]["code"] == "price_book_ref_missing"
    assert "Next missing: the price book" in told["parts"]["completeness"]
    assert told["row_version"] == sent_by(client.get(URL).text)["row_version"]


def test_an_autosave_whose_answer_was_lost_can_be_sent_again(client: FlaskClient) -> None:
    page = typed(client.get(URL).text, {"pool_core.label": "Base"})
    first = json_of(client.post(URL, data=page, headers=AUTOSAVE))
    second = client.post(URL, data=page, headers=AUTOSAVE)
    assert second.status_code == 200
    assert json_of(second)["row_version"] == first["row_version"]


def test_an_autosave_names_each_bad_field_and_saves_nothing(client: FlaskClient) -> None:
    answer = post(client, URL, {"pool_core.label": "", "price_book_ref": "other"}, headers=AUTOSAVE)
    assert answer.status_code == 422
    assert json_of(answer)["errors"] == {"pool_core.label": ["Name the pool."]}
    assert json_of(answer)["saved_at"] is None
    assert config().price_book_ref == "usd_2026_01_default"


def test_a_preview_says_what_is_typed_and_saves_nothing(client: FlaskClient) -> None:
    told = json_of(post(client, URL, {"pool_core.included_quantity": "0"}, headers=PREVIEW))
    assert "No Usable HD minute is included: $0.60 each from the first one." in told["parts"]["says-pool_core"]
    assert config().pools[0].included_quantity == 300


def test_a_pool_that_counted_a_unit_which_is_gone_can_still_be_edited_beside(client: FlaskClient) -> None:
    with write(db.session):
        db.session.execute(sa.update(Pool).filter_by(pool_id="pool_core").values(value_unit_id="vu_gone"))
    assert "vu_gone (not in the snapshot)" in client.get(URL).text
    assert post(client, URL, {"pool_exploration.label": "Try"}).status_code == 303
    assert [pool.label for pool in config().pools] == ["Core", "Try"]


# The service


def put(**data: Unpack[PoolsInput]) -> ConfigVersion:
    with write(db.session):
        return config_parts.put_pools(db.session, "cfg_1", data, actor=f.OPERATOR, now=f.NOW)


def test_replacing_pools_refuses_unknown_units_by_their_place(client: FlaskClient) -> None:
    with pytest.raises(Invalid) as refusal:
        put(pools=[f.CORE, f.CORE | {"pool_id": "pool_x", "value_unit_id": "vu_nobody"}])
    assert [error.pointer for error in refusal.value.errors] == ["/pools/1/value_unit_id"]
    with pytest.raises(Invalid, match="same id"):
        put(pools=[f.CORE, f.CORE])
    assert pools() == ["pool_core", "pool_exploration"]


def test_replacing_pools_changes_the_hash_and_sends_a_simulated_config_back_to_draft(client: FlaskClient) -> None:
    with write(db.session):
        f.run(db.session, config())
    before = config().content_hash
    put(pools=[f.CORE])
    assert config().content_hash != before
    assert config().status == "draft"

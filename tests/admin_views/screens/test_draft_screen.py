"""Drafts of several operators: nobody overwrites what they have not seen, nothing typed is lost, decisions stay."""

from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.transactions import write
from app.services.authoring import configs as config_drafts
from app.services.authoring import unit_snapshots, value_units
from app.services.authoring.inputs import ExplorationInput, RailsInput
from app.services.configs.reading import read_config
from rules.gate import evaluate
from simulation.canonical import JsonObject
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of
from tests.admin_views.screens.draft_pages import AUTOSAVE, PREVIEW, post, sent_by, typed
from tests.answers import json_of
from tests.present import present

POOLS, RAILS, EXPLORATION, PRICE_PLAN = (
    f"/configs/cfg_1/{part}" for part in ("pools", "rails", "exploration", "price-plan")
)
SCREENS = (POOLS, RAILS, EXPLORATION, PRICE_PLAN)
EDIT = {
    POOLS: {"price_book_ref": "mine"},
    RAILS: {"monthly_spend_cap_usd": "111"},
    EXPLORATION: {"graduation_signal": "mine"},
    PRICE_PLAN: {"platform_fee_usd": "49", "plan": "there"},
}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    with write(db.session):
        f.foundation(db.session)
        f.config(db.session)
    return sqlite_app.test_client()


@pytest.fixture
def decided(client: FlaskClient) -> FlaskClient:
    """cfg_1 is active."""
    with write(db.session):
        f.run(db.session, stored())
        f.approve(db.session)
    return client


def stored(config_version_id: str = "cfg_1") -> ConfigVersion:
    db.session.rollback()
    db.session.expunge_all()
    return db.session.get_one(ConfigVersion, config_version_id)


def newest() -> ConfigVersion:
    db.session.rollback()
    db.session.expunge_all()
    return present(db.session.scalar(sa.select(ConfigVersion).order_by(ConfigVersion.version.desc()).limit(1)))


# Two operators


def test_the_slower_operator_sees_both_versions_and_keeps_what_was_typed(client: FlaskClient) -> None:
    mine = typed(client.get(RAILS).text, {"monthly_spend_cap_usd": "900", "margin_floor": "60 %", "do": "save"})
    post(client, RAILS, {"monthly_spend_cap_usd": "800"})
    answer = client.post(RAILS, data=mine)
    assert answer.status_code == 412
    text = text_of(answer.text)
    assert "smb · learning · production v1 was changed by another operator" in text
    assert "Rails: monthly spend cap, per customer $800.00 $900.00" in text
    assert "Rails: margin floor 68 % 60 %" in text
    assert sent_by(answer.text)["monthly_spend_cap_usd"] == "900"
    assert "data-autosave" not in answer.text
    assert present(stored().rails).monthly_spend_cap_usd == 800


def test_keeping_mine_is_saving_again(client: FlaskClient) -> None:
    mine = typed(client.get(RAILS).text, {"monthly_spend_cap_usd": "900", "do": "save"})
    post(client, RAILS, {"monthly_spend_cap_usd": "800"})
    compared = client.post(RAILS, data=mine)
    assert client.post(RAILS, data=typed(compared.text, {"do": "save"})).status_code == 303
    assert present(stored().rails).monthly_spend_cap_usd == 900


def test_taking_theirs_is_opening_the_page_again(client: FlaskClient) -> None:
    mine = typed(client.get(RAILS).text, {"monthly_spend_cap_usd": "900"})
    post(client, RAILS, {"monthly_spend_cap_usd": "800"})
    assert f'href="{RAILS}" data-leave' in client.post(RAILS, data=mine).text
    assert sent_by(client.get(RAILS).text)["monthly_spend_cap_usd"] == "800"


def test_a_conflict_about_pools_names_pools_order_and_snapshot(client: FlaskClient) -> None:
    mine = typed(
        client.get(POOLS).text,
        {
            "pool_core.included_quantity": "250",
            "value_unit_snapshot_version": "",
            "pools": ["pool_exploration", "pool_core"],
        },
    )
    post(client, POOLS, {"pool_core.included_quantity": "400", "pool_core.label": "Base"})
    text = text_of(client.post(POOLS, data=mine).text)
    assert "Core pool: included, per customer and 30 days 400 250" in text
    assert "Core pool: name Base Core" in text
    assert "Value units: snapshot snapshot 1 —" in text


def test_a_reordering_alone_is_a_conflict_that_shows_both_orders(client: FlaskClient) -> None:
    mine = typed(client.get(POOLS).text, {"pools": ["pool_core", "pool_exploration"], "price_book_ref": "mine"})
    post(client, POOLS, {"pools": ["pool_exploration", "pool_core"]})
    assert "Pools: order Exploration, Core Core, Exploration" in text_of(client.post(POOLS, data=mine).text)


def test_the_same_edit_twice_is_no_conflict(client: FlaskClient) -> None:
    for url in SCREENS:
        first, second = (typed(client.get(url).text, EDIT[url]) for _ in range(2))
        assert client.post(url, data=first).status_code == 303
        assert client.post(url, data=second).status_code == 303


def test_edits_of_different_screens_do_not_meet(client: FlaskClient) -> None:
    pages = {url: typed(client.get(url).text, EDIT[url]) for url in SCREENS}
    assert [client.post(url, data=page).status_code for url, page in pages.items()] == [303] * len(SCREENS)
    config = stored()
    assert (config.price_book_ref, present(config.exploration).graduation_signal) == ("mine", "mine")
    assert present(config.rails).monthly_spend_cap_usd == 111


@pytest.mark.parametrize("url", SCREENS)
def test_an_autosave_after_another_operator_saves_nothing_and_decides_nothing(client: FlaskClient, url: str) -> None:
    mine = typed(client.get(url).text, EDIT[url])
    post(client, url, EDIT[url] | {next(iter(EDIT[url])): "222"})
    before = stored().content_hash
    told = client.post(url, data=mine, headers=AUTOSAVE)
    assert (told.status_code, json_of(told)["row_version"], json_of(told)["saved_at"]) == (412, None, None)
    assert client.post(url, data=mine, headers=AUTOSAVE).status_code == 412
    assert stored().content_hash == before


def test_buttons_keep_both_versions_on_the_page(client: FlaskClient) -> None:
    mine = typed(client.get(RAILS).text, {"monthly_spend_cap_usd": "900"})
    post(client, RAILS, {"monthly_spend_cap_usd": "800"})
    compared = client.post(RAILS, data=mine).text
    again = client.post(RAILS, data=typed(compared, {"do": "add:absolute_usage_caps"})).text
    assert "$800.00 $900.00" in text_of(again)
    assert "data-autosave" not in again


# Deep links


def test_every_finding_about_a_config_leads_to_a_control_that_is_there(client: FlaskClient) -> None:
    gaps: ExplorationInput = {
        "enabled": True,
        "exploration_pool_id": None,
        "qualifying_events": [],
        "expires_after_days": None,
    }
    empty: RailsInput = {
        "usage_thresholds": [],
        "monthly_spend_cap_usd": None,
        "at_cap_action": None,
        "margin_floor": None,
    }
    with write(db.session):
        free = f.DRAFT_EXPORT | {"value_unit_id": "vu_free", "name": "Free", "cycle_id": f.CYCLE}
        economics = present(free["unit_economics"]) | {"target_price_per_unit_usd": Decimal(0)}
        value_units.create_value_unit(db.session, free | {"unit_economics": economics}, **f.WHO)
        unit_snapshots.submit_snapshot(db.session, f.CYCLE, **f.WHO)
        pools = [f.CORE | {"value_unit_id": "vu_free"}, f.EXPLORATION_POOL]
        rules: JsonObject = {
            "stage": "scaling",
            "price_book_ref": None,
            "exploration": f.EXPLORATION | gaps,
            "rails": f.RAILS | empty,
        }
        f.config(db.session, "cfg_2", pools=pools, **rules)
        f.config(db.session, "cfg_3", pools=[])
    codes = set()
    for config_version_id in ("cfg_2", "cfg_3"):
        for finding in evaluate(read_config(db.session, config_version_id).draft()):
            address, _, field = finding.deep_link.partition("#")
            if address.partition("?")[0].endswith(("/pools", "/exploration", "/rails")):
                assert f'id="{field}"' in client.get(address).text, finding.deep_link
                codes.add(finding.code)
    assert codes == {
        "config_pools_missing",
        "pool_price_zero",
        "price_book_ref_missing",
        "exploration_incomplete",
        "rails_thresholds_incomplete",
        "rails_monthly_spend_cap_missing",
        "rails_margin_floor_missing",
        "rails_at_cap_action_missing",
    }


# The token


@pytest.mark.parametrize("url", SCREENS)
def test_an_expired_form_saves_nothing_keeps_what_was_typed_and_renews_its_token(client: FlaskClient, url: str) -> None:
    answer = post(client, url, EDIT[url] | {"csrf_token": "old"})
    assert answer.status_code == 403
    assert "This form had expired" in text_of(answer.text)
    again = sent_by(answer.text)
    assert {name: again[name] for name in EDIT[url]} == EDIT[url]
    assert client.post(url, data=again).status_code == 303


def test_an_expired_autosave_is_told_the_token_of_its_next_try(client: FlaskClient) -> None:
    page = typed(client.get(RAILS).text, EDIT[RAILS] | {"csrf_token": "old"})
    told = client.post(RAILS, data=page, headers=AUTOSAVE)
    assert (told.status_code, json_of(told)["code"]) == (403, "csrf_failed")
    page.setlist("csrf_token", [json_of(told)["values"]["csrf_token"]])
    assert client.post(RAILS, data=page, headers=AUTOSAVE).status_code == 200


# Decided configs


@pytest.mark.parametrize("url", SCREENS)
def test_a_decided_config_shows_the_same_read_only_with_one_way_on(decided: FlaskClient, url: str) -> None:
    page = decided.get(url).text
    assert "smb · learning · production v1 is active, so it cannot be changed." in text_of(page)
    assert '<fieldset class="whole" disabled>' in page
    assert f'action="{url}/fork"' in page
    assert "drafts.js" not in page


def test_forking_makes_a_draft_of_the_same_content_and_opens_it(decided: FlaskClient) -> None:
    answer = decided.post(f"{RAILS}/fork", data=sent_by(decided.get(RAILS).text, "fork"))
    made = newest()
    assert (answer.status_code, answer.location) == (303, f"/configs/{made.config_version_id}/rails")
    assert (made.status, made.version, made.baseline_config_version_id) == ("draft", 2, "cfg_1")
    assert [pool.pool_id for pool in made.pools] == ["pool_core", "pool_exploration"]
    assert present(made.rails).monthly_spend_cap_usd == Decimal(650)


@pytest.mark.parametrize("url", SCREENS)
def test_what_was_typed_while_somebody_approved_can_go_into_the_fork(client: FlaskClient, url: str) -> None:
    mine = typed(client.get(url).text, EDIT[url])
    with write(db.session):
        f.run(db.session, stored())
        f.approve(db.session)
    before = stored().content_hash
    refused = client.post(url, data=mine)
    assert refused.status_code == 409
    assert "immutable: fork it" in text_of(refused.text)
    assert "Fork with what I typed" in refused.text
    assert '<fieldset class="whole">' in refused.text
    answer = client.post(f"{url}/fork", data=typed(refused.text))
    assert answer.status_code == 303
    changed = newest().content_hash
    assert sent_by(client.get(answer.location).text)[next(iter(EDIT[url]))] == EDIT[url][next(iter(EDIT[url]))]
    assert stored().content_hash == before != changed


def test_an_autosave_of_a_decided_config_says_so(decided: FlaskClient) -> None:
    told = post(decided, RAILS, {"monthly_spend_cap_usd": "1"}, headers=AUTOSAVE)
    assert (told.status_code, json_of(told)["code"]) == (409, "config_immutable")


def test_a_fork_with_what_cannot_be_read_shows_it_again_and_makes_nothing(decided: FlaskClient) -> None:
    page = typed(decided.get(RAILS).text, {"monthly_spend_cap_usd": "much"})
    answer = decided.post(f"{RAILS}/fork", data=page)
    assert answer.status_code == 422
    assert sent_by(answer.text)["monthly_spend_cap_usd"] == "much"
    assert newest().version == 1


def test_a_fork_wants_its_token(decided: FlaskClient) -> None:
    assert decided.post(f"{RAILS}/fork", data={}).status_code == 403
    assert newest().version == 1


def test_a_draft_that_was_never_decided_on_has_nothing_to_fork(client: FlaskClient) -> None:
    answer = post(client, f"{RAILS}", {}, headers=PREVIEW)
    assert answer.status_code == 200
    refused = client.post(f"{RAILS}/fork", data=typed(client.get(RAILS).text))
    assert refused.status_code == 409
    assert "was never decided on" in refused.text


@pytest.mark.parametrize("url", SCREENS)
def test_an_unknown_config_is_named(client: FlaskClient, url: str) -> None:
    answer = client.get(url.replace("cfg_1", "cfg_nobody"))
    assert answer.status_code == 404
    assert "There is no config version &#39;cfg_nobody&#39;." in answer.text


def test_a_config_that_was_deleted_meanwhile_is_named(client: FlaskClient) -> None:
    mine = typed(client.get(RAILS).text, {"margin_floor": "1 %"})
    with write(db.session):
        config_drafts.delete_config(db.session, "cfg_1", **f.WHO)
    assert client.post(RAILS, data=mine, headers=AUTOSAVE).status_code == 404

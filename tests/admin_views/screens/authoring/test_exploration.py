"""Flow 3C: the exploration rule, and what it says it costs."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.config_version import ConfigVersion, ExplorationRule
from app.models.transactions import write
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of
from tests.admin_views.screens.draft_pages import AUTOSAVE, PREVIEW, post, sent_by, typed
from tests.answers import json_of
from tests.present import present

URL = "/configs/cfg_1/exploration"


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    with write(db.session):
        f.foundation(db.session)
        f.config(db.session)
    return sqlite_app.test_client()


def rule(config_version_id: str = "cfg_1") -> ExplorationRule:
    db.session.rollback()
    db.session.expunge_all()
    return present(db.session.get_one(ConfigVersion, config_version_id).exploration)


def test_the_page_says_what_exploring_costs_and_when_it_ends(client: FlaskClient) -> None:
    text = text_of(client.get(URL).text)
    assert (
        "up to 10 × Draft export from Exploration in 30 days, unbilled. At $0.02 each that costs you up to $0.20."
        in text
    )
    assert "the last 30-day period that starts within 30 days of the customer's first qualifying event" in text
    assert "They graduate by repeat_usage_threshold." in text


def test_every_field_has_the_id_that_deep_links_name(client: FlaskClient) -> None:
    page = client.get(URL).text
    for name in ("enabled", "exploration_pool_id", "qualifying_events", "expires_after_days", "graduation_signal"):
        assert f'id="{name}"' in page


def test_the_rule_is_saved_and_leads_to_the_rails(client: FlaskClient) -> None:
    answer = post(client, URL, {"enabled": None, "expires_after_days": "45", "qualifying_events": []})
    assert (answer.status_code, answer.location) == (303, "/configs/cfg_1/rails")
    assert (rule().enabled, rule().expires_after_days, rule().qualifying_events) == (False, 45, [])


def test_events_keep_the_order_they_are_stored_in(client: FlaskClient) -> None:
    post(client, URL, {"qualifying_events": ["video_render_completed", "draft_export_created"]})
    assert rule().qualifying_events == ["draft_export_created", "video_render_completed"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"expires_after_days": "0"}, "Give 1 to 3650 days."),
        ({"expires_after_days": "soon"}, "is not a whole number"),
        ({"exploration_pool_id": "pool_core"}, "Not a valid choice"),
        ({"qualifying_events": ["nobody"]}, "not a valid choice"),
    ],
)
def test_a_value_that_cannot_be_is_named(client: FlaskClient, changes: dict[str, str | list[str]], says: str) -> None:
    answer = post(client, URL, changes)
    assert answer.status_code == 422
    assert says in text_of(answer.text)
    assert rule().expires_after_days == 30


def test_only_exploration_pools_may_pay(client: FlaskClient) -> None:
    page = client.get(URL).text
    assert ">Exploration</option>" in page
    assert "Core (pool_core)" not in page


def test_a_pool_that_is_no_exploration_pool_any_more_is_said_and_kept(client: FlaskClient) -> None:
    with write(db.session):
        f.config(db.session, "cfg_2", pools=[f.CORE])
    text = text_of(client.get("/configs/cfg_2/exploration").text)
    assert "a pool that is gone" in text
    assert "This config has no exploration pool." in text
    assert post(client, "/configs/cfg_2/exploration", {"expires_after_days": "20"}).status_code == 303
    assert rule("cfg_2").exploration_pool_id == "pool_exploration"


def test_the_stages_default_is_one_click_away_and_not_saved_yet(client: FlaskClient) -> None:
    page = post(client, URL, {"do": "defaults", "enabled": None, "expires_after_days": "7", "exploration_pool_id": ""})
    form = sent_by(page.text)
    assert (form["enabled"], form["expires_after_days"], form["exploration_pool_id"]) == ("y", "30", "pool_exploration")
    with write(db.session):
        f.config(db.session, "cfg_2", stage="scaling")
    off = sent_by(post(client, "/configs/cfg_2/exploration", {"do": "defaults"}).text)
    assert "enabled" not in off
    assert off["expires_after_days"] == "30"


def test_a_preview_prices_what_is_typed(client: FlaskClient) -> None:
    told = json_of(post(client, URL, {"enabled": None}, headers=PREVIEW))
    assert "Exploration is off" in told["parts"]["cost"]
    told = json_of(post(client, URL, {"expires_after_days": ""}, headers=PREVIEW))
    assert "Nothing ends it" in told["parts"]["cost"]


def test_the_last_simulation_says_who_explored(client: FlaskClient) -> None:
    summary = {
        "enabled": True,
        "customers_began": 12,
        "customers_graduated": 1,
        "customers_expired": 3,
        "pool_consumption": [{"pool_id": "pool_exploration", "drawn_units": 40, "customers": 9}],
    }
    with write(db.session):
        config = db.session.get_one(ConfigVersion, "cfg_1")
        f.run(db.session, config, outputs=f.outputs(exploration_summary=summary))
    text = text_of(client.get(URL).text)
    assert "In the last simulation 12 customers began, 1 graduated, 3 ran out of days." in text
    assert "Exploration gave 40 units to 9 customers." in text


def test_an_autosave_says_what_is_missing_now(client: FlaskClient) -> None:
    told = json_of(client.post(URL, data=typed(client.get(URL).text, {"qualifying_events": []}), headers=AUTOSAVE))
    assert told["completeness"]["next_missing_item"]["field"] == "exploration.qualifying_events"
    assert told["completeness"]["pill"] == "amber"

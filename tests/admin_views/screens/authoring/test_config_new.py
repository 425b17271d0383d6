"""Flow 3A: which segment, stage and environment, and where the new config starts from."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.transactions import write
from simulation.canonical import JsonObject
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of
from tests.admin_views.screens.draft_pages import PREVIEW, sent_by, typed
from tests.answers import json_of
from tests.present import present

URL = f"/cycles/{f.CYCLE}/configs/new"


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    with write(db.session):
        f.foundation(db.session)
    return sqlite_app.test_client()


def post(client: FlaskClient, changes: JsonObject | None = None, url: str = URL, **options: Any) -> TestResponse:
    return client.post(url, data=typed(client.get(url).text, changes, "config"), **options)


def configs() -> list[ConfigVersion]:
    db.session.rollback()
    db.session.expunge_all()
    return list(db.session.scalars(sa.select(ConfigVersion).order_by(ConfigVersion.created_at, ConfigVersion.version)))


def test_a_first_version_starts_from_the_stages_defaults_and_leads_to_suggested_pools(client: FlaskClient) -> None:
    assert "this will be version 1" in text_of(client.get(URL).text)
    answer = post(client)
    (made,) = configs()
    assert (answer.status_code, answer.location) == (303, f"/configs/{made.config_version_id}/pools?start=defaults")
    assert (made.segment, made.stage, made.target_environment) == ("smb", "learning", "production")
    assert (made.version, made.value_unit_snapshot_version, present(made.exploration).expires_after_days) == (1, 1, 30)
    form = sent_by(client.get(answer.location).text)
    assert [form[f"{key}.pool_id"] for key in form.getlist("pools")] == ["pool_core", "pool_exploration"]


def test_starting_from_the_active_version_copies_it_and_makes_it_the_baseline(client: FlaskClient) -> None:
    with write(db.session):
        f.active(db.session)
    text = text_of(client.get(URL).text)
    assert "The newest version is 1: smb · learning · production v1 ● active. This will be version 2." in text
    answer = post(client)
    made = configs()[-1]
    assert answer.location == f"/configs/{made.config_version_id}/pools"
    assert [pool.pool_id for pool in made.pools] == ["pool_core", "pool_exploration"]
    assert (made.baseline_config_version_id, made.price_book_ref, made.version) == ("cfg_1", "usd_2026_01_default", 2)
    assert present(made.rails).monthly_spend_cap_usd == 650


def test_the_defaults_can_be_chosen_although_a_version_is_active(client: FlaskClient) -> None:
    with write(db.session):
        f.active(db.session)
    post(client, {"start": "defaults"})
    made = configs()[-1]
    assert (made.pools, made.baseline_config_version_id, present(made.rails).monthly_spend_cap_usd) == ([], None, None)


def test_the_newest_version_of_another_subject_is_shown_as_it_is_chosen(client: FlaskClient) -> None:
    with write(db.session):
        f.config(db.session, "cfg_e", segment="enterprise", stage="scaling")
    chosen = {"segment": "enterprise", "stage": "scaling"}
    told = json_of(post(client, chosen, headers=PREVIEW))["parts"]["standing"]
    assert "/configs/cfg_e/pools" in told
    assert "It is still a draft." in text_of(told)
    assert "enterprise · scaling · production v1" in text_of(post(client, chosen | {"do": "look"}).text)
    assert len(configs()) == 1


def test_every_combination_of_the_workspace_is_listed_with_a_way_to_choose_it(client: FlaskClient) -> None:
    with write(db.session):
        f.active(db.session)
        f.config(db.session, "cfg_2")
        f.config(db.session, "cfg_3", target_environment="sandbox")
    page = client.get(URL).text
    assert "smb learning production version 2 draft version 1 Choose" in text_of(page)
    assert "smb learning sandbox version 1 draft none Choose" in text_of(page)
    chosen = client.get(f"{URL}?segment=smb&stage=learning&target_environment=sandbox").text
    assert sent_by(chosen, "config")["target_environment"] == "sandbox"


@pytest.mark.parametrize(
    ("changes", "link"),
    [
        ({"cycle_type": "sandbox"}, "/cycles/new/north-star?cycle=cycle_2#cycle_type"),
        (
            {"cycle_type": "sandbox", "period_length_days": 120},
            "/cycles/new/north-star?cycle=cycle_2#period_length_days",
        ),
        ({}, "/cycles/cycle_2/value-units/submit#submit"),
    ],
)
def test_production_waits_for_its_cycle_and_says_why_with_a_link(
    client: FlaskClient, changes: JsonObject, link: str
) -> None:
    with write(db.session):
        f.cycle(db.session, "cycle_2", **changes)
    url = "/cycles/cycle_2/configs/new"
    page = client.get(url).text
    assert "Production is not possible in this cycle yet" in page
    assert f'href="{link}"' in page
    assert sent_by(page, "config")["target_environment"] == "sandbox"
    refused = post(client, {"target_environment": "production"}, url)
    assert refused.status_code == 422
    assert configs() == []
    assert post(client, {}, url).status_code == 303


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"segment": ""}, "Choose the segment."),
        ({"segment": "nobody"}, "Not a valid choice"),
        ({"stage": None}, "Choose the stage."),
        ({"target_environment": "moon"}, "Not a valid choice"),
        ({"csrf_token": "old"}, "CSRF"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_made(
    client: FlaskClient, changes: dict[str, str | None], says: str
) -> None:
    answer = post(client, changes)
    assert answer.status_code == 422
    if says != "CSRF":
        assert says in text_of(answer.text)
    assert configs() == []


def test_units_that_the_next_cycle_lacks_are_named(client: FlaskClient) -> None:
    with write(db.session):
        f.active(db.session)
        f.cycle(db.session, "cycle_2")
        f.snapshot(db.session, "cycle_2", f.HD_MINUTE | {"value_unit_id": "vu_other", "name": "Other"})
    answer = post(client, {}, "/cycles/cycle_2/configs/new")
    assert answer.status_code == 422
    assert "has no value unit “Usable HD minute” for pool “Core”" in text_of(answer.text)
    assert len(configs()) == 1

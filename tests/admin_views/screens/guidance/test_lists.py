"""The lists of the rail: cycles, configs and usage, with filters, words, sort and pages in the address."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.actor import Actor
from app.extensions import usage_events
from app.models.base import db
from app.models.transactions import write
from app.services.authoring import configs as config_drafts
from app.services.usage import imports
from simulation.canonical import Json
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of

ROWS = """event_id,ts,event_type,customer_id,segment,resolution,output_minutes
e1,2026-01-02T09:00:00Z,video_render_completed,cust_1,smb,HD,6
e2,2026-01-02T10:00:00Z,video_render_completed,cust_2,smb,HD,4
e3,2026-01-03T10:00:00Z,draft_export_created,cust_1,smb,HD,
e4,yesterday,draft_export_created,cust_1,smb,HD,
"""


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """ws_1 has a cycle with 27 draft configs and one active; ws_2 has nothing."""
    with write(db.session):
        f.foundation(db.session)
        f.workspace(db.session, "ws_2")
        f.active(db.session, "cfg_live")
        for number in range(27):
            data: Json = {**f.SUBJECT, "config_version_id": f"cfg_{number:02}", "cycle_id": f.CYCLE}
            config_drafts.create_config(db.session, data, actor=f.OPERATOR, now=f.NOW)
    client = sqlite_app.test_client()
    client.get("/?workspace=ws_1")
    return client


@pytest.mark.parametrize("address", ["/cycles", "/configs", "/usage"])
def test_without_a_workspace_a_list_leads_home(sqlite_app: Flask, address: str) -> None:
    answer = sqlite_app.test_client().get(address)
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize(
    ("address", "said"),
    [("/cycles", "Open the first cycle"), ("/configs", "Open a cycle first"), ("/usage", "No usage events yet.")],
)
def test_an_empty_list_says_what_will_be_here_and_what_to_do(client: FlaskClient, address: str, said: str) -> None:
    client.get("/?workspace=ws_2")
    assert said in text_of(client.get(address).text)


def test_a_list_shows_25_rows_and_the_way_to_the_rest(client: FlaskClient) -> None:
    first = client.get("/configs?sort=config").text
    assert "1–25 of 28" in first
    assert 'href="/configs?sort=config&amp;page=2"' in first
    assert "26–28 of 28" in client.get("/configs?sort=config&page=2").text


@pytest.mark.parametrize("page", ["0", "-1", "x", "²", "99", "99999999999"])
def test_a_page_that_does_not_exist_is_the_nearest_one(client: FlaskClient, page: str) -> None:
    assert client.get(f"/configs?page={page}").status_code == 200


def test_sorting_by_a_column_again_turns_it_round(client: FlaskClient) -> None:
    rising = client.get("/configs?sort=config").text
    assert 'aria-sort="ascending"><a href="/configs?sort=-config"' in rising
    falling = client.get("/configs?sort=-config").text.partition("<tbody>")[2]
    assert falling.index("cfg_live") < falling.index("cfg_26") < falling.index("cfg_25")


def test_a_sort_that_nobody_offers_is_answered_in_the_usual_order(client: FlaskClient) -> None:
    assert client.get("/configs?sort=content_hash").status_code == 200


def test_filters_agree_exactly_and_can_be_removed(client: FlaskClient) -> None:
    page = client.get("/configs?status=active&sort=config").text
    assert "cfg_live" in page
    assert "cfg_00" not in page
    assert "Status: active <span" in page
    assert '<a href="/configs?sort=config">Status' in page


def test_a_filter_value_that_is_no_status_finds_nothing(client: FlaskClient) -> None:
    assert "No config matches these filters." in client.get("/configs?status=nonsense").text


def test_words_are_found_anywhere_in_the_id_and_mean_only_themselves(client: FlaskClient) -> None:
    assert "1–1 of 1" in client.get("/configs?q=LIVE").text
    assert "No config matches" in client.get("/configs?q=%25live").text


def test_a_decided_config_leads_to_its_decision_and_a_draft_to_its_pools(client: FlaskClient) -> None:
    page = client.get("/configs?q=live").text
    assert 'href="/configs/cfg_live/approve"' in page
    assert 'href="/configs/cfg_03/pools"' in client.get("/configs?q=cfg_03").text


def test_a_cycle_counts_its_configs_and_leads_to_its_units(client: FlaskClient) -> None:
    page = client.get("/cycles").text
    assert 'href="/cycles/cycle_1/value-units"' in page
    assert "28 1 active" in text_of(page)


def test_cycles_are_filtered_by_goal_and_found_by_name(client: FlaskClient) -> None:
    assert "1–1 of 1" in client.get("/cycles?goal_type=pmf_learning&q=first").text
    assert "No cycle matches" in client.get("/cycles?goal_type=margin").text


def test_another_workspace_shows_none_of_these(client: FlaskClient) -> None:
    client.get("/?workspace=ws_2")
    for address in ("/configs", "/cycles"):
        assert "cfg_" not in client.get(address).text


@pytest.fixture
def imported(client: FlaskClient, tmp_path: Path) -> FlaskClient:
    path = tmp_path / "events.csv"
    path.write_text(ROWS)
    store = usage_events().store
    imports.import_usage(db.session, store, "ws_1", path, actor=Actor("Theresa"), now=f.NOW, extend_catalog=True)
    return client


def test_usage_counts_events_and_customers_by_type_and_day(imported: FlaskClient) -> None:
    text = text_of(imported.get("/usage").text)
    assert "Events 3 Customers 2 First 2026-01-02 09:00 UTC Last 2026-01-03 10:00 UTC" in text
    assert "video_render_completed 2 2 2026-01-02 09:00 UTC 2026-01-02 10:00 UTC" in text
    assert "2026-01-03 1 1 2026-01-02 2 2" in text


def test_usage_lists_imports_with_why_rows_were_rejected(imported: FlaskClient) -> None:
    text = text_of(imported.get("/usage").text)
    assert "events.csv 2026-01-15 00:00 UTC imp_" in text
    assert "3 0 0 1 1 × ts: ts is not an RFC 3339 time" in text
    assert "counts Undo…" in text


def test_a_rejects_report_that_is_not_there_is_refused_by_name(client: FlaskClient) -> None:
    for report_id in ("imp_nothing", "..%2f..%2fsecret_key", "imp_.."):
        assert client.get(f"/usage/rejects/{report_id}.csv").status_code == 404

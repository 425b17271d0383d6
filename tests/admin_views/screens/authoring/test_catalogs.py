"""The catalogs: searched, filtered, sorted, paged and read, with what refers to each entry."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.catalog import Customer, EventCatalog
from app.services.authoring import value_units
from simulation.canonical import Json
from tests import factories
from tests.present import present

TABS = ("events", "metrics", "quality-signals", "segments", "customers")


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    factories.foundation(db.session)
    factories.config(db.session)
    db.session.commit()
    return sqlite_app.test_client()


def ids(client: FlaskClient, query: str) -> list[str]:
    answer = client.get(f"/catalogs?{query}")
    assert answer.status_code == 200
    return re.findall(r'data-copy="([^"]+)" aria-label="Copy ID \1">', answer.text)


def add_customers(count: int) -> None:
    db.session.add_all(
        Customer(customer_id=f"cust_{number:03}", name=f"Studio {number}", segment="enterprise")
        for number in range(100, 100 + count)
    )
    db.session.commit()


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_lists_its_catalog_with_a_copy_button_per_row(operator: FlaskClient, tab: str) -> None:
    page = operator.get(f"/catalogs?tab={tab}").text
    assert f'href="/catalogs?tab={tab}" aria-current="page"' in page
    rows = re.findall(r'<th scope="row">', page)
    assert rows
    assert len(ids(operator, f"tab={tab}")) == len(rows)


def test_an_address_that_asks_for_what_there_is_not_is_read_as_far_as_it_makes_sense(operator: FlaskClient) -> None:
    assert ids(operator, "tab=nothing&sort=secret&page=-1&desc=yes") == ids(operator, "tab=events")
    assert operator.get("/catalogs?tab=events&page=99999999999").status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tab=events&q=DRAFT", ["draft_export_created"]),
        ("tab=events&q=render_mode", ["video_render_completed"]),
        ("tab=events&q=%25", []),
        ("tab=events&dimensions=render_mode", ["video_render_completed"]),
        ("tab=events&dimensions=resolution", ["draft_export_created", "video_render_completed"]),
        ("tab=metrics&type=lens", ["exploration_depth"]),
        ("tab=quality-signals&source=in_app_prompt", ["csat"]),
        ("tab=customers&segment=smb", ["cust_1"]),
        ("tab=customers&segment=enterprise", []),
        ("tab=metrics&sort=metric_id&desc=1", ["paid_engagement_retention_90d", "gross_margin", "exploration_depth"]),
    ],
)
def test_search_filter_and_order_are_in_the_address(operator: FlaskClient, query: str, found: list[str]) -> None:
    assert ids(operator, query) == found


def test_filters_are_chips_that_go_away_one_by_one(operator: FlaskClient) -> None:
    page = operator.get("/catalogs?tab=metrics&q=depth&type=lens").text
    assert 'href="/catalogs?tab=metrics&amp;type=lens" aria-label="Remove search depth"' in page
    assert 'href="/catalogs?tab=metrics&amp;q=depth" aria-label="Remove filter lens"' in page


def test_rows_come_in_pages_of_twenty_five(operator: FlaskClient) -> None:
    add_customers(30)
    first, second = ids(operator, "tab=customers"), ids(operator, "tab=customers&page=1")
    assert (len(first), len(second)) == (25, 6)
    assert first + second == sorted(first + second)
    page = operator.get("/catalogs?tab=customers&q=studio").text
    assert 'href="/catalogs?tab=customers&amp;q=studio&amp;page=1">Next' in page
    assert "Previous" not in page


def test_the_panel_names_who_refers_to_the_entry_and_links_back(operator: FlaskClient) -> None:
    page = operator.get("/catalogs?tab=events&id=draft_export_created").text
    units = f"/cycles/{factories.CYCLE}/value-units?unit=vu_draft_export#event_mapping.event_type"
    assert f'href="{units}">Draft export</a>' in page
    assert 'href="/configs/cfg_1/exploration#qualifying_events"' in page
    page = operator.get("/catalogs?tab=metrics&id=gross_margin").text
    assert f'href="/cycles/new/north-star?cycle={factories.CYCLE}#primary_metrics"' in page
    assert "No value unit, cycle or config refers to it." in operator.get("/catalogs?tab=segments&id=enterprise").text


def test_an_entry_leads_to_where_it_is_used_next_in_the_operators_cycle(operator: FlaskClient) -> None:
    assert "Define a unit that counts it" not in operator.get("/catalogs?tab=events&id=draft_export_created").text
    operator.get(f"/cycles/{factories.CYCLE}/value-units")
    page = operator.get("/catalogs?tab=events&id=draft_export_created").text
    assert f'href="/cycles/{factories.CYCLE}/value-units?unit=new&amp;event_type=draft_export_created"' in page
    assert 'href="/catalogs?tab=customers&amp;segment=smb"' in operator.get("/catalogs?tab=segments&id=smb").text


def test_a_unit_that_filters_by_a_customer_refers_to_the_customer(operator: FlaskClient) -> None:
    def refers(wanted: Json) -> bool:
        mapping = present(factories.HD_MINUTE["event_mapping"]) | {"filters": {"customer_id": wanted}}
        value_units.update_value_unit(db.session, "vu_hd_minute", {"event_mapping": mapping}, **factories.WHO)
        db.session.commit()
        page = operator.get("/catalogs?tab=customers&id=cust_1").text
        return "?unit=vu_hd_minute#event_mapping.filters.customer_id" in page

    assert refers("cust_1")
    assert refers(["cust_2", "cust_1"])
    assert not refers(["cust_10"])


def test_opening_an_entry_keeps_the_list_as_it_was(operator: FlaskClient) -> None:
    page = operator.get("/catalogs?tab=metrics&type=lens&id=exploration_depth").text
    assert 'href="/catalogs?tab=metrics&amp;type=lens">Close' in page
    assert ids(operator, "tab=metrics&type=lens&id=exploration_depth") == ["exploration_depth"]


def test_an_unknown_entry_is_named(operator: FlaskClient) -> None:
    answer = operator.get("/catalogs?tab=events&id=nothing")
    assert answer.status_code == 404
    assert "There is no event type &#39;nothing&#39;." in answer.text


def test_what_catalogs_hold_is_escaped(operator: FlaskClient) -> None:
    db.session.add(EventCatalog(event_type="<b>&x=1#y", description="<script>", dimensions=["<i>"]))
    db.session.commit()
    page = operator.get("/catalogs?tab=events&id=%3Cb%3E%26x%3D1%23y").text
    assert "<b>" not in page
    assert "<script>" not in page.replace('<script defer src="/admin', "")
    assert "id=%3Cb%3E%26x%3D1%23y" in page


def test_nothing_is_written_here(operator: FlaskClient) -> None:
    assert operator.post("/catalogs").status_code == 405

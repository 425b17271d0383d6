"""The catalogs: searched, filtered, sorted, paged and read, with what refers to each entry."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.catalog import Customer, EventCatalog, MetricCatalog
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


# A workspace's own entries


@pytest.fixture
def at_work(operator: FlaskClient) -> FlaskClient:
    """A browser in a workspace that has words of its own, beside another one that has others."""
    factories.workspace(db.session, "ws_2")
    db.session.add_all(
        [
            MetricCatalog(workspace_id="ws_1", metric_id="nps", label="Promoters", type="north_star"),
            MetricCatalog(workspace_id="ws_2", metric_id="theirs", label="Theirs", type="lens"),
            EventCatalog(workspace_id="ws_1", event_type="draft_export_created", dimensions=["format"]),
        ]
    )
    db.session.commit()
    operator.get("/?workspace=ws_1")
    return operator


def test_a_workspace_sees_its_own_entries_and_the_shared_ones_and_which_is_which(at_work: FlaskClient) -> None:
    page = at_work.get("/catalogs?tab=metrics").text
    assert "nps" in ids(at_work, "tab=metrics")
    assert "theirs" not in ids(at_work, "tab=metrics")
    assert (page.count("this workspace</span>"), page.count("shared</span>")) == (
        1,
        len(ids(at_work, "tab=metrics")) - 1,
    )
    assert at_work.get("/catalogs?tab=metrics&id=theirs").status_code == 404


def test_an_own_event_type_shows_the_dimensions_of_both_and_is_found_by_each(at_work: FlaskClient) -> None:
    page = at_work.get("/catalogs?tab=events&id=draft_export_created").text
    assert "format, resolution" in page
    for dimension in ("format", "resolution"):
        assert "draft_export_created" in ids(at_work, f"tab=events&dimensions={dimension}")


def test_the_page_says_how_to_add_and_an_empty_catalog_says_it_at_length(at_work: FlaskClient) -> None:
    assert 'href="/setup/data-mode#add-metrics">Add metrics</a>' in at_work.get("/catalogs?tab=metrics").text
    db.session.query(MetricCatalog).delete()
    db.session.commit()
    page = at_work.get("/catalogs?tab=metrics").text
    assert "post to /api/catalogs/metrics, or run avs catalog import FILE --kind metrics" in page


def groups_of(page: str, name: str) -> tuple[str, str]:
    """The part of a list of boxes before its second group, and that group."""
    boxes = page.partition(f'id="{name}"')[2].partition("</fieldset>")[0]
    own, _, shared = boxes.partition("<details")
    return own, shared


def test_pickers_offer_the_workspaces_own_words_first_and_the_shared_ones_as_a_second_group(
    at_work: FlaskClient,
) -> None:
    own, shared = groups_of(at_work.get("/cycles/new/north-star").text, "primary_metrics")
    assert "Promoters" in own
    assert "gross_margin" not in own
    assert "Shared by all workspaces" in shared
    assert "gross_margin" in shared
    unit = at_work.get("/cycles/cycle_1/value-units?unit=new").text
    assert unit.index('<optgroup label="This workspace">') < unit.index('<optgroup label="Shared by all workspaces">')


def test_what_is_chosen_of_the_shared_words_is_in_sight(at_work: FlaskClient) -> None:
    _, shared = groups_of(at_work.get("/cycles/new/north-star?cycle=cycle_1").text, "primary_metrics")
    assert shared.split(">")[0].strip().endswith("open")


def test_a_workspace_without_words_of_its_own_picks_from_one_plain_list(at_work: FlaskClient) -> None:
    own, shared = groups_of(at_work.get("/cycles/new/north-star").text, "segments")
    assert factories.SEGMENT in own
    assert shared == ""

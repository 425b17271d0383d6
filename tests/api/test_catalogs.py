"""Catalogs through the API: searched, filtered, read with what refers to each entry, never written."""

import pytest

from app.models.base import db
from app.models.catalog import Customer
from tests import factories
from tests.api.conftest import Api, exact


@pytest.fixture
def used(studio: Api) -> Api:
    """Catalogs whose entries are used by a cycle, two units and a config."""
    factories.config(db.session)
    db.session.add(Customer(customer_id="cust_2", name="100% Northwind", segment="enterprise"))
    db.session.commit()
    return studio


def ids(api: Api, path: str, key: str) -> list[str]:
    return [item[key] for item in api.get(f"/api/catalogs/{path}").json["items"]]


def references(api: Api, path: str) -> set[tuple[str, str, str]]:
    found = api.get(f"/api/catalogs/{path}").json["referenced_in"]
    return {(item["entity_id"], item["field"], item["deep_link"]) for item in found}


def test_an_event_is_used_by_the_units_that_map_it_and_the_configs_that_explore_with_it(used: Api) -> None:
    assert references(used, "events/draft_export_created") == {
        (
            "vu_draft_export",
            "event_mapping.event_type",
            "/cycles/cycle_1/value-units?unit=vu_draft_export#event_mapping.event_type",
        ),
        ("cfg_1", "exploration.qualifying_events", "/configs/cfg_1/exploration#qualifying_events"),
    }


def test_a_metric_is_used_by_cycles_units_and_lenses(used: Api) -> None:
    assert {entity for entity, *_ in references(used, "metrics/gross_margin")} == {
        "cycle_1",
        "vu_hd_minute",
        "vu_draft_export",
    }
    assert references(used, "metrics/exploration_depth") == {
        ("cfg_1", "metric_lenses", "/configs/cfg_1/review#metric_lenses")
    }


def test_a_signal_is_used_by_units_and_a_segment_by_cycles_and_configs(used: Api) -> None:
    assert {entity for entity, *_ in references(used, "quality-signals/csat")} == {"vu_hd_minute", "vu_draft_export"}
    assert {entity for entity, *_ in references(used, "segments/smb")} == {"cycle_1", "cfg_1"}
    assert references(used, "segments/enterprise") == set()
    assert references(used, "customers/cust_1") == set()


def test_an_id_within_another_id_is_no_reference(used: Api) -> None:
    used.patch("/api/value-units/vu_hd_minute", {"quality_signal_source": []})
    used.patch("/api/value-units/vu_draft_export", {"quality_signal_source": [], "quality_note": "csat"})
    assert references(used, "quality-signals/csat") == set()


def test_lists_are_searched_in_any_case_and_signs_mean_themselves(used: Api) -> None:
    assert ids(used, "customers?q=NORTH", "customer_id") == ["cust_2"]
    assert ids(used, "customers?q=100%25", "customer_id") == ["cust_2"]
    assert ids(used, "customers?q=%25", "customer_id") == ["cust_2"]
    assert ids(used, "events?q=render_mode", "event_type") == ["video_render_completed"]


def test_lists_are_filtered(used: Api) -> None:
    assert ids(used, "customers?segment=smb", "customer_id") == ["cust_1"]
    assert ids(used, "metrics?type=lens", "metric_id") == ["exploration_depth"]
    assert ids(used, "quality-signals?source=ops_review", "signal_id") == []
    assert used.get("/api/catalogs/metrics?type=other", 400).json["errors"][0]["pointer"] == "type"


def test_an_entry_that_does_not_exist_is_not_found(used: Api) -> None:
    used.get("/api/catalogs/events/unheard_of", 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_catalogs_are_not_written_through_the_api(sqlite_studio: Api, method: str) -> None:
    response = sqlite_studio.client.open("/api/catalogs/events", method=method, json={"event_type": "x"})
    assert response.status_code == 405
    assert exact(response)["code"] == "method_not_allowed"

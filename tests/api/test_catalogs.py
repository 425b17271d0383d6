"""Catalogs through the API: searched, filtered, read with what refers to each entry; a workspace's own are kept."""

from urllib.parse import quote

import pytest

from app.models.base import db
from app.models.catalog import Customer, MetricCatalog
from simulation.canonical import JsonObject
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


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_catalog_as_a_whole_is_not_written(sqlite_studio: Api, method: str) -> None:
    response = sqlite_studio.client.open("/api/catalogs/events", method=method, json={"event_type": "x"})
    assert response.status_code == 405
    assert exact(response)["code"] == "method_not_allowed"


# A workspace's own entries

ENTRIES: dict[str, JsonObject] = {
    "events": {"event_type": "chat_sent", "description": "A message", "dimensions": ["model", "tokens"]},
    "metrics": {"metric_id": "nps", "label": "Promoters", "type": "north_star"},
    "quality-signals": {"signal_id": "thumbs", "label": "Thumbs", "source": "in_app"},
    "segments": {"segment_id": "pro", "label": "Pro", "description": "Paying teams"},
    "customers": {"customer_id": "acme", "name": "Acme", "segment": "smb"},
}
KEYS = {slug: next(iter(entry)) for slug, entry in ENTRIES.items()}
MINE = {"workspace_id": "ws_1"}


@pytest.fixture
def two(studio: Api) -> Api:
    """A workspace beside the studio's."""
    factories.workspace(db.session, "ws_2")
    db.session.commit()
    return studio


@pytest.mark.parametrize("slug", ENTRIES)
def test_an_own_entry_is_read_by_its_workspace_and_by_no_other(two: Api, slug: str) -> None:
    key = ENTRIES[slug][KEYS[slug]]
    answer = two.post(f"/api/catalogs/{slug}", MINE | ENTRIES[slug], 200).json
    assert (answer["added"], answer["changed"]) == (1, 0)
    assert {**answer["items"][0]} == {"workspace_id": "ws_1", **ENTRIES[slug]}
    assert key in ids(two, f"{slug}?workspace_id=ws_1", KEYS[slug])
    assert key not in ids(two, f"{slug}?workspace_id=ws_2", KEYS[slug])
    assert key not in ids(two, slug, KEYS[slug])
    two.get(f"/api/catalogs/{slug}/{key}", 404)
    assert two.get(f"/api/catalogs/{slug}/{key}?workspace_id=ws_1").json["workspace_id"] == "ws_1"


@pytest.mark.parametrize("slug", ENTRIES)
def test_sending_an_entry_again_changes_nothing(two: Api, slug: str) -> None:
    sent = [MINE | ENTRIES[slug]]
    assert two.post(f"/api/catalogs/{slug}", sent, 200).json["added"] == 1
    again = two.post(f"/api/catalogs/{slug}", sent, 200).json
    assert (again["added"], again["changed"]) == (0, 0)


def test_lists_with_a_workspace_hold_the_shared_entries_and_its_own_each_key_once(two: Api) -> None:
    two.post("/api/catalogs/metrics", MINE | {"metric_id": "gross_margin", "label": "Our margin", "type": "lens"}, 200)
    listed = {item["metric_id"]: item for item in two.get("/api/catalogs/metrics?workspace_id=ws_1").json["items"]}
    assert (listed["gross_margin"]["label"], listed["gross_margin"]["workspace_id"]) == ("Our margin", "ws_1")
    assert listed["exploration_depth"]["workspace_id"] is None
    assert two.get("/api/catalogs/metrics/gross_margin").json["label"] == "gross_margin"
    other = two.get("/api/catalogs/metrics/gross_margin?workspace_id=ws_2").json
    assert (other["label"], other["workspace_id"]) == ("gross_margin", None)


def test_the_dimensions_of_an_own_event_type_and_of_the_shared_one_are_joined(two: Api) -> None:
    sent = MINE | {"event_type": "draft_export_created", "dimensions": ["format"]}
    assert two.post("/api/catalogs/events", sent, 200).json["items"][0]["dimensions"] == ["format", "resolution"]
    entry = two.get("/api/catalogs/events/draft_export_created?workspace_id=ws_1").json
    assert entry["dimensions"] == ["format", "resolution"]
    assert two.get("/api/catalogs/events/draft_export_created").json["dimensions"] == ["resolution"]


def test_pages_of_a_workspaces_list_show_every_entry_once(two: Api) -> None:
    two.post("/api/catalogs/metrics", [MINE | {"metric_id": f"m_{n}", "type": "lens"} for n in range(5)], 200)
    keys, cursor = [], ""
    while True:
        page = two.get(f"/api/catalogs/metrics?workspace_id=ws_1&limit=2{cursor}").json
        keys += [item["metric_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert keys == sorted({*keys})
    assert len(keys) == 5 + len(ids(two, "metrics", "metric_id"))


@pytest.mark.parametrize(
    ("slug", "sent", "pointer", "detail"),
    [
        ("metrics", {"metric_id": "x", "type": "wish"}, "/type", "Must be one of: north_star, lens."),
        ("metrics", {"type": "lens"}, "/metric_id", "Missing data for required field."),
        ("metrics", [{"metric_id": "a", "type": "lens"}, {"metric_id": "b"}], "/1/type", "Missing data"),
        ("customers", {"customer_id": "x", "segment": "smbb"}, "/segment", "segment 'smbb' is not in the catalog"),
        ("customers", [{"customer_id": "x", "segment": "smbb"}], "/0/segment", "add it to the segments"),
        ("events", {"event_type": "x", "dimensions": ["Resolution"]}, "/dimensions", "differs from 'resolution' only"),
        ("events", {"event_type": "x", "dimensions": ["1st"]}, "/dimensions", "cannot name a dimension"),
        ("events", {"event_type": "x", "other": 1}, "/other", "There is no such field."),
        ("segments", {"segment_id": "a\nb"}, "/segment_id", "Must be 1 to 200 characters"),
    ],
)
def test_a_bad_entry_is_named_and_nothing_is_kept(
    two: Api, slug: str, sent: JsonObject | list[JsonObject], pointer: str, detail: str
) -> None:
    body = [MINE | item for item in sent] if isinstance(sent, list) else MINE | sent
    before = two.get(f"/api/catalogs/{slug}?workspace_id=ws_1").json
    problem = two.post(f"/api/catalogs/{slug}", body, 422).json
    assert problem["errors"][0]["pointer"] == pointer
    assert detail in problem["errors"][0]["detail"]
    assert two.get(f"/api/catalogs/{slug}?workspace_id=ws_1").json == before


def test_entries_of_several_workspaces_or_none_are_refused(two: Api) -> None:
    sent = [MINE | {"segment_id": "a"}, {"workspace_id": "ws_2", "segment_id": "b"}]
    assert two.post("/api/catalogs/segments", sent, 422).json["errors"][0]["pointer"] == "/1/workspace_id"
    assert two.post("/api/catalogs/segments", [], 422).json["code"] == "too_many_entries"
    two.post("/api/catalogs/segments", {"workspace_id": "ws_9", "segment_id": "a"}, 404)


@pytest.mark.parametrize("slug", ENTRIES)
def test_an_own_entry_that_nothing_names_can_be_deleted(two: Api, slug: str) -> None:
    two.post(f"/api/catalogs/{slug}", MINE | ENTRIES[slug], 200)
    one = f"/api/catalogs/{slug}/{ENTRIES[slug][KEYS[slug]]}?workspace_id=ws_1"
    two.delete(one)
    two.get(one, 404)
    two.delete(one, 404)


def test_what_is_named_stays(two: Api) -> None:
    two.post("/api/catalogs/quality-signals", MINE | ENTRIES["quality-signals"], 200)
    two.post("/api/catalogs/segments", MINE | ENTRIES["segments"], 200)
    two.post("/api/catalogs/customers", MINE | ENTRIES["customers"] | {"segment": "pro"}, 200)
    two.patch("/api/value-units/vu_hd_minute", {"quality_signal_source": ["thumbs"]})
    problem = two.delete("/api/catalogs/quality-signals/thumbs?workspace_id=ws_1", 409).json
    assert problem["code"] == "in_use"
    assert "value_unit vu_hd_minute (quality_signal_source)" in problem["detail"]
    assert "customer acme" in two.delete("/api/catalogs/segments/pro?workspace_id=ws_1", 409).json["detail"]


def test_a_shared_entry_is_not_a_workspaces_to_delete(two: Api) -> None:
    problem = two.delete("/api/catalogs/metrics/exploration_depth?workspace_id=ws_1", 409).json
    assert problem["code"] == "shared_entry"
    two.delete("/api/catalogs/metrics/exploration_depth", 400)
    two.get("/api/catalogs/metrics/exploration_depth")


def test_a_workspaces_words_can_be_used_at_once_and_only_by_it(two: Api) -> None:
    two.post("/api/catalogs/metrics", MINE | ENTRIES["metrics"], 200)
    two.post("/api/catalogs/segments", MINE | ENTRIES["segments"], 200)
    two.patch("/api/cycles/cycle_1", {"primary_metrics": ["nps"], "segments": ["pro"]})
    cycle = {
        "workspace_id": "ws_2",
        "cycle_name": "Theirs",
        "cycle_type": "production",
        "period_length_days": 90,
        "primary_metrics": ["nps"],
        "segments": ["smb"],
    }
    problem = two.post("/api/cycles", cycle, 422).json
    assert problem["errors"][0]["pointer"] == "/primary_metrics/0"
    assert "'nps' is not in the metric catalog" in problem["errors"][0]["detail"]


def test_only_the_workspaces_own_uses_are_named_when_it_asks(two: Api) -> None:
    assert two.get("/api/catalogs/metrics/gross_margin?workspace_id=ws_2").json["referenced_in"] == []
    assert two.get("/api/catalogs/metrics/gross_margin?workspace_id=ws_1").json["referenced_in"]


def test_a_workspace_takes_its_own_entries_with_it(two: Api) -> None:
    two.post("/api/catalogs/metrics", {"workspace_id": "ws_2"} | ENTRIES["metrics"], 200)
    two.delete("/api/workspaces/ws_2")
    assert ids(two, "metrics?workspace_id=ws_2", "metric_id") == ids(two, "metrics", "metric_id")


HOSTILE_IDS = (
    "a/b",
    "/a",
    "a/",
    "a//b",
    "Acme Inc",
    "100%",
    "a%2Fb",
    "auth0|64fe",
    "Café",
    "?q=1#x",
    "..",
    "a+b&c",
    "@",
)


@pytest.mark.parametrize("key", HOSTILE_IDS)
@pytest.mark.parametrize("slug", ["events", "segments", "customers"])
def test_an_entry_is_read_and_deleted_whatever_its_id_is_made_of(two: Api, slug: str, key: str) -> None:
    two.post(f"/api/catalogs/{slug}", MINE | ENTRIES[slug] | {KEYS[slug]: key}, 200)
    one = f"/api/catalogs/{slug}/{quote(key, safe='')}?workspace_id=ws_1"
    assert two.get(one).json[KEYS[slug]] == key
    two.delete(one)
    two.get(one, 404)
    assert key not in ids(two, f"{slug}?workspace_id=ws_1", KEYS[slug])


def test_a_metric_from_before_its_id_was_checked_can_still_be_read_and_deleted(two: Api) -> None:
    db.session.add(MetricCatalog(metric_id="a/b c", label="Odd", type="north_star", workspace_id="ws_1"))
    db.session.commit()
    assert two.get("/api/catalogs/metrics/a%2Fb%20c?workspace_id=ws_1").json["label"] == "Odd"
    two.delete("/api/catalogs/metrics/a%2Fb%20c?workspace_id=ws_1")

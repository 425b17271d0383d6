"""Value units and the snapshots that freeze them, through the API."""

from decimal import Decimal

from tests import factories
from tests.api.conftest import Api, exact

TOKEN = {
    "cycle_id": "cycle_1",
    "name": "Generated token",
    "unit_type": "usage",
    "unit_economics": {
        "avg_cost_per_unit_usd": Decimal("0.00000015"),
        "target_price_per_unit_usd": Decimal("0.000002500001"),
        "target_margin": Decimal("0.94"),
        "economics_confidence": "rough",
    },
}


def test_a_unit_may_be_incomplete_and_says_what_it_lacks(studio: Api) -> None:
    created = studio.post("/api/value-units", {"cycle_id": "cycle_1", "name": "Minute", "unit_type": "usage"}).json
    assert created["completeness_status"] == "red"
    assert created["completeness"]["missing"] == [
        "event_mapping",
        "outcome_statement",
        "metrics_intent",
        "unit_economics",
        "quality_signal_source",
    ]


def test_a_price_of_a_fraction_of_a_millionth_goes_in_and_out_exactly(studio: Api) -> None:
    created = studio.post("/api/value-units", TOKEN)
    assert exact(created)["unit_economics"] == TOKEN["unit_economics"]
    assert b'"target_price_per_unit_usd":0.000002500001' in created.data
    assert studio.get(created.headers["Location"]).data == created.data


def test_a_sum_may_take_another_field_off(studio: Api) -> None:
    aggregation = {"type": "sum", "field": "input_tokens", "minus": "cached_tokens"}
    mapping = {"event_type": "llm_call", "filters": {}, "aggregation": aggregation}
    created = studio.post("/api/value-units", TOKEN | {"event_mapping": mapping}).json
    assert created["event_mapping"] == mapping


def test_a_complete_unit_is_green(studio: Api) -> None:
    read = studio.get("/api/value-units/vu_hd_minute").json
    assert read["completeness"] == {"status": "green", "missing": []}
    assert read["event_mapping"] == factories.HD_MINUTE["event_mapping"]


def test_a_patch_replaces_an_embedded_object_whole(studio: Api) -> None:
    changed = studio.patch("/api/value-units/vu_hd_minute", {"unit_economics": {"avg_cost_per_unit_usd": 1}}).json
    assert changed["unit_economics"]["avg_cost_per_unit_usd"] == 1
    assert changed["unit_economics"]["target_price_per_unit_usd"] is None
    assert changed["completeness"]["missing"] == ["unit_economics"]


def test_a_unit_that_a_pool_counts_stays(studio: Api) -> None:
    studio.post("/api/configs", CONFIG)
    assert studio.delete("/api/value-units/vu_hd_minute", 409).json["code"] == "in_use"
    path = studio.post("/api/value-units", TOKEN).headers["Location"]
    studio.delete(path)


def test_units_are_listed_by_what_they_are(studio: Api) -> None:
    studio.post("/api/value-units", TOKEN | {"value_unit_id": "vu_token"})

    def listed(query: str) -> set[str]:
        return {item["value_unit_id"] for item in studio.get(f"/api/value-units?{query}").json["items"]}

    assert listed("cycle_id=cycle_1&completeness_status=red") == {"vu_token"}
    assert listed("workspace_id=ws_1&unit_type=outcome") == {"vu_hd_minute"}
    assert listed("workspace_id=ws_2") == set()


def test_a_snapshot_keeps_the_units_as_they_were(studio: Api) -> None:
    submitted = studio.post("/api/value-unit-snapshots", {"cycle_id": "cycle_1"})
    assert submitted.json["snapshot_version"] == 2
    studio.patch("/api/value-units/vu_hd_minute", {"name": "Renamed"})
    names = [unit["name"] for unit in studio.get(submitted.headers["Location"]).json["value_units"]]
    assert names == ["Draft export", "Usable HD minute"]
    listed = studio.get("/api/value-unit-snapshots?cycle_id=cycle_1&snapshot_version=1").json["items"]
    assert [item["snapshot_version"] for item in listed] == [1]


def test_a_cycle_without_units_has_nothing_to_submit(studio: Api) -> None:
    cycle = {"workspace_id": "ws_1", "cycle_name": "Next", "cycle_type": "sandbox", "segments": ["smb"]}
    cycle_id = studio.post("/api/cycles", cycle).json["cycle_id"]
    assert studio.post("/api/value-unit-snapshots", {"cycle_id": cycle_id}, 409).json["code"] == "no_value_units"


CONFIG = {
    "workspace_id": "ws_1",
    "cycle_id": "cycle_1",
    "segment": "smb",
    "stage": "learning",
    "target_environment": "production",
    "pools": [{"label": "Core", "value_unit_id": "vu_hd_minute", "overage_behavior": "allow_overage"}],
}

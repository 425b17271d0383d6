"""Config versions and their parts, through the API."""

from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.models.base import db
from app.models.config_version import ConfigVersion
from simulation.canonical import JsonObject
from tests import factories
from tests.api.conftest import Api, exact

CONFIG = {
    "config_version_id": "cfg_1",
    "workspace_id": "ws_1",
    "cycle_id": "cycle_1",
    "segment": "smb",
    "stage": "learning",
    "target_environment": "production",
}
POOL = {
    "pool_id": "pool_core",
    "label": "Core",
    "value_unit_id": "vu_hd_minute",
    "included_quantity": Decimal("5.5"),
    "overage_behavior": "allow_overage",
}


def codes(config: JsonObject) -> list[str]:
    return [finding["code"] for finding in config["completeness"]["findings"]]


@pytest.fixture
def draft(studio: Api) -> Api:
    studio.post("/api/configs", CONFIG)
    return studio


def test_a_draft_starts_from_its_stage_and_the_newest_snapshot(studio: Api) -> None:
    created = studio.post("/api/configs", CONFIG).json
    assert created["version"] == 1
    assert created["status"] == "draft"
    assert created["value_unit_snapshot_version"] == 1
    assert created["exploration"]["enabled"] is True
    assert [item["action"] for item in created["rails"]["usage_thresholds"]] == ["warn", "warn", "throttle"]


def test_given_parts_win_over_the_stages_defaults(studio: Api) -> None:
    parts = {"exploration": {"enabled": False}, "rails": {"margin_floor": Decimal("0.68")}, "pools": [POOL]}
    created = exact(studio.post("/api/configs", CONFIG | parts))
    assert created["exploration"]["enabled"] is False
    assert created["exploration"]["expires_after_days"] == 30
    assert created["rails"]["margin_floor"] == Decimal("0.68")
    assert len(created["rails"]["usage_thresholds"]) == 3
    assert created["pools"][0]["included_quantity"] == Decimal("5.5")


def test_the_answer_says_what_is_missing_next(draft: Api) -> None:
    completeness = draft.get("/api/configs/cfg_1").json["completeness"]
    assert completeness["pill"] == "red"
    assert completeness["next_missing_item"]["code"] == "config_pools_missing"
    assert completeness["next_missing_item"]["deep_link"] == "/configs/cfg_1/pools#pools"


def test_versions_of_one_subject_are_counted(draft: Api) -> None:
    assert draft.post("/api/configs", CONFIG | {"config_version_id": "cfg_2"}).json["version"] == 2
    assert draft.post("/api/configs", CONFIG | {"config_version_id": "cfg_s", "stage": "scaling"}).json["version"] == 1


def test_every_edit_gives_a_new_content_hash(draft: Api) -> None:
    hashes = [draft.get("/api/configs/cfg_1").json["content_hash"]]
    draft.post("/api/configs/cfg_1/pools", POOL)
    hashes.append(draft.get("/api/configs/cfg_1").json["content_hash"])
    draft.patch("/api/configs/cfg_1/rails", {"monthly_spend_cap_usd": 650})
    hashes.append(draft.get("/api/configs/cfg_1").json["content_hash"])
    draft.patch("/api/configs/cfg_1", {"price_book_ref": "usd_2026_01_default"})
    hashes.append(draft.get("/api/configs/cfg_1").json["content_hash"])
    assert len(set(hashes)) == 4


def test_a_complete_draft_lacks_only_its_simulation(studio: Api) -> None:
    factories.config(db.session)
    db.session.commit()
    read = studio.get("/api/configs/cfg_1").json
    assert read["completeness"]["pill"] == "amber"
    assert read["completeness"]["next_missing_item"]["code"] == "simulation_missing"


def test_configs_are_listed_with_their_findings(draft: Api) -> None:
    draft.post("/api/configs", CONFIG | {"config_version_id": "cfg_2", "target_environment": "sandbox"})
    listed = draft.get("/api/configs?workspace_id=ws_1&target_environment=production&status=draft").json["items"]
    assert [item["config_version_id"] for item in listed] == ["cfg_1"]
    assert codes(listed[0]) == codes(draft.get("/api/configs/cfg_1").json)


def test_a_draft_is_deleted_with_its_parts(draft: Api) -> None:
    draft.post("/api/configs/cfg_1/pools", POOL)
    draft.delete("/api/configs/cfg_1")
    draft.get("/api/configs/cfg_1", 404)
    draft.get("/api/configs/cfg_1/pools", 404)


def test_pools_are_added_changed_ordered_and_removed(draft: Api) -> None:
    added = draft.post("/api/configs/cfg_1/pools", POOL)
    assert added.headers["Location"] == "/api/configs/cfg_1/pools/pool_core"
    draft.post("/api/configs/cfg_1/pools", POOL | {"pool_id": "pool_pro", "label": "Pro"})
    draft.patch("/api/configs/cfg_1/pools/pool_core", {"position": 7, "rollover": {"enabled": True}})
    pools = draft.get("/api/configs/cfg_1/pools").json["items"]
    assert [pool["pool_id"] for pool in pools] == ["pool_pro", "pool_core"]
    assert pools[1]["rollover"] == {"enabled": True}
    draft.delete("/api/configs/cfg_1/pools/pool_pro")
    draft.get("/api/configs/cfg_1/pools/pool_pro", 404)
    assert [pool["pool_id"] for pool in draft.get("/api/configs/cfg_1").json["pools"]] == ["pool_core"]


def test_a_pool_gets_an_id_when_none_is_given(draft: Api) -> None:
    pool = {name: value for name, value in POOL.items() if name != "pool_id"}
    assert draft.post("/api/configs/cfg_1/pools", pool).json["pool_id"].startswith("pool_")


def test_put_clears_what_it_leaves_out_and_patch_keeps_it(draft: Api) -> None:
    rule = {"enabled": True, "qualifying_events": ["draft_export_created"], "expires_after_days": 30}
    draft.put("/api/configs/cfg_1/exploration", rule)
    assert (
        draft.patch("/api/configs/cfg_1/exploration", {"graduation_signal": "repeat"}).json["expires_after_days"] == 30
    )
    assert draft.put("/api/configs/cfg_1/exploration", {"enabled": False}).json == {
        "enabled": False,
        "exploration_pool_id": None,
        "qualifying_events": [],
        "expires_after_days": None,
        "graduation_signal": None,
    }
    draft.put("/api/configs/cfg_1/rails", {"margin_floor": Decimal("0.65")})
    assert draft.get("/api/configs/cfg_1/rails").json["usage_thresholds"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/configs/cfg_1", {"price_book_ref": "other"}),
        ("DELETE", "/api/configs/cfg_1", None),
        ("POST", "/api/configs/cfg_1/pools", POOL | {"pool_id": "pool_new"}),
        ("PATCH", "/api/configs/cfg_1/pools/pool_core", {"label": "Other"}),
        ("DELETE", "/api/configs/cfg_1/pools/pool_core", None),
        ("PUT", "/api/configs/cfg_1/price-plan", {"platform_fee_usd": 49}),
        ("PATCH", "/api/configs/cfg_1/price-plan", {"platform_fee_usd": 49}),
        ("DELETE", "/api/configs/cfg_1/price-plan", None),
        ("PUT", "/api/configs/cfg_1/exploration", {}),
        ("PATCH", "/api/configs/cfg_1/exploration", {"enabled": False}),
        ("PUT", "/api/configs/cfg_1/rails", {}),
        ("PATCH", "/api/configs/cfg_1/rails", {"margin_floor": 0}),
    ],
)
def test_a_decided_config_is_immutable_through_every_door(
    sqlite_studio: Api, method: str, path: str, body: JsonObject | None
) -> None:
    factories.active(db.session)
    db.session.commit()
    before = sqlite_studio.get("/api/configs/cfg_1").data
    assert sqlite_studio.send(method, path, body, 409).json["code"] == "config_immutable"
    assert sqlite_studio.get("/api/configs/cfg_1").data == before


@pytest.mark.own_database  # its listener stays on the engine
def test_a_draft_that_is_deleted_while_the_list_is_read_is_left_out_or_shown_whole(draft: Api) -> None:
    draft.post("/api/configs", CONFIG | {"config_version_id": "cfg_2"})
    engine = db.engine
    gone: list[str] = []

    def delete_it(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not gone and "FROM config_versions" in statement:
            gone.append("cfg_1")
            with engine.begin() as somebody_else:
                somebody_else.execute(sa.delete(ConfigVersion).filter_by(config_version_id="cfg_1"))

    sa.event.listen(engine, "after_cursor_execute", delete_it)
    listed = draft.get("/api/configs?workspace_id=ws_1").json["items"]
    assert gone
    assert [item["config_version_id"] for item in listed] in (["cfg_2"], ["cfg_2", "cfg_1"])
    assert all(item["completeness"]["findings"] for item in listed)

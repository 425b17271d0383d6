"""The one statement behind every gate: the same content as the objects, and what the session holds counts."""

from decimal import Decimal

import pytest

from app.errors import NotFound
from app.models.base import AnySession
from app.models.transactions import write
from app.services.configs.documents import config_document
from app.services.configs.lookup import cycle_of, get_config, snapshot_of
from app.services.configs.reading import find_config, load_catalogs, read_config
from app.services.configs.rows import read_rows
from app.services.configs.shapes import ConfigDocument
from simulation.canonical import JsonObject
from tests import factories as f
from tests.present import present

SAME_PLACE = [
    f.CORE | {"pool_id": "a_core", "position": 0},
    f.EXPLORATION_POOL | {"pool_id": "B_exploration", "position": 0},
]
CAPS = [{"value_unit_id": "vu_hd_minute", "max_quantity": Decimal("1000.5"), "action": "block"}]


def of_objects(session: AnySession, config_version_id: str) -> ConfigDocument:
    config = get_config(session, config_version_id)
    return config_document(config, cycle_of(session, config), snapshot_of(session, config))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rails": f.RAILS | {"absolute_usage_caps": CAPS}, "delivery": {"max_staleness_seconds": 60}},
        {"pools": [], "exploration": {"enabled": False}, "rails": {}, "price_book_ref": None, "metric_lenses": []},
        {"pools": [f.EXPLORATION_POOL, f.CORE | {"included_quantity": Decimal("0.000000000001")}]},
        {"pools": SAME_PLACE, "exploration": f.EXPLORATION | {"exploration_pool_id": "B_exploration"}},
    ],
)
def test_rows_and_objects_say_the_same(empty: AnySession, changes: JsonObject) -> None:
    with write(empty):
        f.config(empty, **changes)
    seen = read_config(empty, "cfg_1")
    assert seen.document == of_objects(empty, "cfg_1")
    assert seen.content_hash == get_config(empty, "cfg_1").content_hash
    assert seen.config.delivery == get_config(empty, "cfg_1").delivery
    assert seen.config.created_at == f.NOW


def test_what_the_session_has_not_written_yet_counts(empty: AnySession) -> None:
    with write(empty):
        row = f.config(empty)
        row.price_book_ref = "eur_2026_01_default"
        row.pools[0].included_quantity = Decimal("7.5")
        seen = read_config(empty, "cfg_1")
    assert seen.document["rating_agility"]["price_book_ref"] == "eur_2026_01_default"
    assert seen.document["pools"][0]["included_quantity"] == Decimal("7.5")


def test_the_run_is_the_one_asked_for_else_the_latest_completed_one(empty: AnySession) -> None:
    with write(empty):
        config = f.simulated(empty)
        f.run(empty, config, "sim_later")
        f.run(empty, config, "sim_failed", status="failed", outputs=None)
    latest, asked = read_config(empty, "cfg_1"), read_config(empty, "cfg_1", simulation_run_id="sim_cfg_1")
    assert (present(latest.run).simulation_run_id, latest.run_is_latest) == ("sim_later", True)
    assert (present(asked.run).simulation_run_id, asked.run_is_latest) == ("sim_cfg_1", False)
    assert present(asked.run).outputs == f.outputs()
    assert read_config(empty, "cfg_1", simulation_run_id="sim_none").run is None


def test_what_is_served_and_what_waits_is_of_the_same_subject_only(empty: AnySession) -> None:
    with write(empty):
        f.active(empty, "cfg_1")
        f.config(empty, "cfg_2")
        f.config(empty, "cfg_other", segment="enterprise")
    assert present(read_config(empty, "cfg_2").served).config_version_id == "cfg_1"
    assert read_config(empty, "cfg_other").served is None
    assert read_config(empty, "cfg_2").waiting == ()
    with write(empty):
        f.simulated(empty, "cfg_3")
        f.approve(empty, "cfg_3", later=10, effective_at=f.NOW.replace(year=2027))
    (waiting,) = read_config(empty, "cfg_2").waiting
    assert tuple(waiting) == ("cfg_3", 3, f.NOW.replace(year=2027))
    assert read_config(empty, "cfg_other").waiting == ()


def test_catalogs_that_were_read_before_are_not_read_again(empty: AnySession) -> None:
    with write(empty):
        f.config(empty)
    assert present(read_rows(empty, "cfg_1", None, with_catalogs=False)).catalogs is None
    assert read_config(empty, "cfg_1").catalogs == load_catalogs(empty, "ws_1")
    assert load_catalogs(empty, "ws_1").metric_ids == ("exploration_depth", *f.METRICS)


def test_a_config_that_is_not_there_is_named(empty: AnySession) -> None:
    assert find_config(empty, "cfg_none") is None
    with pytest.raises(NotFound, match="cfg_none"):
        read_config(empty, "cfg_none")


def test_pools_at_one_place_have_one_order_however_they_were_made_or_read(empty: AnySession) -> None:
    with write(empty):
        f.config(empty, pools=SAME_PLACE, exploration={"enabled": False})
    as_made = of_objects(empty, "cfg_1")
    empty.expunge_all()
    assert as_made == of_objects(empty, "cfg_1") == read_config(empty, "cfg_1").document
    assert [pool["pool_id"] for pool in as_made["pools"]] == ["B_exploration", "a_core"]

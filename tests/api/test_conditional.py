"""ETag, If-None-Match and If-Match: nothing is read twice for nothing, no edit is lost (spec 2)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.models.base import db
from app.services.configs.lookup import get_config
from tests import factories
from tests.api.conftest import Api


@pytest.fixture
def draft(studio: Api) -> Api:
    factories.config(db.session)
    db.session.commit()
    return studio


PATHS = (
    "/api/workspaces/ws_1",
    "/api/cycles/cycle_1",
    "/api/value-units/vu_hd_minute",
    "/api/configs/cfg_1",
    "/api/configs/cfg_1/pools/pool_core",
    "/api/configs/cfg_1/exploration",
    "/api/configs/cfg_1/rails",
    "/api/configs/cfg_1/price-plan",
    "/api/catalogs/events/draft_export_created",
)
CHANGES = {
    "/api/workspaces/ws_1": {"workspace_name": "New"},
    "/api/cycles/cycle_1": {"narrative": "New"},
    "/api/value-units/vu_hd_minute": {"name": "New"},
    "/api/configs/cfg_1": {"price_book_ref": "new"},
    "/api/configs/cfg_1/pools/pool_core": {"label": "New"},
    "/api/configs/cfg_1/exploration": {"graduation_signal": "new"},
    "/api/configs/cfg_1/rails": {"margin_floor": 0},
    "/api/configs/cfg_1/price-plan": {"platform_fee_usd": 49},
}


def test_a_copy_that_is_current_is_not_sent_again(draft: Api) -> None:
    for path in PATHS:
        etag = draft.get(path).headers["ETag"]
        assert etag.startswith('"')
        again = draft.get(path, 304, If_None_Match=etag)
        assert again.headers["ETag"] == etag
        assert not again.data
        draft.get(path, 200, If_None_Match='"other"')


def test_an_edit_of_what_was_read_is_taken_and_one_of_an_older_copy_is_not(draft: Api) -> None:
    for path, change in CHANGES.items():
        read = draft.get(path).headers["ETag"]
        written = draft.patch(path, change, If_Match=read)
        assert written.headers["ETag"] != read
        refused = draft.patch(path, change, 412, If_Match=read).json
        assert refused["code"] == "changed_by_another_operator"
        assert draft.get(path).headers["ETag"] == written.headers["ETag"]


def test_a_deletion_of_an_older_copy_is_refused(draft: Api) -> None:
    read = draft.get("/api/configs/cfg_1").headers["ETag"]
    draft.patch("/api/configs/cfg_1/rails", {"margin_floor": 0})
    assert draft.delete("/api/configs/cfg_1", 412, If_Match=read).json["code"] == "changed_by_another_operator"
    draft.delete("/api/configs/cfg_1", If_Match=draft.get("/api/configs/cfg_1").headers["ETag"])


def test_a_put_of_an_older_copy_is_refused(draft: Api) -> None:
    read = draft.get("/api/configs/cfg_1/rails").headers["ETag"]
    draft.put("/api/configs/cfg_1/rails", {"margin_floor": 0}, If_Match=read)
    draft.put("/api/configs/cfg_1/rails", {"margin_floor": 1}, 412, If_Match=read)


def test_any_copy_will_do_for_a_star_and_none_for_a_weak_or_empty_tag(draft: Api) -> None:
    path, change = "/api/workspaces/ws_1", {"workspace_name": "New"}
    draft.patch(path, change, If_Match="*")
    etag = draft.get(path).headers["ETag"]
    draft.patch(path, change, 412, If_Match=f"W/{etag}")
    draft.patch(path, change, 412, If_Match="")
    draft.patch(path, change, 412, If_Match='""')
    draft.patch(path, change, If_Match=f'"other", {etag}')


def test_a_finding_caused_elsewhere_changes_the_copy_but_is_no_conflict(draft: Api) -> None:
    read = draft.get("/api/configs/cfg_1").headers["ETag"]
    factories.run(db.session, get_config(db.session, "cfg_1"), candidate_content_hash="0" * 64)
    db.session.commit()
    assert draft.get("/api/configs/cfg_1", 200, If_None_Match=read).headers["ETag"] != read
    draft.patch("/api/configs/cfg_1", {"metric_lenses": []}, If_Match=read)


def test_of_eight_operators_who_edit_the_same_copy_one_wins(draft: Api) -> None:
    path = "/api/configs/cfg_1/rails"
    read = draft.get(path).headers["ETag"]

    def edit(number: int) -> int:
        headers = {"If-Match": read}
        return draft.app.test_client().patch(path, json={"monthly_spend_cap_usd": number}, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(edit, range(1, 9)))
    assert statuses == [200] + [412] * 7

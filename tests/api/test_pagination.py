"""Pages: one total order, nothing twice, nothing skipped, whatever is written meanwhile (spec 6)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pagination import decode_cursor, encode_cursor
from app.errors import AvsError
from app.models.base import db
from app.models.cycle import Cycle
from app.models.workspace import Workspace
from tests import factories
from tests.api.conftest import Api

TICK = timedelta(microseconds=1)
ORDER = (Cycle.created_at, Cycle.cycle_id)


def walk(api: Api, path: str, key: str, limit: int) -> list[str]:
    """Every id of a list, page by page."""
    join, cursor, seen = "&" if "?" in path else "?", "", []
    while True:
        page = api.get(f"{path}{join}limit={limit}{cursor}").json
        seen += [item[key] for item in page["items"]]
        if page["next_cursor"] is None:
            return seen
        assert len(page["items"]) == limit
        cursor = f"&cursor={page['next_cursor']}"


def fill(count: int) -> None:
    db.session.add_all(
        Workspace(
            workspace_id=f"ws_{number:03}",
            workspace_name="Lumina",
            operator_role="founder",
            created_at=datetime(2026, 1, 1 + number % 3, tzinfo=UTC),
        )
        for number in range(count)
    )
    db.session.commit()


@pytest.mark.parametrize("limit", [1, 2, 7, 200])
def test_pages_show_every_row_once_newest_first(api: Api, limit: int) -> None:
    fill(14)
    expected = sorted((f"ws_{number:03}" for number in range(14)), key=lambda i: (int(i[3:]) % 3, i), reverse=True)
    assert walk(api, "/api/workspaces", "workspace_id", limit) == expected


def test_a_row_added_between_two_pages_moves_none(api: Api) -> None:
    fill(6)
    first = api.get("/api/workspaces?limit=3").json
    api.post("/api/workspaces", {"workspace_name": "New", "operator_role": "founder"})
    second = api.get(f"/api/workspaces?limit=3&cursor={first['next_cursor']}").json
    shown = [item["workspace_id"] for item in first["items"] + second["items"]]
    assert len(set(shown)) == 6
    assert second["next_cursor"] is None


def test_pools_and_catalogs_are_paged_in_their_own_order(studio: Api) -> None:
    factories.config(db.session)
    db.session.commit()
    assert walk(studio, "/api/configs/cfg_1/pools", "pool_id", 1) == ["pool_core", "pool_exploration"]
    assert walk(studio, "/api/catalogs/metrics", "metric_id", 2) == [
        "exploration_depth",
        "gross_margin",
        "paid_engagement_retention_90d",
    ]


MOMENTS = st.integers(0, 10**15).map(lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + microseconds * TICK)


@given(moment=MOMENTS, identifier=st.text("abc_"))
def test_a_cursor_gives_back_what_went_in(moment: datetime, identifier: str) -> None:
    assert decode_cursor(encode_cursor([moment, identifier]), ORDER) == [moment, identifier]


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_a_made_up_cursor_is_refused_by_name(text: str) -> None:
    with pytest.raises(AvsError) as refusal:
        decode_cursor(text, ORDER)
    assert refusal.value.errors[0].pointer == "cursor"

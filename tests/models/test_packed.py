"""Rows inside one column: every cell is what its own column would have given, on both engines."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from app.models.base import AnySession
from app.models.catalog import MetricCatalog
from app.models.config_version import Pool
from app.models.packed import packed_row, packed_rows
from app.models.runtime_config import RuntimeConfig
from app.models.workspace import Workspace
from tests import factories as f

POOLS, METRICS, WORKSPACES = Pool.__table__, MetricCatalog.__table__, Workspace.__table__


class Row(NamedTuple):
    """A pool, by all columns of its table."""

    config_version_id: str
    pool_id: str
    label: str
    value_unit_id: str
    included_quantity: Decimal
    rollover_enabled: bool
    max_rollover_quantity: Decimal | None
    rollover_expires_after_days: int | None
    overage_behavior: str
    is_exploration_pool: bool
    position: int


COLUMNS = tuple(POOLS.c[name] for name in Row._fields)
ODD = 'Minutes, "HD" \\ 4K\n\x1e ✓ 𝄞'


@pytest.fixture
def config(session: AnySession) -> AnySession:
    f.foundation(session)
    tiny = f.CORE | {"included_quantity": Decimal("0.000000150001"), "label": ODD}
    huge = f.EXPLORATION_POOL | {"included_quantity": Decimal("12345678901234567890123456.000000000001")}
    f.config(session, pools=[tiny, huge])
    return session


def one(session: AnySession, *columns: sa.ColumnElement[Any]) -> Any:
    return session.connection().execute(sa.select(*columns)).scalar_one()


def test_packed_rows_are_the_rows_that_a_query_of_its_own_reads(config: AnySession) -> None:
    assert set(Row._fields) == set(POOLS.columns.keys())
    plain = config.connection().execute(sa.select(*COLUMNS)).all()
    packed = one(config, packed_rows(Row, *COLUMNS))
    assert [list(map(repr, row)) for row in sorted(packed)] == [list(map(repr, row)) for row in sorted(plain)]
    assert {row.label for row in packed} == {ODD, "Exploration"}
    assert min(row.included_quantity for row in packed) == Decimal("0.000000150001")


def test_only_the_rows_that_match_are_packed(config: AnySession) -> None:
    wanted = packed_rows(Row, *COLUMNS, where=[POOLS.c.pool_id == "pool_core"])
    assert [row.pool_id for row in one(config, wanted)] == ["pool_core"]


def test_no_rows_are_an_empty_list(config: AnySession) -> None:
    assert one(config, packed_rows(str, METRICS.c.metric_id, where=[METRICS.c.metric_id == "none"])) == []


def test_one_column_can_be_packed_without_a_shape(config: AnySession) -> None:
    assert sorted(one(config, packed_rows(str, METRICS.c.metric_id))) == ["exploration_depth", *f.METRICS]


def test_a_packed_row_keeps_moments_to_the_microsecond(config: AnySession) -> None:
    moment = datetime(2026, 1, 15, 10, 30, 0, 250_000, tzinfo=UTC)
    config.connection().execute(sa.update(WORKSPACES).values(created_at=moment))
    assert one(config, packed_row(lambda *cells: cells, WORKSPACES.c.workspace_id, WORKSPACES.c.created_at)) == (
        "ws_1",
        moment,
    )


def test_bytes_are_refused_where_the_query_is_made() -> None:
    with pytest.raises(TypeError, match="bytes"):
        packed_row(tuple, RuntimeConfig.__table__.c.document)


def test_a_row_that_an_outer_join_did_not_find_is_none(config: AnySession) -> None:
    joined = WORKSPACES.outerjoin(METRICS, METRICS.c.metric_id == WORKSPACES.c.workspace_id)
    row = packed_row(lambda *cells: cells, METRICS.c.metric_id, METRICS.c.label)
    assert config.connection().execute(sa.select(row).select_from(joined)).scalar_one() is None

"""The lists of configs and cycles: filters, sorts and pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.usage import UsageImport
from app.services.guidance.overview import without_parts

ROWS = 25
MAX_IMPORTS = 25


CONFIG_FILTERS = ("status", "segment", "stage", "target_environment", "cycle_id")


CYCLE_FILTERS = ("status", "cycle_type", "goal_type")


CONFIG_SORTS = {
    "updated": ConfigVersion.updated_at,
    "version": ConfigVersion.version,
    "segment": ConfigVersion.segment,
    "status": ConfigVersion.status,
    "config": ConfigVersion.config_version_id,
}


CYCLE_SORTS = {
    "created": Cycle.created_at,
    "cycle": Cycle.cycle_name,
    "starts": Cycle.start_date,
    "status": Cycle.status,
}


@dataclass(frozen=True)
class Page:
    """At most 25 rows, and how many there are in all. `number` counts from 1."""

    rows: Sequence[Any]
    number: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // ROWS))


@dataclass(frozen=True)
class Listing:
    """What a list is asked for: filters that agree exactly, words to find, and `sort`, a minus first for descending."""

    filters: Mapping[str, str]
    words: str
    sort: str
    page: int


def configs_page(session: Any, workspace_id: str, asked: Listing) -> Page:
    """Config versions with their cycle's name."""
    statement = _filtered(sa.select(ConfigVersion), ConfigVersion, workspace_id, asked, CONFIG_FILTERS)
    for word in asked.words.split():
        statement = statement.where(
            sa.or_(
                ConfigVersion.config_version_id.icontains(word, autoescape=True),
                ConfigVersion.segment.icontains(word, autoescape=True),
            )
        )
    shown = without_parts(statement).options(joinedload(ConfigVersion.cycle))
    return _page(session, statement, shown, asked, CONFIG_SORTS, ConfigVersion.config_version_id)


def cycles_page(session: Any, workspace_id: str, asked: Listing) -> tuple[Page, dict[str, dict[str, int]]]:
    """Cycles, and for each the number of its configs by status."""
    statement = _filtered(sa.select(Cycle), Cycle, workspace_id, asked, CYCLE_FILTERS)
    for word in asked.words.split():
        statement = statement.where(
            sa.or_(Cycle.cycle_name.icontains(word, autoescape=True), Cycle.cycle_id.icontains(word, autoescape=True))
        )
    page = _page(session, statement, statement, asked, CYCLE_SORTS, Cycle.cycle_id)
    grouped = (
        sa.select(ConfigVersion.cycle_id, ConfigVersion.status, sa.func.count())
        .where(ConfigVersion.cycle_id.in_([cycle.cycle_id for cycle in page.rows]))
        .group_by(ConfigVersion.cycle_id, ConfigVersion.status)
    )
    counts: dict[str, dict[str, int]] = {}
    for cycle_id, status, count in session.execute(grouped):
        counts.setdefault(cycle_id, {})[status] = count
    return page, counts


def _filtered(statement: Any, model: type[Any], workspace_id: str, asked: Listing, names: Sequence[str]) -> Any:
    given = {name: asked.filters[name] for name in names if asked.filters.get(name)}
    return statement.filter_by(workspace_id=workspace_id, **given)


def _page(session: Any, statement: Any, shown: Any, asked: Listing, sorts: Mapping[str, Any], key: Any) -> Page:
    total = session.scalar(sa.select(sa.func.count()).select_from(statement.subquery()))
    number = min(max(asked.page, 1), max(1, -(-total // ROWS)))
    column = sorts.get(asked.sort.removeprefix("-"), next(iter(sorts.values())))
    order = (column.desc(), key.desc()) if asked.sort.startswith("-") else (column, key)
    rows = session.scalars(shown.order_by(*order).offset((number - 1) * ROWS).limit(ROWS)).all()
    return Page(rows, number, total)


def segments_of(session: Any, workspace_id: str) -> list[str]:
    """The segments that the workspace's configs are for."""
    return list(
        session.scalars(
            sa.select(ConfigVersion.segment)
            .filter_by(workspace_id=workspace_id)
            .distinct()
            .order_by(ConfigVersion.segment)
        )
    )


def usage_imports_of(session: Any, workspace_id: str) -> list[UsageImport]:
    """The newest imports, newest first."""
    newest = (UsageImport.created_at.desc(), UsageImport.usage_import_id.desc())
    return list(
        session.scalars(
            sa.select(UsageImport).filter_by(workspace_id=workspace_id).order_by(*newest).limit(MAX_IMPORTS)
        )
    )

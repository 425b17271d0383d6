"""The lists of configs and cycles: filters, sorts and pages (spec 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.services.guidance.overview import without_parts

Sortable = InstrumentedAttribute[Any] | sa.ColumnElement[Any]

ROWS = 25

CONFIG_FILTERS = ("status", "segment", "stage", "target_environment", "cycle_id")
CYCLE_FILTERS = ("status", "cycle_type", "goal_type")
CONFIG_SORTS: Mapping[str, Sortable] = {
    "updated": ConfigVersion.updated_at,
    "version": ConfigVersion.version,
    "segment": ConfigVersion.segment,
    "status": ConfigVersion.status,
    "config": sa.func.coalesce(ConfigVersion.config_name, ConfigVersion.segment),
}
CYCLE_SORTS: Mapping[str, Sortable] = {
    "created": Cycle.created_at,
    "cycle": Cycle.cycle_name,
    "starts": Cycle.start_date,
    "status": Cycle.status,
}
"""Column by name in the address; the first is the default."""

Listed = TypeVar("Listed", ConfigVersion, Cycle)


@dataclass(frozen=True)
class Page(Generic[Listed]):
    """One page of at most `ROWS` rows; `total` counts the rows of all pages, `number` the pages from 1."""

    rows: Sequence[Listed]
    number: int
    total: int

    @property
    def pages(self) -> int:
        """How many pages there are; an empty list has one."""
        return max(1, -(-self.total // ROWS))


@dataclass(frozen=True)
class Listing:
    """A request for a page: filters that match exactly, words to find, and `sort`, with a minus in front to descend."""

    filters: Mapping[str, str]
    words: str
    sort: str
    page: int


def configs_page(session: AnySession, workspace_id: str, listing: Listing) -> Page[ConfigVersion]:
    """A page of config versions, each with its cycle."""
    statement = sa.select(ConfigVersion).filter_by(workspace_id=workspace_id, **_filters(listing, CONFIG_FILTERS))
    for word in listing.words.split():
        statement = statement.where(
            sa.or_(
                ConfigVersion.config_version_id.icontains(word, autoescape=True),
                ConfigVersion.config_name.icontains(word, autoescape=True),
                ConfigVersion.segment.icontains(word, autoescape=True),
            )
        )
    shown = without_parts(statement).options(joinedload(ConfigVersion.cycle))
    return _page(session, statement, shown, listing, CONFIG_SORTS, ConfigVersion.config_version_id)


def cycles_page(
    session: AnySession, workspace_id: str, listing: Listing
) -> tuple[Page[Cycle], dict[str, dict[str, int]]]:
    """A page of cycles, and by cycle_id and status the number of their configs."""
    statement = sa.select(Cycle).filter_by(workspace_id=workspace_id, **_filters(listing, CYCLE_FILTERS))
    for word in listing.words.split():
        statement = statement.where(
            sa.or_(Cycle.cycle_name.icontains(word, autoescape=True), Cycle.cycle_id.icontains(word, autoescape=True))
        )
    page = _page(session, statement, statement, listing, CYCLE_SORTS, Cycle.cycle_id)
    grouped = (
        sa.select(ConfigVersion.cycle_id, ConfigVersion.status, sa.func.count())
        .where(ConfigVersion.cycle_id.in_([cycle.cycle_id for cycle in page.rows]))
        .group_by(ConfigVersion.cycle_id, ConfigVersion.status)
    )
    counts: dict[str, dict[str, int]] = {}
    for cycle_id, status, count in session.execute(grouped):
        counts.setdefault(cycle_id, {})[status] = count
    return page, counts


def _filters(listing: Listing, names: Sequence[str]) -> dict[str, str]:
    return {name: listing.filters[name] for name in names if listing.filters.get(name)}


def _page(
    session: AnySession,
    statement: sa.Select[tuple[Listed]],
    shown: sa.Select[tuple[Listed]],
    listing: Listing,
    sorts: Mapping[str, Sortable],
    key: InstrumentedAttribute[str],
) -> Page[Listed]:
    """The page of `shown`, out of all that `statement` counts; `key` makes the order total."""
    total = session.scalar(sa.select(sa.func.count()).select_from(statement.subquery())) or 0
    number = min(max(listing.page, 1), max(1, -(-total // ROWS)))
    column = sorts.get(listing.sort.removeprefix("-"), next(iter(sorts.values())))
    order = (column.desc(), key.desc()) if listing.sort.startswith("-") else (column, key)
    rows = session.scalars(shown.order_by(*order).offset((number - 1) * ROWS).limit(ROWS)).all()
    return Page(rows, number, total)


def segments_of(session: AnySession, workspace_id: str) -> list[str]:
    """The segments that the workspace's configs are for, in order."""
    return list(
        session.scalars(
            sa.select(ConfigVersion.segment)
            .filter_by(workspace_id=workspace_id)
            .distinct()
            .order_by(ConfigVersion.segment)
        )
    )

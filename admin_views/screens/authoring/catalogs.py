"""The catalogs: vocabulary to look up, copy and follow to where it is used. Nothing changes here (spec 7).

It shows what the workspace reads: its own entries, and the shared ones that none of these replaces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import InstrumentedAttribute

from admin_views.base import expose
from admin_views.formatters import label_of
from admin_views.screens.screen import CYCLE, WORKSPACE, Screen, here, path
from app.models.base import db
from app.models.catalog import CatalogEntry
from app.models.cycle import Cycle
from app.models.workspace import Workspace
from app.services.catalogs import kinds
from app.services.catalogs.kinds import Kind
from app.services.catalogs.reading import entry_of, readable, reader, standing
from app.services.catalogs.references import Reference, mentions, references
from simulation.canonical import Json

ROWS = 25
LAST_PAGE = 100_000
Shown = dict[str, Json]
"""The columns of an entry as the page shows it, and `workspace_id`: None for a shared one."""
ENTITIES = {"value_unit": "Value units", "cycle": "Cycles", "config_version": "Configs"}


@dataclass(frozen=True)
class Tab:
    """One catalog. `columns` begin with its key; `narrowed` is the column that its filter reads, if it has one."""

    kind: Kind
    title: str
    columns: tuple[str, ...]
    about: str
    narrowed: str | None = None

    @property
    def slug(self) -> str:
        """The word in addresses."""
        return self.kind.slug

    @property
    def key(self) -> str:
        """The name of the key's column."""
        return self.columns[0]

    def column(self, name: str) -> InstrumentedAttribute[Json]:
        """A column of the catalog's table."""
        attribute: InstrumentedAttribute[Json] = getattr(self.kind.model, name)
        return attribute


TABS = (
    Tab(
        kinds.EVENTS,
        "Events",
        ("event_type", "description", "dimensions"),
        "What your product reports. A value unit counts one of them, by its dimensions.",
        narrowed="dimensions",
    ),
    Tab(
        kinds.METRICS,
        "Metrics",
        ("metric_id", "label", "type"),
        "What a cycle is judged by (north star) and what else a config watches (lens).",
        narrowed="type",
    ),
    Tab(
        kinds.QUALITY_SIGNALS,
        "Quality Signals",
        ("signal_id", "label", "source"),
        "What tells whether a unit was any good.",
        narrowed="source",
    ),
    Tab(kinds.SEGMENTS, "Segments", ("segment_id", "label", "description"), "Whom configs are for."),
    Tab(
        kinds.CUSTOMERS,
        "Customers",
        ("customer_id", "name", "segment"),
        "Who uses and pays, each in one segment.",
        narrowed="segment",
    ),
)


@dataclass(frozen=True)
class Query:
    """The parts of the screen's address: tab, search words, filter, sort, page and the entry to show."""

    tab: Tab
    q: str
    narrow: str
    sort: str
    descending: bool
    page: int
    entry_id: str | None

    def address(self, **changes: str | int | None) -> str:
        """The screen's address with these parts changed; a part that is None is left out."""
        parts: dict[str, str | int | None] = {
            "tab": self.tab.slug,
            "q": self.q or None,
            self.tab.narrowed or "narrow": self.narrow or None,
            "sort": None if self.sort == self.tab.key else self.sort,
            "desc": "1" if self.descending else None,
            "page": self.page or None,
            "id": self.entry_id,
        } | changes
        return "/catalogs?" + urlencode({name: value for name, value in parts.items() if value is not None})


class Catalogs(Screen):
    slug = "catalogs"
    route = "/catalogs"
    title = "Catalogs"
    operator_decision = "Which words do your units, cycles and configs share?"
    needs = "One vocabulary for events, metrics, signals, segments and customers. Files and programs add to yours."

    @expose("")
    def page(self) -> ResponseReturnValue:
        workspace = here(Workspace, WORKSPACE)
        workspace_id = None if workspace is None else workspace.workspace_id
        query = _query(request.args)
        rows = db.session.scalars(_rows(query, workspace_id)).all()
        entry = None if query.entry_id is None else entry_of(db.session, query.tab.kind, workspace_id, query.entry_id)
        return self.show(
            "catalogs.html",
            cycle=here(Cycle, CYCLE),
            asked=query,
            tabs=TABS,
            rows=_shown(rows[:ROWS], query.tab, workspace_id),
            have_next=len(rows) > ROWS,
            choices=_choices(query.tab, workspace_id),
            entry=None if entry is None else _shown([entry], query.tab, workspace_id)[0],
            uses=_uses(query, workspace_id) if entry is not None else {},
            authoring=_authoring(query) if entry is not None else None,
            label_of=label_of,
            workspace=workspace,
        )


def _query(arguments: Mapping[str, str]) -> Query:
    """The query of an address. Parameters that name an unknown tab, filter or sort are ignored."""
    tab = next((tab for tab in TABS if tab.slug == arguments.get("tab")), TABS[0])
    sort, page = arguments.get("sort", ""), arguments.get("page", "")
    return Query(
        tab=tab,
        q=arguments.get("q", "").strip(),
        narrow=arguments.get(tab.narrowed, "") if tab.narrowed else "",
        sort=sort if sort in tab.columns else tab.key,
        descending=arguments.get("desc") == "1",
        page=min(int(page), LAST_PAGE) if page.isdecimal() else 0,
        entry_id=arguments.get("id") or None,
    )


def _rows(query: Query, workspace_id: str | None) -> sa.Select[tuple[CatalogEntry]]:
    """The entries of one page, and one more to know whether another page follows."""
    tab, model = query.tab, query.tab.kind.model
    statement = sa.select(model).where(standing(model, workspace_id))
    if query.q:
        statement = statement.where(sa.or_(*(_holds(tab.column(name), query.q) for name in tab.columns)))
    if query.narrow and tab.narrowed:
        column = tab.column(tab.narrowed)
        if tab.narrowed == "dimensions":  # an own entry and a shared one of its key each have some
            having = sa.select(tab.column(tab.key)).where(readable(model, workspace_id), mentions(column, query.narrow))
            statement = statement.where(tab.column(tab.key).in_(having))
        else:
            statement = statement.where(column == query.narrow)
    order = tab.column(query.sort)
    ordered = statement.order_by(order.desc() if query.descending else order, tab.column(tab.key))
    return ordered.limit(ROWS + 1).offset(query.page * ROWS)


def _holds(column: InstrumentedAttribute[Json], words: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(sa.type_coerce(column, sa.Text)).contains(words.lower(), autoescape=True)


def _shown(rows: Sequence[CatalogEntry], tab: Tab, workspace_id: str | None) -> list[Shown]:
    """The entries as the workspace reads them, each with whose it is."""
    return list(map(reader(db.session, tab.kind, workspace_id), rows))


def _choices(tab: Tab, workspace_id: str | None) -> list[str]:
    """The values that the tab's filter offers: all that the workspace reads."""
    if tab.narrowed is None:
        return []
    reads = readable(tab.kind.model, workspace_id)
    values = db.session.scalars(sa.select(tab.column(tab.narrowed)).where(reads).distinct()).all()
    return sorted({item for value in values for item in (value if isinstance(value, list) else [value])})


def _uses(query: Query, workspace_id: str | None) -> dict[str, list[Reference]]:
    """The records of the workspace that refer to the entry, by their kind."""
    uses: dict[str, list[Reference]] = {}
    for reference in references(db.session, query.tab.kind, query.entry_id or "", workspace_id):
        uses.setdefault(ENTITIES[reference.entity_type], []).append(reference)
    return uses


def _authoring(query: Query) -> tuple[str, str] | None:
    """(words, address) of the screen that puts the entry to use, in the cycle that the operator works on."""
    cycle = here(Cycle, CYCLE)
    if query.tab.slug == "segments":
        return "Its customers", f"/catalogs?{urlencode({'tab': 'customers', 'segment': query.entry_id})}"
    if cycle is None:
        return None
    if query.tab.slug == "events":
        new_unit = urlencode({"unit": "new", "event_type": query.entry_id})
        return "Define a unit that counts it", f"{path('cycles', cycle.cycle_id, 'value-units')}?{new_unit}"
    if query.tab.slug == "metrics":
        return (
            f"Metrics of {cycle.cycle_name}",
            f"/cycles/new/north-star?{urlencode({'cycle': cycle.cycle_id})}#primary_metrics",
        )
    if query.tab.slug == "quality-signals":
        return f"Value units of {cycle.cycle_name}", path("cycles", cycle.cycle_id, "value-units")
    return None

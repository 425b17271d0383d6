"""The catalogs: shared vocabulary to look up, copy and follow to where it is used. Nothing changes here (spec 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import request
from flask_admin import expose

from admin_views.formatters import label_of
from admin_views.screens.screen import CYCLE, Screen, here, path
from app.models import catalog as m
from app.models.base import db
from app.models.cycle import Cycle
from app.services.authoring.catalog_references import Reference, mentions, references
from app.services.lookup import get

ROWS = 25
LAST_PAGE = 100_000
ENTITIES = {"value_unit": "Value units", "cycle": "Cycles", "config_version": "Configs"}


@dataclass(frozen=True)
class Tab:
    """One catalog. `columns` start with its key; `narrowed` is the column that its filter reads, if it has one."""

    slug: str
    title: str
    kind: str
    model: Any
    columns: tuple[str, ...]
    about: str
    narrowed: str | None = None

    @property
    def key(self) -> str:
        return self.columns[0]

    def column(self, name: str) -> Any:
        return getattr(self.model, name)


TABS = (
    Tab(
        "events",
        "Events",
        "event type",
        m.EventCatalog,
        ("event_type", "description", "dimensions"),
        "What your product reports. A value unit counts one of them, by its dimensions.",
        narrowed="dimensions",
    ),
    Tab(
        "metrics",
        "Metrics",
        "metric",
        m.MetricCatalog,
        ("metric_id", "label", "type"),
        "What a cycle is judged by (north star) and what else a config watches (lens).",
        narrowed="type",
    ),
    Tab(
        "quality-signals",
        "Quality Signals",
        "quality signal",
        m.QualitySignalCatalog,
        ("signal_id", "label", "source"),
        "What tells whether a unit was any good.",
        narrowed="source",
    ),
    Tab(
        "segments",
        "Segments",
        "segment",
        m.SegmentCatalog,
        ("segment_id", "label", "description"),
        "Whom configs are for.",
    ),
    Tab(
        "customers",
        "Customers",
        "customer",
        m.Customer,
        ("customer_id", "name", "segment"),
        "Who uses and pays, each in one segment.",
        narrowed="segment",
    ),
)


@dataclass(frozen=True)
class Query:
    """What the address asks for; an address of one part less is how chips are removed."""

    tab: Tab
    q: str
    narrow: str
    sort: str
    descending: bool
    page: int
    entry_id: str | None

    def address(self, **changes: Any) -> str:
        """The same question with other parts; a part that is None is left out."""
        parts = {
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
    needs = "One vocabulary for events, metrics, signals, segments and customers. Seed files and imports change it."

    @expose("")
    def page(self) -> Any:
        asked = _query(request.args)
        rows = db.session.scalars(_rows(asked)).all()
        entry = None if asked.entry_id is None else get(db.session, asked.tab.model, asked.entry_id, asked.tab.kind)
        return self.show(
            "catalogs.html",
            cycle=here(Cycle, CYCLE),
            asked=asked,
            tabs=TABS,
            rows=rows[:ROWS],
            have_next=len(rows) > ROWS,
            choices=_choices(asked.tab),
            entry=entry,
            uses=_uses(asked) if entry is not None else {},
            authoring=_authoring(asked) if entry is not None else None,
            label_of=label_of,
        )


def _query(arguments: Mapping[str, str]) -> Query:
    """An address that asks for what there is not is read as far as it makes sense."""
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


def _rows(asked: Query) -> Any:
    """One page, and one row more to know whether another follows."""
    tab, statement = asked.tab, sa.select(asked.tab.model)
    if asked.q:
        statement = statement.where(sa.or_(*(_holds(tab.column(name), asked.q) for name in tab.columns)))
    if asked.narrow and tab.narrowed:
        column = tab.column(tab.narrowed)
        listed = tab.narrowed == "dimensions"
        statement = statement.where(mentions(column, asked.narrow) if listed else column == asked.narrow)
    order = tab.column(asked.sort)
    ordered = statement.order_by(order.desc() if asked.descending else order, tab.column(tab.key))
    return ordered.limit(ROWS + 1).offset(asked.page * ROWS)


def _holds(column: Any, words: str) -> Any:
    return sa.func.lower(sa.type_coerce(column, sa.Text)).contains(words.lower(), autoescape=True)


def _choices(tab: Tab) -> list[str]:
    """What the tab's filter offers: the values that there are."""
    if tab.narrowed is None:
        return []
    values = db.session.scalars(sa.select(tab.column(tab.narrowed)).distinct()).all()
    return sorted({item for value in values for item in (value if isinstance(value, list) else [value])})


def _uses(asked: Query) -> dict[str, list[Reference]]:
    """Who refers to the entry, by the kind of record."""
    found: dict[str, list[Reference]] = {}
    for reference in references(db.session, asked.tab.slug, asked.entry_id or ""):
        found.setdefault(ENTITIES[reference.entity_type], []).append(reference)
    return found


def _authoring(asked: Query) -> tuple[str, str] | None:
    """(words, address) of where the entry is put to use next, in the cycle that the operator works on."""
    cycle = here(Cycle, CYCLE)
    if asked.tab.slug == "segments":
        return "Its customers", f"/catalogs?{urlencode({'tab': 'customers', 'segment': asked.entry_id})}"
    if cycle is None:
        return None
    if asked.tab.slug == "events":
        query = urlencode({"unit": "new", "event_type": asked.entry_id})
        return "Define a unit that counts it", f"{path('cycles', cycle.cycle_id, 'value-units')}?{query}"
    if asked.tab.slug == "metrics":
        return (
            f"Metrics of {cycle.cycle_name}",
            f"/cycles/new/north-star?{urlencode({'cycle': cycle.cycle_id})}#primary_metrics",
        )
    if asked.tab.slug == "quality-signals":
        return f"Value units of {cycle.cycle_name}", path("cycles", cycle.cycle_id, "value-units")
    return None

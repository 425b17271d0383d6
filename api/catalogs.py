"""/api/catalogs: the shared vocabulary, searched and read, with what refers to each entry (spec 6)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from marshmallow import Schema

from api.blueprint import Operation
from api.pagination import filtered, page
from api.resource import Answer, tagged
from api.schemas import catalogs as s
from api.schemas.common import Answered, Parsed, page_of
from app.models import catalog as m
from app.models.base import db
from app.services.authoring.catalog_references import references
from app.services.lookup import get

TAG = "Catalogs"


@dataclass(frozen=True)
class Catalog:
    """One catalog: its path, its key, the schema of an entry, and what lists filter by and search in."""

    path: str
    kind: str
    model: Any
    key: Any
    entry: type[Answered]
    query: Schema
    filters: dict[str, Any]
    searched: tuple[Any, ...]


CATALOGS = (
    Catalog(
        "events",
        "event type",
        m.EventCatalog,
        m.EventCatalog.event_type,
        s.EventType,
        s.CatalogQuery(),
        {},
        (m.EventCatalog.event_type, m.EventCatalog.description, m.EventCatalog.dimensions),
    ),
    Catalog(
        "metrics",
        "metric",
        m.MetricCatalog,
        m.MetricCatalog.metric_id,
        s.Metric,
        s.MetricQuery(),
        {"type": m.MetricCatalog.type},
        (m.MetricCatalog.metric_id, m.MetricCatalog.label),
    ),
    Catalog(
        "quality-signals",
        "quality signal",
        m.QualitySignalCatalog,
        m.QualitySignalCatalog.signal_id,
        s.QualitySignal,
        s.QualitySignalQuery(),
        {"source": m.QualitySignalCatalog.source},
        (m.QualitySignalCatalog.signal_id, m.QualitySignalCatalog.label, m.QualitySignalCatalog.source),
    ),
    Catalog(
        "segments",
        "segment",
        m.SegmentCatalog,
        m.SegmentCatalog.segment_id,
        s.Segment,
        s.CatalogQuery(),
        {},
        (m.SegmentCatalog.segment_id, m.SegmentCatalog.label, m.SegmentCatalog.description),
    ),
    Catalog(
        "customers",
        "customer",
        m.Customer,
        m.Customer.customer_id,
        s.Customer,
        s.CustomerQuery(),
        {"segment": m.Customer.segment},
        (m.Customer.customer_id, m.Customer.name),
    ),
)


def operations_of(catalog: Catalog) -> tuple[Operation, Operation]:
    """The list and the single entry of one catalog."""
    name = catalog.path.replace("-", "_")
    listing = Operation(
        method="GET",
        path=f"/catalogs/{catalog.path}",
        view=_named(f"list_{name}", _list(catalog)),
        tag=TAG,
        summary=f"List {catalog.path.replace('-', ' ')}",
        query=catalog.query,
        answers={200: page_of(catalog.entry)},
    )
    reading = Operation(
        method="GET",
        path=f"/catalogs/{catalog.path}/<{catalog.key.key}>",
        view=_named(f"get_{name[:-1]}", _read(catalog)),
        tag=TAG,
        summary=f"Read one {catalog.kind} and what refers to it",
        answers={200: s.with_references(catalog.entry)},
        conditional=True,
    )
    return listing, reading


def _named(name: str, view: Callable[..., Answer]) -> Callable[..., Answer]:
    view.__name__ = name
    return view


def _list(catalog: Catalog) -> Callable[..., Answer]:
    def view(query: Parsed) -> Answer:
        rows = filtered(sa.select(catalog.model), query, catalog.filters)
        if "q" in query:
            rows = rows.where(sa.or_(*(_holds(column, query["q"]) for column in catalog.searched)))
        return page(rows, (catalog.key,), query, catalog.entry().dump)

    return view


def _holds(column: Any, words: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(sa.type_coerce(column, sa.Text)).contains(words.lower(), autoescape=True)


def _read(catalog: Catalog) -> Callable[..., Answer]:
    def view(**parts: str) -> Answer:
        key = parts[catalog.key.key]
        entry = catalog.entry().document(get(db.session, catalog.model, key, catalog.kind))
        uses = [reference.as_dict() for reference in references(db.session, catalog.path, key)]
        return tagged(entry | {"referenced_in": uses})

    return view


OPERATIONS = tuple(operation for catalog in CATALOGS for operation in operations_of(catalog))

"""/api/catalogs: the vocabulary that a workspace reads, and the entries that are its own (spec 1 and 6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import request
from marshmallow import Schema, ValidationError

from api.blueprint import Operation
from api.pagination import filtered, page
from api.parsing import MAX_ERRORS, field_errors, invalid_input, read_json
from api.resource import Answer, deleted, plain, tagged, writing
from api.schemas import catalogs as s
from api.schemas.common import Answered, Body, Document, Parsed, page_of
from app.errors import FieldError, Invalid
from app.extensions import usage_events
from app.identity import acting
from app.models import catalog as m
from app.models.base import AnySession, db
from app.services.catalogs import kinds
from app.services.catalogs.entries import Values, judge, words_of
from app.services.catalogs.keeping import keep, log_kept, remove
from app.services.catalogs.kinds import Kind
from app.services.catalogs.reading import entry_of, key_column, reader, standing
from app.services.catalogs.references import references
from app.services.usage.summary import count_events

TAG = "Catalogs"
READS = "Without `workspace_id` the entries that all workspaces share; with it those of the workspace, too."


@dataclass(frozen=True)
class Catalog:
    """One catalog of the API: what a request and an answer hold, and what lists filter by and search in."""

    kind: Kind
    body: Body
    entry: type[Answered]
    query: Schema
    filters: Mapping[str, Any]
    searched: tuple[Any, ...]


CATALOGS = (
    Catalog(
        kinds.EVENTS,
        s.EventTypeBody(),
        s.EventType,
        s.CatalogQuery(),
        {},
        (m.EventCatalog.event_type, m.EventCatalog.description, m.EventCatalog.dimensions),
    ),
    Catalog(
        kinds.METRICS,
        s.MetricBody(),
        s.Metric,
        s.MetricQuery(),
        {"type": m.MetricCatalog.type},
        (m.MetricCatalog.metric_id, m.MetricCatalog.label),
    ),
    Catalog(
        kinds.QUALITY_SIGNALS,
        s.QualitySignalBody(),
        s.QualitySignal,
        s.QualitySignalQuery(),
        {"source": m.QualitySignalCatalog.source},
        (m.QualitySignalCatalog.signal_id, m.QualitySignalCatalog.label, m.QualitySignalCatalog.source),
    ),
    Catalog(
        kinds.SEGMENTS,
        s.SegmentBody(),
        s.Segment,
        s.CatalogQuery(),
        {},
        (m.SegmentCatalog.segment_id, m.SegmentCatalog.label, m.SegmentCatalog.description),
    ),
    Catalog(
        kinds.CUSTOMERS,
        s.CustomerBody(),
        s.Customer,
        s.CustomerQuery(),
        {"segment": m.Customer.segment},
        (m.Customer.customer_id, m.Customer.name),
    ),
)


def operations_of(catalog: Catalog) -> tuple[Operation, ...]:
    """The list of one catalog, the keeping of a workspace's own entries, the single entry and its deletion."""
    kind = catalog.kind
    name, many = kind.slug.replace("-", "_"), kind.slug.replace("-", " ")
    every, one = f"/catalogs/{kind.slug}", f"/catalogs/{kind.slug}/<{kind.key}>"
    return (
        Operation(
            method="GET",
            path=every,
            view=_named(f"list_{name}", _list(catalog)),
            tag=TAG,
            summary=f"List {many}",
            description=READS,
            query=catalog.query,
            answers={200: page_of(catalog.entry)},
        ),
        Operation(
            method="POST",
            path=every,
            view=_named(f"keep_{name}", _keep(catalog)),
            tag=TAG,
            summary=f"Add or change {many} of a workspace",
            description=f"One entry or up to {s.MAX_ENTRIES:,}: all are kept, or none. Sending them again changes "
            "nothing. What an entry leaves out stays as it is; dimensions are added and never removed.",
            raw_body={"application/json": s.one_or_many(catalog.body)},
            answers={200: s.kept(catalog.entry)},
            problems=(404,),
        ),
        Operation(
            method="GET",
            path=one,
            view=_named(f"get_{name[:-1]}", _read(catalog)),
            tag=TAG,
            summary=f"Read one {kind.one} and what refers to it",
            description=f"{READS} A workspace's own entry stands before a shared one of the same key.",
            query=s.EntryQuery(),
            answers={200: s.with_references(catalog.entry)},
            conditional=True,
        ),
        Operation(
            method="DELETE",
            path=one,
            view=_named(f"delete_{name[:-1]}", _delete(catalog)),
            tag=TAG,
            summary=f"Delete a {kind.one} of a workspace that nothing names",
            description="Shared entries stay, and so does what a unit, cycle, config, customer or usage event names.",
            query=s.OwnEntryQuery(),
            answers={204: None},
        ),
    )


def _named(name: str, view: Callable[..., Answer]) -> Callable[..., Answer]:
    view.__name__ = name
    return view


def _list(catalog: Catalog) -> Callable[..., Answer]:
    model = catalog.kind.model

    def view(query: Parsed) -> Answer:
        workspace_id = query.get("workspace_id")
        rows = filtered(sa.select(model).where(standing(model, workspace_id)), query, catalog.filters)
        if "q" in query:
            rows = rows.where(sa.or_(*(_holds(column, query["q"]) for column in catalog.searched)))
        return page(rows, (key_column(model),), query, _document(catalog, db.session, workspace_id))

    return view


def _document(catalog: Catalog, session: AnySession, workspace_id: str | None) -> Callable[[m.CatalogEntry], Document]:
    """A function that gives an entry as every answer shows it."""
    read = reader(session, catalog.kind, workspace_id)
    return lambda row: catalog.entry().document(read(row))


def _holds(column: Any, words: str) -> sa.ColumnElement[bool]:
    return sa.func.lower(sa.type_coerce(column, sa.Text)).contains(words.lower(), autoescape=True)


def _keep(catalog: Catalog) -> Callable[..., Answer]:
    kind = catalog.kind

    def view() -> Answer:
        body = read_json(request)
        sent = body if isinstance(body, list) else [body]
        if not 1 <= len(sent) <= s.MAX_ENTRIES:
            raise Invalid(f"Send 1 to {s.MAX_ENTRIES:,} entries at once, not {len(sent):,}.", code="too_many_entries")
        entries = _loaded(catalog, sent, is_list=isinstance(body, list))
        workspace_id = entries[0]["workspace_id"]
        stored = usage_events().store.snapshot(workspace_id).dimensions if kind is kinds.EVENTS else ()
        with writing() as session:
            judged = judge(kind, enumerate(entries), words_of(session, kind, workspace_id, stored))
            if judged.problems:
                at = "/{}/{}" if isinstance(body, list) else "/{1}"
                raise invalid_input(
                    [FieldError(at.format(*problem[:2]), problem.reason) for problem in judged.problems[:MAX_ERRORS]]
                )
            kept = keep(session, kind, workspace_id, judged.entries)
            log_kept(session, kind, workspace_id, judged.accepted, entity_id=workspace_id, **acting())
            document = _document(catalog, session, workspace_id)
            items = [document(entry_of(session, kind, workspace_id, key)) for key in judged.entries]
        return plain({"added": len(kept.added), "changed": len(kept.changed), "items": items})

    return view


def _loaded(catalog: Catalog, sent: list[Any], *, is_list: bool) -> list[Values]:
    """The entries with checked fields, all of one workspace; Invalid that names every bad field."""
    entries: list[Values] = []
    errors: list[FieldError] = []
    for index, item in enumerate(sent):
        try:
            entries.append(catalog.body.load(item))
        except ValidationError as error:
            errors += field_errors(error.messages, f"/{index}" if is_list else "")
    if errors:
        raise invalid_input(errors)
    strays = [index for index, entry in enumerate(entries) if entry["workspace_id"] != entries[0]["workspace_id"]]
    if strays:
        other = f"Must be {entries[0]['workspace_id']!r}, as in the first entry: send one workspace's at a time."
        raise invalid_input([FieldError(f"/{index}/workspace_id", other) for index in strays[:MAX_ERRORS]])
    return entries


def _read(catalog: Catalog) -> Callable[..., Answer]:
    kind = catalog.kind

    def view(query: Parsed, **parts: str) -> Answer:
        key, workspace_id = parts[kind.key], query.get("workspace_id")
        row = entry_of(db.session, kind, workspace_id, key)
        uses = [reference.as_dict() for reference in references(db.session, kind, key, workspace_id)]
        return tagged(_document(catalog, db.session, workspace_id)(row) | {"referenced_in": uses})

    return view


def _delete(catalog: Catalog) -> Callable[..., Answer]:
    kind = catalog.kind

    def view(query: Parsed, **parts: str) -> Answer:
        key, workspace_id = parts[kind.key], query["workspace_id"]
        column = s.STORED_IN.get(kind.slug)
        events = count_events(usage_events().store, workspace_id, column, key) if column else 0
        with writing() as session:
            remove(session, kind, workspace_id, key, events=events, **acting())
        return deleted()

    return view


OPERATIONS = tuple(operation for catalog in CATALOGS for operation in operations_of(catalog))

"""What the catalogs answer, and the entries of their own that workspaces send (spec 1 and 6)."""

from collections.abc import Mapping
from types import MappingProxyType

from marshmallow import Schema, fields

from api.schemas.common import (
    Answered,
    Body,
    Document,
    GivenId,
    Identifier,
    PageQuery,
    Query,
    choice,
    items,
    long_text,
    text,
)
from api.shapes.named import named
from rules.enums import MetricType

MAX_ENTRIES = 1_000
MAX_DIMENSIONS = 500
STORED_IN: Mapping[str, str] = MappingProxyType(
    {"events": "event_type", "segments": "segment", "customers": "customer_id"}
)
"""Catalog → the field of stored usage events that names its entries."""


class EventTypeBody(Body):
    """A usage event and the dimensions that filters and aggregations may name."""

    workspace_id = Identifier(required=True)
    event_type = GivenId(required=True)
    description = long_text()
    dimensions = items(text(100), MAX_DIMENSIONS)


class MetricBody(Body):
    """A metric that cycles and lenses may name; without a label its id is shown."""

    workspace_id = Identifier(required=True)
    metric_id = Identifier(required=True)
    label = text()
    type = choice(MetricType, required=True)


class QualitySignalBody(Body):
    """A signal that tells whether a unit was any good; without a label its id is shown."""

    workspace_id = Identifier(required=True)
    signal_id = Identifier(required=True)
    label = text()
    source = text(required=True)


class SegmentBody(Body):
    """A segment that customers belong to and configs are for; without a label its id is shown."""

    workspace_id = Identifier(required=True)
    segment_id = GivenId(required=True)
    label = text()
    description = long_text()


class CustomerBody(Body):
    """A customer of the product that is priced, in a segment of the catalog; without a name its id is shown."""

    workspace_id = Identifier(required=True)
    customer_id = GivenId(required=True)
    name = text()
    segment = GivenId(required=True)


class EventType(Answered):
    """A usage event and the dimensions that filters and aggregations may name, the shared ones among them."""

    workspace_id = fields.String(allow_none=True)
    event_type = fields.String()
    description = fields.String()
    dimensions = fields.List(fields.String())


class Metric(Answered):
    """A metric that cycles and lenses may name; `workspace_id` is null where all workspaces share it."""

    workspace_id = fields.String(allow_none=True)
    metric_id = fields.String()
    label = fields.String()
    type = choice(MetricType)


class QualitySignal(Answered):
    """A signal that tells whether a unit was any good."""

    workspace_id = fields.String(allow_none=True)
    signal_id = fields.String()
    label = fields.String()
    source = fields.String()


class Segment(Answered):
    """A segment that customers belong to and configs are for."""

    workspace_id = fields.String(allow_none=True)
    segment_id = fields.String()
    label = fields.String()
    description = fields.String(allow_none=True)


class Customer(Answered):
    """A customer of the product that is priced."""

    workspace_id = fields.String(allow_none=True)
    customer_id = fields.String()
    name = fields.String()
    segment = fields.String()


def one_or_many(body: Body) -> Document:
    """The JSON Schema of a body that is one entry or a list of them."""
    return {"anyOf": [body, {"type": "array", "minItems": 1, "maxItems": MAX_ENTRIES, "items": body}]}


def kept(entry: type[Answered]) -> type[Schema]:
    """The answer to entries that were kept: how many are new and changed, and each as the workspace reads it now."""
    contents = {
        "added": fields.Integer(),
        "changed": fields.Integer(),
        "items": fields.List(fields.Nested(entry)),
        "__doc__": f"What became of each {entry.__name__} that was sent.",
    }
    return type(f"{entry.__name__}Kept", (Answered,), contents)


class ReferenceAnswer(Answered):
    """One use of a catalog entry, and the link to where it is changed."""

    entity_type = choice(named("ReferringRecord", ("value_unit", "cycle", "config_version")))
    entity_id = fields.String()
    name = fields.String()
    workspace_id = fields.String()
    field = fields.String()
    deep_link = fields.String()


def with_references(entry: type[Answered]) -> type[Answered]:
    """The single entry's answer: its fields and `referenced_in`."""
    contents = {
        "referenced_in": fields.List(fields.Nested(ReferenceAnswer)),
        "__doc__": f"{entry.__name__} with what refers to it.",
    }
    return type(f"{entry.__name__}Entry", (entry,), contents)


class EntryQuery(Query):
    """Who reads the entry."""

    workspace_id = Identifier(metadata={"description": "The workspace that reads it; the shared entry when left out."})


class OwnEntryQuery(Query):
    """Whose entry it is."""

    workspace_id = Identifier(required=True, metadata={"description": "The workspace whose entry it is."})


class CatalogQuery(PageQuery):
    """Which entries to list."""

    workspace_id = Identifier(
        metadata={"description": "The workspace that reads them; the shared entries alone when left out."}
    )
    q = text(metadata={"description": "Part of an id, label or description, in any case."})


class MetricQuery(CatalogQuery):
    type = choice(MetricType)


class QualitySignalQuery(CatalogQuery):
    source = text()


class CustomerQuery(CatalogQuery):
    segment = GivenId()

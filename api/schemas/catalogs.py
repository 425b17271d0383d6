"""What the catalogs answer; they are read-only through the API (spec 1 and 6)."""

from marshmallow import fields, validate

from api.schemas.common import Answered, Identifier, PageQuery, choice, text
from rules.enums import MetricType


class EventType(Answered):
    """A usage event and the dimensions that filters and aggregations may name."""

    event_type = fields.String()
    description = fields.String()
    dimensions = fields.List(fields.String())


class Metric(Answered):
    """A metric that cycles and lenses may name."""

    metric_id = fields.String()
    label = fields.String()
    type = choice(MetricType)


class QualitySignal(Answered):
    """A signal that tells whether a unit was any good."""

    signal_id = fields.String()
    label = fields.String()
    source = fields.String()


class Segment(Answered):
    """A segment that customers belong to and configs are for."""

    segment_id = fields.String()
    label = fields.String()
    description = fields.String(allow_none=True)


class Customer(Answered):
    """A customer of the product that is priced."""

    customer_id = fields.String()
    name = fields.String()
    segment = fields.String()


class ReferenceAnswer(Answered):
    """One use of a catalog entry, and the link to where it is changed."""

    entity_type = fields.String(validate=validate.OneOf(["value_unit", "cycle", "config_version"]))
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


class CatalogQuery(PageQuery):
    q = text(metadata={"description": "Part of an id, label or description, in any case."})


class MetricQuery(CatalogQuery):
    type = choice(MetricType)


class QualitySignalQuery(CatalogQuery):
    source = text()


class CustomerQuery(CatalogQuery):
    segment = Identifier()

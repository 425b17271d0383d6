"""The five catalogs as data: the word in addresses and commands, the table, and the fields of an entry (spec 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.errors import not_found
from app.models.catalog import CatalogEntry, Customer, EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog


@dataclass(frozen=True)
class Kind:
    """One catalog. `slug` is its word in addresses and commands, `one` what a single entry is called.

    `fields` are those that an import may name, the key first; a new entry needs those in `needed`. `named_by` is the
    field that an entry is shown by: where it is left out, the key takes its place.
    """

    slug: str
    model: type[CatalogEntry]
    one: str
    fields: tuple[str, ...]
    needed: tuple[str, ...]
    named_by: str | None = None

    @property
    def key(self) -> str:
        """The field by which other records name an entry."""
        return self.model.KEY

    @property
    def table(self) -> str:
        """The name of its table, with which its product events begin."""
        return self.model.__table__.name


EVENTS = Kind("events", EventCatalog, "event type", ("event_type", "description", "dimensions"), ("event_type",))
METRICS = Kind("metrics", MetricCatalog, "metric", ("metric_id", "label", "type"), ("metric_id", "type"), "label")
QUALITY_SIGNALS = Kind(
    "quality-signals",
    QualitySignalCatalog,
    "quality signal",
    ("signal_id", "label", "source"),
    ("signal_id", "source"),
    "label",
)
SEGMENTS = Kind("segments", SegmentCatalog, "segment", ("segment_id", "label", "description"), ("segment_id",), "label")
CUSTOMERS = Kind(
    "customers", Customer, "customer", ("customer_id", "name", "segment"), ("customer_id", "segment"), "name"
)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.slug: kind for kind in (EVENTS, METRICS, QUALITY_SIGNALS, SEGMENTS, CUSTOMERS)}
)
"""Slug → catalog, in the order in which people are shown them."""


def kind_named(slug: str) -> Kind:
    """The catalog of a slug; NotFound when there is none."""
    if slug not in KINDS:
        raise not_found("catalog", slug)
    return KINDS[slug]

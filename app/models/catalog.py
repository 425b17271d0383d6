"""The catalogs: shared vocabulary, changed by seed files and imports only (spec 1)."""

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import CanonicalJSON, Model, enum
from rules.enums import MetricType


class EventCatalog(Model):
    """An event type, with the dimensions that its usage events carry."""

    __tablename__ = "event_catalog"

    event_type: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    description: Mapped[str] = mapped_column(sa.Text, default="")
    dimensions: Mapped[list[str]] = mapped_column(CanonicalJSON, default=list)


class MetricCatalog(Model):
    """A metric that success is measured by: a north star of cycles, or a lens of configs."""

    __tablename__ = "metric_catalog"

    metric_id: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(200))
    type: Mapped[str] = mapped_column(enum(MetricType, "metric_type"))


class QualitySignalCatalog(Model):
    """A source of evidence of a value unit's quality."""

    __tablename__ = "quality_signal_catalog"

    signal_id: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(200))
    source: Mapped[str] = mapped_column(sa.String(200))


class SegmentCatalog(Model):
    """A group of customers with one economics."""

    __tablename__ = "segment_catalog"

    segment_id: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str | None] = mapped_column(sa.Text)


class Customer(Model):
    """A customer, who uses the AI product and is billed for it."""

    __tablename__ = "customers"

    customer_id: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    segment: Mapped[str] = mapped_column(sa.ForeignKey("segment_catalog.segment_id"), index=True)

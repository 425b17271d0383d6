"""The catalogs: vocabulary that all workspaces share, and beside it each workspace's own (spec 1).

A shared entry has no workspace. A workspace reads both; its own entry stands before a shared one of the same key. What
it reads is put together in `app/services/catalogs`.
"""

from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import CanonicalJSON, Model, enum
from rules.enums import MetricType


def once_per_workspace(key: str) -> tuple[sa.UniqueConstraint, sa.Index]:
    """The constraints that a key occurs once among a workspace's own entries and once among the shared ones.

    The second is an index of its own, because a unique constraint lets any number of rows without a workspace through.
    """
    shared = sa.text("workspace_id IS NULL")
    index = sa.Index(f"uq_shared_{key}", key, unique=True, sqlite_where=shared, postgresql_where=shared)
    return sa.UniqueConstraint("workspace_id", key), index


class CatalogEntry(Model):
    """The base of the catalogs. `KEY` names the column by which other records name an entry; `entry_id` is internal."""

    __abstract__ = True
    KEY: ClassVar[str]

    entry_id: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[str | None] = mapped_column(sa.ForeignKey("workspaces.workspace_id"))

    @property
    def key(self) -> str:
        """The text by which other records name the entry."""
        key: str = getattr(self, self.KEY)
        return key


class EventCatalog(CatalogEntry):
    """An event type, with the dimensions that its usage events carry."""

    __tablename__ = "event_catalog"
    __table_args__ = once_per_workspace("event_type")
    KEY = "event_type"

    event_type: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str] = mapped_column(sa.Text, default="")
    dimensions: Mapped[list[str]] = mapped_column(CanonicalJSON, default=list)


class MetricCatalog(CatalogEntry):
    """A metric that success is measured by: a north star of cycles, or a lens of configs."""

    __tablename__ = "metric_catalog"
    __table_args__ = once_per_workspace("metric_id")
    KEY = "metric_id"

    metric_id: Mapped[str] = mapped_column(sa.String(200))
    label: Mapped[str] = mapped_column(sa.String(200))
    type: Mapped[str] = mapped_column(enum(MetricType, "metric_type"))


class QualitySignalCatalog(CatalogEntry):
    """A source of evidence of a value unit's quality."""

    __tablename__ = "quality_signal_catalog"
    __table_args__ = once_per_workspace("signal_id")
    KEY = "signal_id"

    signal_id: Mapped[str] = mapped_column(sa.String(200))
    label: Mapped[str] = mapped_column(sa.String(200))
    source: Mapped[str] = mapped_column(sa.String(200))


class SegmentCatalog(CatalogEntry):
    """A group of customers with one economics."""

    __tablename__ = "segment_catalog"
    __table_args__ = once_per_workspace("segment_id")
    KEY = "segment_id"

    segment_id: Mapped[str] = mapped_column(sa.String(200))
    label: Mapped[str] = mapped_column(sa.String(200))
    description: Mapped[str | None] = mapped_column(sa.Text)


class Customer(CatalogEntry):
    """A customer, who uses the AI product and is billed for it.

    The segment names an entry that the customer's workspace reads, which no foreign key can say: imports check it.
    """

    __tablename__ = "customers"
    __table_args__ = once_per_workspace("customer_id")
    KEY = "customer_id"

    customer_id: Mapped[str] = mapped_column(sa.String(200), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    segment: Mapped[str] = mapped_column(sa.String(200), index=True)


CATALOGS: tuple[type[CatalogEntry], ...] = (EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog, Customer)
"""Every catalog, those that others name first."""

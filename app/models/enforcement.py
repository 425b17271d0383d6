"""EnforcementEvent: what the customer app did with a config, the evidence after a decision (spec 1)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import CanonicalJSON, UtcDateTime, db, enum, identifier
from rules.enums import EnforcementEventType


class EnforcementEvent(db.Model):
    __tablename__ = "enforcement_events"
    __table_args__ = (
        sa.Index("ix_enforcement_events_evidence", "config_version_id", "event_type", "occurred_at"),
        sa.Index("ix_enforcement_events_newest", "workspace_id", "occurred_at", "enforcement_event_id"),
    )

    enforcement_event_id: Mapped[str] = identifier("enf_", new_id)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"))
    customer_id: Mapped[str] = mapped_column(sa.String(200), index=True)
    config_version_id: Mapped[str] = mapped_column(sa.ForeignKey("config_versions.config_version_id"))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    event_type: Mapped[str] = mapped_column(enum(EnforcementEventType, "enforcement_event_type"))
    context: Mapped[dict[str, Any]] = mapped_column(CanonicalJSON, default=dict)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)

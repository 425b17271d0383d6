"""ProductEvent: the append-only log of what operators did; IdempotencyKey: what was answered to a repeated request."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import CanonicalJSON, Model, UtcDateTime, bytewise, identifier


class ProductEvent(Model):
    __tablename__ = "product_events"
    __table_args__ = (sa.Index("ix_product_events_newest", "workspace_id", "occurred_at", "product_event_id"),)

    product_event_id: Mapped[str] = identifier("pe_", new_id)
    workspace_id: Mapped[str | None] = mapped_column(sa.String(200))
    event_name: Mapped[str] = mapped_column(bytewise(80))
    actor: Mapped[str] = mapped_column(bytewise(200))
    entity_id: Mapped[str | None] = mapped_column(bytewise(200), index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(CanonicalJSON, default=dict)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdempotencyKey(Model):
    __tablename__ = "idempotency_keys"

    endpoint: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    request_hash: Mapped[str] = mapped_column(sa.String(64))
    status_code: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(CanonicalJSON)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

"""ProductEvent: the append-only log of operators' writes; IdempotencyKey: the answers kept for repeated requests."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import CanonicalJSON, Model, UtcDateTime, bytewise, identifier
from simulation.canonical import JsonObject


class ProductEvent(Model):
    """A write: who did it to which record, and when."""

    __tablename__ = "product_events"
    __table_args__ = (sa.Index("ix_product_events_newest", "workspace_id", "occurred_at", "product_event_id"),)

    product_event_id: Mapped[str] = identifier("pe_", new_id)
    workspace_id: Mapped[str | None] = mapped_column(sa.String(200))
    event_name: Mapped[str] = mapped_column(bytewise(80))
    actor: Mapped[str] = mapped_column(bytewise(200))
    entity_id: Mapped[str | None] = mapped_column(bytewise(200), index=True)
    detail: Mapped[JsonObject] = mapped_column(CanonicalJSON, default=dict)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdempotencyKey(Model):
    """The answer to a request with a key; a repeated request with the key gets it again."""

    __tablename__ = "idempotency_keys"

    endpoint: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    request_hash: Mapped[str] = mapped_column(sa.String(64))
    status_code: Mapped[int]
    headers: Mapped[dict[str, str]] = mapped_column(CanonicalJSON)
    body: Mapped[bytes] = mapped_column(sa.LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

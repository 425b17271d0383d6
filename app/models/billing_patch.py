"""BillingPatch: what the ledger must know about a config version (spec 1 and 5)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import CanonicalJSON, Model, UtcDateTime, bytewise


class BillingPatch(Model):
    __tablename__ = "billing_patches"

    billing_patch_id: Mapped[str] = mapped_column(bytewise(200), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), index=True)
    cycle_id: Mapped[str] = mapped_column(sa.ForeignKey("cycles.cycle_id"), index=True)
    config_version_id: Mapped[str] = mapped_column(
        bytewise(200), sa.ForeignKey("config_versions.config_version_id"), index=True
    )
    price_book_ref: Mapped[str | None] = mapped_column(sa.String(200))
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    payload: Mapped[dict[str, Any]] = mapped_column(CanonicalJSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

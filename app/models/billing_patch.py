"""BillingPatch: the change to the billing ledger that a config version asks for (spec 1 and 5)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import CanonicalJSON, Model, UtcDateTime, bytewise
from simulation.canonical import JsonObject


class BillingPatch(Model):
    """A billing patch as it was built for a config version; `payload` is the document that ledgers render."""

    __tablename__ = "billing_patches"

    billing_patch_id: Mapped[str] = mapped_column(bytewise(200), primary_key=True)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), index=True)
    cycle_id: Mapped[str] = mapped_column(sa.ForeignKey("cycles.cycle_id"), index=True)
    config_version_id: Mapped[str] = mapped_column(
        bytewise(200), sa.ForeignKey("config_versions.config_version_id"), index=True
    )
    price_book_ref: Mapped[str | None] = mapped_column(sa.String(200))
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    payload: Mapped[JsonObject] = mapped_column(CanonicalJSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

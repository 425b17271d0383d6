"""UsageImport: a row per file that was imported into the usage event store, which holds the events themselves."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import CanonicalJSON, Model, UtcDateTime, identifier
from simulation.canonical import JsonObject


class UsageImport(Model):
    """An import with its counts of rows; `report` has the reasons of the rejected ones."""

    __tablename__ = "usage_imports"

    usage_import_id: Mapped[str] = identifier("imp_", new_id)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), index=True)
    source: Mapped[str] = mapped_column(sa.String(500))
    rows_read: Mapped[int]
    rows_accepted: Mapped[int]
    rows_duplicate: Mapped[int]
    rows_rejected: Mapped[int]
    report: Mapped[JsonObject] = mapped_column(CanonicalJSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

"""Workspace: whose decisions these are (spec 1)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import Model, UtcDateTime, enum, identifier
from rules.enums import DataMode, OperatorRole


class Workspace(Model):
    """A business with its cycles, usage and configs; `data_mode` says where its usage comes from.

    `catalog_revision` counts the changes of its own catalog entries, for whoever keeps a copy of what it read.
    `is_demo`: it came with the demo, and nothing of it is ever published.
    """

    __tablename__ = "workspaces"

    workspace_id: Mapped[str] = identifier("ws_", new_id)
    workspace_name: Mapped[str] = mapped_column(sa.String(200))
    operator_role: Mapped[str] = mapped_column(enum(OperatorRole, "operator_role"))
    data_mode: Mapped[str] = mapped_column(enum(DataMode, "data_mode"), default=DataMode.MOCKED.value)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    catalog_revision: Mapped[int] = mapped_column(default=0, server_default="0")
    is_demo: Mapped[bool] = mapped_column(default=False, server_default=sa.false())

"""RuntimeConfig: the bytes that customer apps enforce, built once at activation (spec 5)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Model, UtcDateTime, bytewise
from app.models.config_version import SUBJECT_FIELDS, Subject
from app.models.decision_record import DecisionRecord


class RuntimeConfig(Subject, Model):
    """A document that was served; `current` marks the one that still is, `sequence` counts them per subject.

    An activating decision has one row, and one more each time that its successor was announced or taken back.
    """

    __tablename__ = "runtime_configs"
    __table_args__ = (
        sa.UniqueConstraint(*SUBJECT_FIELDS, "sequence", name="uq_runtime_configs_subject_sequence"),
        sa.Index(
            "uq_runtime_configs_one_current",
            *SUBJECT_FIELDS,
            unique=True,
            sqlite_where=sa.text("current = 1"),
            postgresql_where=sa.text("current"),
        ),
    )

    decision_id: Mapped[str] = mapped_column(
        bytewise(200), sa.ForeignKey("decision_records.decision_id"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True)
    config_version_id: Mapped[str] = mapped_column(
        bytewise(200), sa.ForeignKey("config_versions.config_version_id"), index=True
    )
    current: Mapped[bool]
    document: Mapped[bytes] = mapped_column(sa.LargeBinary)
    digest: Mapped[str] = mapped_column(bytewise(64), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    decision: Mapped[DecisionRecord] = relationship()

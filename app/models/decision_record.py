"""DecisionRecord: who decided what, why and on which evidence (spec 1)."""

from collections import namedtuple
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.ids import new_id
from app.models.base import CanonicalJSON, UtcDateTime, db, enum, identifier
from app.models.billing_patch import BillingPatch
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, Subject
from app.models.simulation_run import SimulationRun
from rules.enums import DecisionStatus


class DecisionRecord(Subject, db.Model):
    __tablename__ = "decision_records"
    __table_args__ = (
        sa.Index("ix_decision_records_subject", *SUBJECT_FIELDS, "status"),
        sa.Index("ix_decision_records_newest", "workspace_id", "created_at", "decision_id"),
    )

    decision_id: Mapped[str] = identifier("dec_", new_id)
    cycle_id: Mapped[str] = mapped_column(sa.ForeignKey("cycles.cycle_id"), index=True)
    config_version_id: Mapped[str] = mapped_column(sa.ForeignKey("config_versions.config_version_id"), index=True)
    baseline_config_version_id: Mapped[str | None] = mapped_column(sa.ForeignKey("config_versions.config_version_id"))
    simulation_run_id: Mapped[str] = mapped_column(sa.ForeignKey("simulation_runs.simulation_run_id"))
    billing_patch_id: Mapped[str] = mapped_column(sa.ForeignKey("billing_patches.billing_patch_id"))
    status: Mapped[str] = mapped_column(enum(DecisionStatus, "decision_status"))
    approver_name: Mapped[str] = mapped_column(sa.String(200))
    approver_role: Mapped[str] = mapped_column(sa.String(200))
    rationale: Mapped[str] = mapped_column(sa.Text)
    diff: Mapped[dict[str, Any]] = mapped_column(CanonicalJSON)
    value_unit_snapshot_version: Mapped[int]
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    config_version: Mapped[ConfigVersion] = relationship(foreign_keys=[config_version_id])
    simulation_run: Mapped[SimulationRun] = relationship()
    billing_patch: Mapped[BillingPatch] = relationship()


class DecisionRow(namedtuple("DecisionRow", DecisionRecord.__table__.columns.keys())):
    """The columns of a decision as it was just written; it is not in the session and has no relations."""

    __slots__ = ()
    subject_resolution = DecisionRecord.subject_resolution


AnyDecision = DecisionRecord | DecisionRow

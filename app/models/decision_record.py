"""DecisionRecord: who decided on a config, why and on which evidence (spec 1)."""

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.ids import new_id
from app.models.base import CanonicalJSON, Model, UtcDateTime, enum, identifier, place
from app.models.billing_patch import BillingPatch
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, Subject, subject_of
from app.models.simulation_run import SimulationRun
from rules.enums import DecisionStatus, TermsStart
from simulation.canonical import Json, JsonObject


class DecisionRecord(Subject, Model):
    """A decision as stored, with the config, the run and the billing patch that it stands on.

    `withdrawn_at` is set where it was taken back before it took effect. `history` has an entry for each act after the
    approval, oldest first: moved, held_back, compared_anew, withdrawn, approved_anew (spec 2).
    """

    __tablename__ = "decision_records"
    __table_args__ = (
        sa.Index("ix_decision_records_subject", *SUBJECT_FIELDS, "status"),
        sa.Index("ix_decision_records_newest", "workspace_id", "place", "decision_id"),
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
    diff: Mapped[JsonObject] = mapped_column(CanonicalJSON)
    value_unit_snapshot_version: Mapped[int]
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    terms_start: Mapped[str] = mapped_column(
        enum(TermsStart, "terms_start"), default=TermsStart.AT_ONCE.value, server_default=TermsStart.AT_ONCE.value
    )
    activate_over_newer: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    history: Mapped[list[Json]] = mapped_column(CanonicalJSON, default=list, server_default="[]")
    place: Mapped[int] = place("decision_records")

    config_version: Mapped[ConfigVersion] = relationship(foreign_keys=[config_version_id])
    simulation_run: Mapped[SimulationRun] = relationship()
    billing_patch: Mapped[BillingPatch] = relationship()


class DecisionRow(NamedTuple):
    """The columns of a decision as it was just written.

    It is not in the session, has no relations, and lacks the place that the database gave it.
    """

    decision_id: str
    cycle_id: str
    config_version_id: str
    baseline_config_version_id: str | None
    simulation_run_id: str
    billing_patch_id: str
    status: str
    approver_name: str
    approver_role: str
    rationale: str
    diff: JsonObject
    value_unit_snapshot_version: int
    effective_at: datetime
    created_at: datetime
    terms_start: str
    activate_over_newer: bool
    withdrawn_at: datetime | None
    history: list[Json]
    workspace_id: str
    segment: str
    stage: str
    target_environment: str

    @property
    def subject_resolution(self) -> dict[str, str]:
        return subject_of(self)


AnyDecision = DecisionRecord | DecisionRow

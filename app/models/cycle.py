"""Cycle, the context it was drafted from, and the log of what its snapshots changed (spec 1)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import CanonicalJSON, Model, UtcDateTime, enum, identifier, place
from rules.cycle import PERIOD_LENGTHS, PRODUCTION_PERIOD_DAYS
from rules.enums import CycleStatus, CycleType, GoalType
from simulation.canonical import Json


class Cycle(Model):
    """A stretch of learning with a goal, metrics and a length, in which configs are drafted and decided."""

    __tablename__ = "cycles"
    __table_args__ = (
        sa.CheckConstraint("period_length_days > 0", name="period_positive"),
        sa.CheckConstraint(
            f"cycle_type <> '{CycleType.PRODUCTION}' OR period_length_days = {PRODUCTION_PERIOD_DAYS}",
            name="production_is_90_days",
        ),
        sa.CheckConstraint(f"period_length_days IN {PERIOD_LENGTHS[CycleType.SANDBOX]}", name="period_90_or_120"),
    )

    cycle_id: Mapped[str] = identifier("cycle_", new_id)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), index=True)
    cycle_name: Mapped[str] = mapped_column(sa.String(200))
    cycle_type: Mapped[str] = mapped_column(enum(CycleType, "cycle_type"))
    period_length_days: Mapped[int]
    start_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_date: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(enum(CycleStatus, "cycle_status"), default=CycleStatus.DRAFT.value)
    goal_type: Mapped[str | None] = mapped_column(enum(GoalType, "goal_type"))
    primary_metrics: Mapped[list[str]] = mapped_column(CanonicalJSON, default=list)
    segments: Mapped[list[str]] = mapped_column(CanonicalJSON, default=list)
    narrative: Mapped[str | None] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CycleDraftContext(Model):
    """Documents and text that a cycle was drafted from, and the cards that were found in them."""

    __tablename__ = "cycle_draft_contexts"

    cycle_draft_context_id: Mapped[str] = identifier("ctx_", new_id)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), index=True)
    cycle_id: Mapped[str | None] = mapped_column(sa.ForeignKey("cycles.cycle_id"), index=True)
    documents: Mapped[list[Json]] = mapped_column(CanonicalJSON, default=list)
    pasted_text: Mapped[str | None] = mapped_column(sa.Text)
    skipped: Mapped[bool] = mapped_column(default=False)
    extracted_cards: Mapped[list[Json]] = mapped_column(CanonicalJSON, default=list)
    open_questions: Mapped[list[Json]] = mapped_column(CanonicalJSON, default=list)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    place: Mapped[int] = place("cycle_draft_contexts")


class LearningLogEntry(Model):
    """An entry of a cycle's learning log, written when a snapshot is submitted."""

    __tablename__ = "learning_log_entries"

    learning_log_entry_id: Mapped[str] = identifier("learn_", new_id)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), index=True)
    cycle_id: Mapped[str] = mapped_column(sa.ForeignKey("cycles.cycle_id"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(80))
    detail: Mapped[Json] = mapped_column(CanonicalJSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

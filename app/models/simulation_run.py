"""SimulationRun: the evidence before a decision (spec 1 and 4)."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import CanonicalJSON, Model, UtcDateTime, enum, identifier, place
from rules.enums import SimulationStatus
from simulation.canonical import JsonObject
from simulation.output_shapes import DatasetDocument


class SimulationRun(Model):
    """A simulation of a candidate against a baseline; `outputs` is null until it has completed."""

    __tablename__ = "simulation_runs"
    __table_args__ = (
        sa.Index("ix_simulation_runs_latest", "candidate_config_version_id", "place", "simulation_run_id"),
    )

    simulation_run_id: Mapped[str] = identifier("sim_", new_id)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), index=True)
    cycle_id: Mapped[str] = mapped_column(sa.ForeignKey("cycles.cycle_id"), index=True)
    candidate_config_version_id: Mapped[str] = mapped_column(sa.ForeignKey("config_versions.config_version_id"))
    baseline_config_version_id: Mapped[str | None] = mapped_column(sa.ForeignKey("config_versions.config_version_id"))
    status: Mapped[str] = mapped_column(enum(SimulationStatus, "simulation_status"))
    inputs: Mapped[JsonObject] = mapped_column(CanonicalJSON)
    outputs: Mapped[JsonObject | None] = mapped_column(CanonicalJSON)
    completeness_result: Mapped[JsonObject] = mapped_column(CanonicalJSON)
    candidate_content_hash: Mapped[str] = mapped_column(sa.String(64))
    dataset: Mapped[DatasetDocument] = mapped_column(CanonicalJSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    place: Mapped[int] = place("simulation_runs")

"""ValueUnitDefinition, which is edited, and ValueUnitSnapshot, which never is (spec 1)."""

from datetime import datetime
from decimal import Decimal
from typing import TypedDict

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import CanonicalJSON, ExactDecimal, Model, UtcDateTime, enum, identifier, not_negative
from rules.enums import CompletenessStatus, EconomicsConfidence, UnitType
from simulation.canonical import Json, JsonObject


class UnitEconomics(TypedDict):
    """The embedded unit_economics of a value unit: USD per unit, the margin aimed at, and how sure the operator is."""

    avg_cost_per_unit_usd: Decimal | None
    target_price_per_unit_usd: Decimal | None
    target_margin: Decimal | None
    economics_confidence: str | None


ECONOMICS_FIELDS = tuple(UnitEconomics.__annotations__)


class ValueUnitDefinition(Model):
    """A value unit that is being edited."""

    __tablename__ = "value_unit_definitions"
    __table_args__ = (not_negative("avg_cost_per_unit_usd"), not_negative("target_price_per_unit_usd"))

    value_unit_id: Mapped[str] = identifier("vu_", new_id)
    cycle_id: Mapped[str] = mapped_column(sa.ForeignKey("cycles.cycle_id"), index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    unit_type: Mapped[str] = mapped_column(enum(UnitType, "unit_type"))
    event_mapping: Mapped[JsonObject | None] = mapped_column(CanonicalJSON)
    outcome_statement: Mapped[str | None] = mapped_column(sa.Text)
    metrics_intent: Mapped[list[Json]] = mapped_column(CanonicalJSON, default=list)
    quality_signal_source: Mapped[list[str]] = mapped_column(CanonicalJSON, default=list)
    quality_note: Mapped[str | None] = mapped_column(sa.Text)
    avg_cost_per_unit_usd: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    target_price_per_unit_usd: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    target_margin: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    economics_confidence: Mapped[str | None] = mapped_column(enum(EconomicsConfidence, "economics_confidence"))
    completeness_status: Mapped[str] = mapped_column(
        enum(CompletenessStatus, "completeness_status"), default=CompletenessStatus.RED.value
    )
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def unit_economics(self) -> UnitEconomics | None:
        """The embedded shape of spec 1; None while no field of it is set."""
        if all(getattr(self, name) is None for name in ECONOMICS_FIELDS):
            return None
        return {
            "avg_cost_per_unit_usd": self.avg_cost_per_unit_usd,
            "target_price_per_unit_usd": self.target_price_per_unit_usd,
            "target_margin": self.target_margin,
            "economics_confidence": self.economics_confidence,
        }

    @unit_economics.setter
    def unit_economics(self, value: UnitEconomics | None) -> None:
        for name in ECONOMICS_FIELDS:
            setattr(self, name, value.get(name) if value else None)


class ValueUnitSnapshot(Model):
    """The value units of a cycle as they were submitted, frozen under a version."""

    __tablename__ = "value_unit_snapshots"
    __table_args__ = (sa.UniqueConstraint("cycle_id", "snapshot_version"),)

    value_unit_snapshot_id: Mapped[str] = identifier("vus_", new_id)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), index=True)
    cycle_id: Mapped[str] = mapped_column(sa.ForeignKey("cycles.cycle_id"))
    snapshot_version: Mapped[int]
    value_unit_ids: Mapped[list[str]] = mapped_column(CanonicalJSON)
    value_units: Mapped[list[Json]] = mapped_column(CanonicalJSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

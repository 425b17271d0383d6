"""ConfigVersion with its pools, exploration rule and rails, which customer apps enforce (spec 1 and 2)."""

from datetime import datetime
from decimal import Decimal
from typing import NotRequired, Protocol, TypedDict

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.ids import new_id
from app.models.base import CanonicalJSON, ExactDecimal, Model, UtcDateTime, enum, identifier, not_negative
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitSnapshot
from rules.delivery import stated
from rules.enums import Action, ConfigStatus, OverageBehavior, Stage, TargetEnvironment
from rules.price_plan import PricePlan, StoredPlan, normalised
from simulation.canonical import Json, JsonObject, timestamp_text

SUBJECT_FIELDS = ("workspace_id", "segment", "stage", "target_environment")


def of_subject(model: type["Subject"]) -> list[sa.ColumnElement[bool]]:
    """The conditions that a row is of a subject, whose values the statement takes as parameters named like columns."""
    return [getattr(model, name) == sa.bindparam(name) for name in SUBJECT_FIELDS]


def subject_of(row: object) -> dict[str, str]:
    """The subject_resolution of a row that has the four columns, a model's or a plain one (spec 1)."""
    return {name: getattr(row, name) for name in SUBJECT_FIELDS}


class Named(Protocol):
    """A row with the columns that name a config version."""

    @property
    def config_name(self) -> str | None: ...
    @property
    def segment(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def target_environment(self) -> str: ...
    @property
    def version(self) -> int: ...


def display_name_of(row: Named) -> str:
    """What people call a config version: its own name, else its subject and number.

    `Team plan, December price rise`, `ai_video_smb · learning · production v3`.
    """
    return row.config_name or f"{row.segment} · {row.stage} · {row.target_environment} v{row.version}"


class Subject:
    """The four columns that say for whom a decision holds; always all four (spec 1)."""

    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"))
    segment: Mapped[str] = mapped_column(sa.String(200))
    stage: Mapped[str] = mapped_column(enum(Stage, "stage"))
    target_environment: Mapped[str] = mapped_column(enum(TargetEnvironment, "target_environment"))

    @property
    def subject_resolution(self) -> dict[str, str]:
        return subject_of(self)


class ConfigVersion(Subject, Model):
    """A version of a subject's config; a subject has one active version at most."""

    __tablename__ = "config_versions"
    __table_args__ = (
        sa.UniqueConstraint(*SUBJECT_FIELDS, "version", name="uq_config_versions_subject_version"),
        sa.Index(
            "uq_config_versions_one_active",
            *SUBJECT_FIELDS,
            unique=True,
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        ),
        sa.ForeignKeyConstraint(
            ["cycle_id", "value_unit_snapshot_version"],
            ["value_unit_snapshots.cycle_id", "value_unit_snapshots.snapshot_version"],
            name="fk_config_versions_snapshot",
        ),
        sa.CheckConstraint("version >= 1", name="version_positive"),
        sa.CheckConstraint("baseline_config_version_id <> config_version_id", name="baseline_is_another"),
    )

    config_version_id: Mapped[str] = identifier("cfg_", new_id)
    cycle_id: Mapped[str] = mapped_column(sa.ForeignKey("cycles.cycle_id"), index=True)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(
        enum(ConfigStatus, "config_status"), default=ConfigStatus.DRAFT.value, index=True
    )
    effective_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    value_unit_snapshot_version: Mapped[int | None]
    baseline_config_version_id: Mapped[str | None] = mapped_column(
        sa.ForeignKey("config_versions.config_version_id"), index=True
    )
    config_name: Mapped[str | None] = mapped_column(sa.String(200))
    price_book_ref: Mapped[str | None] = mapped_column(sa.String(200))
    metric_lenses: Mapped[list[str]] = mapped_column(CanonicalJSON, default=list)
    delivery: Mapped[JsonObject] = mapped_column(CanonicalJSON, default=dict)
    price_plan: Mapped[PricePlan | None] = mapped_column(CanonicalJSON)
    content_hash: Mapped[str] = mapped_column(sa.String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    cycle: Mapped[Cycle] = relationship(viewonly=True)
    snapshot: Mapped[ValueUnitSnapshot | None] = relationship(viewonly=True, overlaps="cycle")
    pools: Mapped[list["Pool"]] = relationship(
        back_populates="config_version",
        order_by="(Pool.position, Pool.pool_id)",
        cascade="all, delete-orphan",
        lazy="selectin",
    )
    exploration: Mapped["ExplorationRule | None"] = relationship(
        back_populates="config_version", cascade="all, delete-orphan", lazy="joined"
    )
    rails: Mapped["RailRule | None"] = relationship(
        back_populates="config_version", cascade="all, delete-orphan", lazy="joined"
    )

    @property
    def display_name(self) -> str:
        """What people call it: its own name, else its subject and number."""
        return display_name_of(self)

    @validates("config_name")
    def _keep_no_blank_name(self, _name: str, value: str | None) -> str | None:
        """Keep no name that says nothing: the subject and the number serve then."""
        return (value or "").strip() or None

    @validates("price_plan")
    def _keep_one_way_of_writing(self, _name: str, value: StoredPlan | None) -> PricePlan | None:
        """Keep a plan in its one way of being written, and none where it says nothing."""
        return normalised(value)

    @validates("delivery")
    def _keep_what_is_stated(self, _name: str, value: JsonObject | None) -> JsonObject:
        """Keep only the members that differ from the usual policy, so that stating the usual one is no change.

        Its moment is kept as the document writes it.
        """
        members = stated(value or {})
        anchor = members.get("period_anchor", {})
        if isinstance(anchor.get("at"), datetime):
            anchor["at"] = timestamp_text(anchor["at"])
        return members


class Rollover(TypedDict):
    """The embedded rollover of a pool (spec 1): what is not limited has no member."""

    enabled: bool
    max_rollover_quantity: NotRequired[Decimal]
    expires_after_days: NotRequired[int]


class RolloverColumns(Protocol):
    """A row with the columns of a pool's rollover."""

    @property
    def rollover_enabled(self) -> bool: ...
    @property
    def max_rollover_quantity(self) -> Decimal | None: ...
    @property
    def rollover_expires_after_days(self) -> int | None: ...


def rollover_of(pool: RolloverColumns) -> Rollover:
    """The embedded rollover of a row that has its columns, a model's or a plain one (spec 1)."""
    rollover: Rollover = {"enabled": pool.rollover_enabled}
    if pool.max_rollover_quantity is not None:
        rollover["max_rollover_quantity"] = pool.max_rollover_quantity
    if pool.rollover_expires_after_days is not None:
        rollover["expires_after_days"] = pool.rollover_expires_after_days
    return rollover


class Pool(Model):
    """A quantity of a value unit that is included per customer and period, and what happens beyond."""

    __tablename__ = "pools"
    __table_args__ = (
        not_negative("included_quantity"),
        not_negative("max_rollover_quantity"),
        sa.CheckConstraint("rollover_expires_after_days > 0", name="rollover_expiry_positive"),
    )

    config_version_id: Mapped[str] = mapped_column(
        sa.ForeignKey("config_versions.config_version_id", ondelete="CASCADE"), primary_key=True
    )
    pool_id: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(200))
    value_unit_id: Mapped[str] = mapped_column(sa.String(200), index=True)
    included_quantity: Mapped[Decimal] = mapped_column(ExactDecimal, default=Decimal(0))
    rollover_enabled: Mapped[bool] = mapped_column(default=False)
    max_rollover_quantity: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    rollover_expires_after_days: Mapped[int | None]
    overage_behavior: Mapped[str] = mapped_column(enum(OverageBehavior, "overage_behavior"))
    is_exploration_pool: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)

    config_version: Mapped[ConfigVersion] = relationship(back_populates="pools")

    @property
    def rollover(self) -> Rollover:
        return rollover_of(self)

    @rollover.setter
    def rollover(self, value: Rollover | None) -> None:
        self.rollover_enabled = value.get("enabled", False) if value else False
        self.max_rollover_quantity = value.get("max_rollover_quantity") if value else None
        self.rollover_expires_after_days = value.get("expires_after_days") if value else None


class ExplorationRule(Model):
    """The exploration rule of a config: which use is subsidised, and until when."""

    __tablename__ = "exploration_rules"
    __table_args__ = (sa.CheckConstraint("expires_after_days > 0", name="expiry_positive"),)

    config_version_id: Mapped[str] = mapped_column(
        sa.ForeignKey("config_versions.config_version_id", ondelete="CASCADE"), primary_key=True
    )
    enabled: Mapped[bool] = mapped_column(default=False)
    exploration_pool_id: Mapped[str | None] = mapped_column(sa.String(200))
    qualifying_events: Mapped[list[str]] = mapped_column(CanonicalJSON, default=list)
    expires_after_days: Mapped[int | None]
    graduation_signal: Mapped[str | None] = mapped_column(sa.String(200))

    config_version: Mapped[ConfigVersion] = relationship(back_populates="exploration")


class RailRule(Model):
    """The rails of a config: thresholds, spend cap, margin floor and absolute caps."""

    __tablename__ = "rail_rules"
    __table_args__ = (
        not_negative("monthly_spend_cap_usd"),
        sa.CheckConstraint("CAST(margin_floor AS REAL) <= 1", name="margin_floor_at_most_one"),
    )

    config_version_id: Mapped[str] = mapped_column(
        sa.ForeignKey("config_versions.config_version_id", ondelete="CASCADE"), primary_key=True
    )
    usage_thresholds: Mapped[list[Json]] = mapped_column(CanonicalJSON, default=list)
    monthly_spend_cap_usd: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    at_cap_action: Mapped[str | None] = mapped_column(enum(Action, "action"))
    margin_floor: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    absolute_usage_caps: Mapped[list[Json] | None] = mapped_column(CanonicalJSON)

    config_version: Mapped[ConfigVersion] = relationship(back_populates="rails")

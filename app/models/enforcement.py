"""EnforcementEvent: a customer app's report of what it did by a config, the evidence after a decision (spec 1).

An app's queue numbers what it sends: `client_id` says which queue, `sequence` counts its events from 1 without gaps.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app.ids import new_id
from app.models.base import CanonicalJSON, Model, UtcDateTime, enum, identifier
from rules.enums import EnforcementEventType
from simulation.canonical import Json, JsonObject, number_text

SPEND_CAP = "spend_cap"


def limit_of(context: Mapping[str, Json]) -> str | None:
    """The limit that an event's context names: a threshold's percent as text (`70`), `spend_cap`, or None."""
    percent = context.get("percent")
    if isinstance(percent, int | Decimal) and not isinstance(percent, bool):
        return limit_key(percent) if 0 < percent < 10_000 else None
    capped = "monthly_spend_cap_usd" in context or context.get("reason_code") == SPEND_CAP
    return SPEND_CAP if capped else None


def limit_key(percent: int | Decimal) -> str:
    """The key of a threshold: `70` for 70 and for 70.0, never longer than its column."""
    return number_text(Decimal(percent))[:40]


def unit_of(context: Mapping[str, Json]) -> str | None:
    """The value unit that an event's context names, if it could be one."""
    unit = context.get("value_unit_id")
    return unit if isinstance(unit, str) and 0 < len(unit) <= 200 else None


class Insertion(Protocol):
    """The row that SQLAlchemy is inserting, as it gives it to a column's default."""

    def get_current_parameters(self) -> JsonObject: ...


def _from_context(read: Callable[[JsonObject], str | None]) -> Callable[[Insertion], str | None]:
    """A column's default that is read from the context of the row being inserted."""
    return lambda insertion: read(insertion.get_current_parameters().get("context") or {})


class EnforcementEvent(Model):
    """An event as it was reported.

    `limit_key` and `value_unit_id` repeat members of `context`, so that both engines count by them in SQL.
    """

    __tablename__ = "enforcement_events"
    __table_args__ = (
        sa.CheckConstraint("(client_id IS NULL) = (sequence IS NULL)", name="numbered_whole"),
        sa.CheckConstraint("sequence >= 1", name="sequence_from_1"),
        sa.Index("ix_enforcement_events_evidence", "config_version_id", "event_type", "occurred_at"),
        sa.Index("ix_enforcement_events_newest", "workspace_id", "occurred_at", "enforcement_event_id"),
        sa.Index("ix_enforcement_events_numbers", "workspace_id", "client_id", "sequence"),
    )

    enforcement_event_id: Mapped[str] = identifier("enf_", new_id)
    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"))
    customer_id: Mapped[str] = mapped_column(sa.String(200), index=True)
    config_version_id: Mapped[str] = mapped_column(sa.ForeignKey("config_versions.config_version_id"))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    event_type: Mapped[str] = mapped_column(enum(EnforcementEventType, "enforcement_event_type"))
    context: Mapped[JsonObject] = mapped_column(CanonicalJSON, default=dict)
    limit_key: Mapped[str | None] = mapped_column(sa.String(40), default=_from_context(limit_of))
    value_unit_id: Mapped[str | None] = mapped_column(sa.String(200), default=_from_context(unit_of))
    client_id: Mapped[str | None] = mapped_column(sa.String(200))
    sequence: Mapped[int | None] = mapped_column(sa.BigInteger)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EnforcementRepeat(Model):
    """A number under which a known event came again, as when two queues of one app report one event.

    The event is kept once, as it first came. The number did arrive and is therefore no gap.
    """

    __tablename__ = "enforcement_repeats"

    workspace_id: Mapped[str] = mapped_column(sa.ForeignKey("workspaces.workspace_id"), primary_key=True)
    client_id: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    sequence: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    enforcement_event_id: Mapped[str] = mapped_column(
        sa.ForeignKey("enforcement_events.enforcement_event_id"), primary_key=True
    )
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)

"""The shapes of enforcement events: one per type, and the context that clients send (spec 1).

The door takes any context, so that no evidence is lost over a detail; the shapes say what our clients write there.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TypedDict

from rules.enums import Action, EnforcementEventType


class ThresholdContext(TypedDict, total=False):
    """Where a threshold was reached, or the spend cap: then `monthly_spend_cap_usd` stands for `percent`."""

    percent: Decimal
    action: Action
    value_unit_id: str
    pool_id: str
    used_quantity: Decimal
    included_quantity: Decimal
    monthly_spend_cap_usd: Decimal


class BlockedContext(TypedDict, total=False):
    """What was refused, and what was left; the members of `ThresholdContext` where a threshold blocked."""

    reason_code: str
    action: Action
    value_unit_id: str
    pool_id: str | None
    wanted_quantity: Decimal
    remaining_quantity: Decimal | None
    percent: Decimal
    used_quantity: Decimal
    included_quantity: Decimal
    monthly_spend_cap_usd: Decimal


class OverrideContext(TypedDict, total=False):
    """Who let a customer go on where a rail asks for approval."""

    value_unit_id: str
    approved_by: str


class GraduationContext(TypedDict, total=False):
    """What a customer used beyond exploring, and the signal that the config names for it."""

    graduation_signal: str | None
    value_unit_id: str


class QualityContext(TypedDict, total=False):
    """Which signal said that a unit was no good."""

    value_unit_id: str
    signal_id: str
    value: Decimal


CONTEXTS: Mapping[EnforcementEventType, type] = MappingProxyType(
    {
        EnforcementEventType.RAIL_WARNING_SHOWN: ThresholdContext,
        EnforcementEventType.RAIL_THROTTLE_APPLIED: ThresholdContext,
        EnforcementEventType.HARD_CAP_BLOCKED: BlockedContext,
        EnforcementEventType.OVERRIDE_APPROVED: OverrideContext,
        EnforcementEventType.EXPLORATION_GRADUATED: GraduationContext,
        EnforcementEventType.QUALITY_PROXY_FAILED: QualityContext,
    }
)
"""event_type → what clients write in `context`."""


def variant_name(event_type: EnforcementEventType) -> str:
    """The component of events of a type: `RailWarningShownEvent`."""
    return "".join(word.capitalize() for word in event_type.value.split("_")) + "Event"

"""Enforcement events: the name under which an app reports each action of the rails (spec 1 and 7)."""

from collections.abc import Mapping
from types import MappingProxyType

from rules.enums import Action, EnforcementEventType

REPORTED_AS: Mapping[str, EnforcementEventType] = MappingProxyType(
    {
        Action.WARN: EnforcementEventType.RAIL_WARNING_SHOWN,
        Action.THROTTLE: EnforcementEventType.RAIL_THROTTLE_APPLIED,
        Action.DEGRADE_QUALITY: EnforcementEventType.RAIL_THROTTLE_APPLIED,
        Action.BLOCK: EnforcementEventType.HARD_CAP_BLOCKED,
        Action.REQUIRE_APPROVAL: EnforcementEventType.OVERRIDE_APPROVED,
    }
)
"""The event type by action. A throttle and a lower quality are told apart by the action in the event's context."""

"""How long an app may enforce its copy of a config, and what it does after (`governance.delivery`; decision 18).

A policy is `{max_staleness_seconds, fail: {stale}, on_expired: {rail: open | closed}}`. `open` lets everything through,
`closed` holds it back. It is no part of what is simulated, so the content hash does not cover it.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

Policy = Mapping[str, Any]


class Fail(StrEnum):
    """What an app does where it no longer knows."""

    OPEN = "open"
    CLOSED = "closed"


LONGEST_STALENESS_SECONDS = 30 * 86_400
DEFAULTS: Policy = MappingProxyType(
    {
        "max_staleness_seconds": 86_400,
        "fail": {"stale": Fail.OPEN.value},
        "on_expired": {
            "monthly_spend_cap_usd": Fail.CLOSED.value,
            "usage_thresholds": Fail.OPEN.value,
            "absolute_usage_caps": Fail.CLOSED.value,
        },
    }
)
RAILS = tuple(DEFAULTS["on_expired"])
"""The rails that fail one way or the other."""


def policy(stated: Policy) -> dict[str, Any]:
    """Every member: the stated ones, the others as `DEFAULTS` has them."""
    return {
        "max_staleness_seconds": stated.get("max_staleness_seconds", DEFAULTS["max_staleness_seconds"]),
        "fail": {**DEFAULTS["fail"], **(stated.get("fail") or {})},
        "on_expired": {**DEFAULTS["on_expired"], **(stated.get("on_expired") or {})},
    }


def stated(policy: Policy) -> dict[str, Any]:
    """The members that differ from `DEFAULTS`: what a config has to keep, and what a diff shows."""
    found: dict[str, Any] = {}
    if policy.get("max_staleness_seconds", DEFAULTS["max_staleness_seconds"]) != DEFAULTS["max_staleness_seconds"]:
        found["max_staleness_seconds"] = policy["max_staleness_seconds"]
    for group in ("fail", "on_expired"):
        given, usual = policy.get(group) or {}, DEFAULTS[group]
        if different := {name: value for name, value in given.items() if value != usual.get(name)}:
            found[group] = different
    return found

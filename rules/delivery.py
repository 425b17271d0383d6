"""The delivery policy: how long an app may enforce its copy of a config, and what it does after (decision 18).

The document has it at `governance.delivery`: `{max_staleness_seconds, fail: {stale}, on_expired: {rail: answer}}`. The
answer `open` lets everything through, `closed` holds it back. No simulation reads it, and no content hash covers it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypedDict


class Fail(StrEnum):
    """The answer of an app that no longer knows: let through, or hold back."""

    OPEN = "open"
    CLOSED = "closed"


class StalePolicy(TypedDict):
    """The answer while a copy may still be enforced although its server cannot be reached."""

    stale: str


class Policy(TypedDict):
    """A whole policy; `on_expired` has the answer for each of `RAILS`."""

    max_staleness_seconds: int
    fail: StalePolicy
    on_expired: dict[str, str]


StoredPolicy = Mapping[str, Any]
"""The members of a policy that a config states; any of them may be absent."""

MAX_STALENESS_SECONDS = 30 * 86_400
USUAL: Policy = {
    "max_staleness_seconds": 86_400,
    "fail": {"stale": Fail.OPEN.value},
    "on_expired": {
        "monthly_spend_cap_usd": Fail.CLOSED.value,
        "usage_thresholds": Fail.OPEN.value,
        "absolute_usage_caps": Fail.CLOSED.value,
    },
}
RAILS = tuple(USUAL["on_expired"])
"""The rails that fail one way or the other."""


def policy(stated: StoredPolicy) -> Policy:
    """The whole policy of a config: the members that it states, and those of `USUAL` for the rest."""
    return {
        "max_staleness_seconds": stated.get("max_staleness_seconds", USUAL["max_staleness_seconds"]),
        "fail": {"stale": (stated.get("fail") or USUAL["fail"]).get("stale", USUAL["fail"]["stale"])},
        "on_expired": {**USUAL["on_expired"], **(stated.get("on_expired") or {})},
    }


def stated(policy: StoredPolicy) -> dict[str, Any]:
    """The members that differ from `USUAL`: what a config has to keep, and what a diff shows."""
    members: dict[str, Any] = {}
    seconds = policy.get("max_staleness_seconds", USUAL["max_staleness_seconds"])
    if seconds != USUAL["max_staleness_seconds"]:
        members["max_staleness_seconds"] = seconds
    usual_answers: dict[str, Mapping[str, object]] = {"fail": USUAL["fail"], "on_expired": USUAL["on_expired"]}
    for group, usual in usual_answers.items():
        answers = policy.get(group) or {}
        if different := {name: value for name, value in answers.items() if value != usual.get(name)}:
            members[group] = different
    return members

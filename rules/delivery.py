"""The delivery policy: what apps do without AVS Brain, and from when to when they count (decision 18, spec 5).

The document has it at `governance.delivery`: `{max_staleness_seconds, fail: {stale}, on_expired: {rail: answer}}`, and
only where a config states them `on_counters_unavailable`, `period_anchor` and `threshold_scopes`. The answer `open`
lets everything through, `closed` holds it back. No simulation reads any of it, and no content hash covers it.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, NotRequired, TypedDict


class Fail(StrEnum):
    """The answer of an app that no longer knows: let through, or hold back."""

    OPEN = "open"
    CLOSED = "closed"


class PeriodKind(StrEnum):
    """How customers' periods are cut: every 30 days, by the calendar, or from each customer's own day on."""

    FIXED = "fixed"
    CALENDAR_MONTH = "calendar_month"
    CUSTOMER_DAY = "customer_day"


class Scope(StrEnum):
    """What a threshold's share is of, and for what its action holds then.

    `pool`: a pool of the unit. `unit`: all pools of the unit together. `customer`: once any unit reached it, all units.
    `spend`: the monthly spend cap, by the customer's whole bill, for all priced units.
    """

    POOL = "pool"
    UNIT = "unit"
    CUSTOMER = "customer"
    SPEND = "spend"


class StalePolicy(TypedDict):
    """The answer while a copy may still be enforced although its server cannot be reached."""

    stale: str


class PeriodAnchor(TypedDict):
    """From when to when apps count: `at` of a fixed anchor, as a timestamp; `time_zone` of the two kinds of months."""

    kind: str
    at: NotRequired[str]
    time_zone: NotRequired[str]


class ThresholdScope(TypedDict):
    """The scope of the usage threshold at `percent`."""

    percent: int | Decimal
    scope: str


class Policy(TypedDict):
    """A whole policy; `on_expired` has the answer for each of `RAILS`, `on_counters_unavailable` for each of `COUNTED`.

    Without `period_anchor` an app counts by its own setting; a threshold without a scope has that of `pool`.
    """

    max_staleness_seconds: int
    fail: StalePolicy
    on_expired: dict[str, str]
    on_counters_unavailable: dict[str, str]
    period_anchor: PeriodAnchor | None
    threshold_scopes: list[ThresholdScope]


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
    "on_counters_unavailable": {
        "monthly_spend_cap_usd": Fail.CLOSED.value,
        "usage_thresholds": Fail.OPEN.value,
        "absolute_usage_caps": Fail.CLOSED.value,
        "hard_stop": Fail.CLOSED.value,
    },
    "period_anchor": None,
    "threshold_scopes": [],
}
RAILS = tuple(USUAL["on_expired"])
"""The rails that fail one way or the other."""
COUNTED = tuple(USUAL["on_counters_unavailable"])
"""What counts a customer's use: the rails, and pools that end in a hard stop."""
ANCHOR_MEMBERS: Mapping[str, str] = {
    PeriodKind.FIXED: "at",
    PeriodKind.CALENDAR_MONTH: "time_zone",
    PeriodKind.CUSTOMER_DAY: "time_zone",
}
"""The kind of an anchor → the one member that it needs besides."""


def policy(stated: StoredPolicy) -> Policy:
    """The whole policy of a config: the members that it states, and those of `USUAL` for the rest."""
    return {
        "max_staleness_seconds": stated.get("max_staleness_seconds", USUAL["max_staleness_seconds"]),
        "fail": {"stale": (stated.get("fail") or USUAL["fail"]).get("stale", USUAL["fail"]["stale"])},
        "on_expired": {**USUAL["on_expired"], **(stated.get("on_expired") or {})},
        "on_counters_unavailable": {
            **USUAL["on_counters_unavailable"],
            **(stated.get("on_counters_unavailable") or {}),
        },
        "period_anchor": stated.get("period_anchor"),
        "threshold_scopes": list(stated.get("threshold_scopes") or ()),
    }


def delivered(stated: StoredPolicy) -> dict[str, Any]:
    """The policy as a document has it: whole, but for the members that a document has only where they are stated."""
    whole: dict[str, Any] = {**policy(stated)}
    unstated = [name for name in ("on_counters_unavailable", "period_anchor", "threshold_scopes") if name not in stated]
    return {name: value for name, value in whole.items() if name not in unstated}


def stated(policy: StoredPolicy) -> dict[str, Any]:
    """The members that differ from `USUAL`: what a config has to keep, and what a diff shows."""
    members: dict[str, Any] = {}
    seconds = policy.get("max_staleness_seconds", USUAL["max_staleness_seconds"])
    if seconds != USUAL["max_staleness_seconds"]:
        members["max_staleness_seconds"] = seconds
    usual_answers: dict[str, Mapping[str, object]] = {
        "fail": USUAL["fail"],
        "on_expired": USUAL["on_expired"],
        "on_counters_unavailable": USUAL["on_counters_unavailable"],
    }
    for group, usual in usual_answers.items():
        answers = policy.get(group) or {}
        if different := {name: value for name, value in answers.items() if value != usual.get(name)}:
            members[group] = different
    if anchor := policy.get("period_anchor"):
        members["period_anchor"] = dict(anchor)
    if scopes := _beyond_pools(policy.get("threshold_scopes") or ()):
        members["threshold_scopes"] = scopes
    return members


def _beyond_pools(scopes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The scopes other than the usual one, by percent."""
    unusual = [dict(item) for item in scopes if item["scope"] != Scope.POOL]
    return sorted(unusual, key=lambda item: Decimal(item["percent"]))


def anchor_problems(anchor: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(member, problem) where an anchor lacks what its kind needs, or has what it does not take."""
    needed = ANCHOR_MEMBERS.get(anchor["kind"], "")
    if anchor.get(needed) is None:
        yield needed, f"A period anchor of the kind {anchor['kind']} needs {needed}."
    for member in sorted(set(ANCHOR_MEMBERS.values()) - {needed}):
        if anchor.get(member) is not None:
            yield member, f"A period anchor of the kind {anchor['kind']} takes no {member}: leave it out."

"""The shape of a delivery policy, whole in a config and as far as it is stated in a document (spec 5)."""

from datetime import datetime
from decimal import Decimal
from typing import NotRequired, TypedDict

from rules.delivery import Fail, PeriodKind, Scope


class StaleAnswer(TypedDict):
    """What apps do while their copy may be enforced although the server cannot be reached."""

    stale: Fail


class ExpiredAnswers(TypedDict):
    """What each rail does once a copy is older than `max_staleness_seconds`."""

    monthly_spend_cap_usd: Fail
    usage_thresholds: Fail
    absolute_usage_caps: Fail


class UncountedAnswers(TypedDict, total=False):
    """What each rail, and a pool that ends in a hard stop, does while an app cannot read its counters."""

    monthly_spend_cap_usd: Fail
    usage_thresholds: Fail
    absolute_usage_caps: Fail
    hard_stop: Fail


class Anchor(TypedDict):
    """From when to when apps count: 30 days from `at` on, or months of a `time_zone`."""

    kind: PeriodKind
    at: NotRequired[datetime]
    time_zone: NotRequired[str]


class ScopeOfThreshold(TypedDict):
    """What the share of the usage threshold at `percent` is of, and for what its action holds then."""

    percent: Decimal
    scope: Scope


class KeptPolicy(TypedDict):
    """How long apps may enforce their copy, and what they do after."""

    max_staleness_seconds: int
    fail: StaleAnswer
    on_expired: ExpiredAnswers


class ConfigDelivery(KeptPolicy):
    """What apps do without AVS Brain, and from when to when they count; without an anchor, by their own setting."""

    on_counters_unavailable: UncountedAnswers
    period_anchor: Anchor | None
    threshold_scopes: list[ScopeOfThreshold]


class StatedAnswers(TypedDict, total=False):
    """The answers of rails that are not as usual; `stale` of all of them."""

    stale: Fail
    monthly_spend_cap_usd: Fail
    usage_thresholds: Fail
    absolute_usage_caps: Fail
    hard_stop: Fail


class StatedPolicy(TypedDict, total=False):
    """What of a delivery policy a config states."""

    max_staleness_seconds: int
    fail: StatedAnswers
    on_expired: StatedAnswers
    on_counters_unavailable: StatedAnswers
    period_anchor: Anchor | None
    threshold_scopes: list[ScopeOfThreshold]

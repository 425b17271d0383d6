"""The shape of the document that customer apps enforce, and of the keys that verify it (spec 5)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, NotRequired, TypedDict

from api.schemas.configs import UsageCapBody, UsageThresholdBody
from api.shapes.decided import Economics, EventMapping, MetricIntent, SubjectResolution
from api.shapes.named import named
from api.shapes.policy import Anchor, KeptPolicy, ScopeOfThreshold, StatedPolicy, UncountedAnswers
from app.services.configs.shapes import ExplorationShape, PoolShape, RatingAgility
from rules.enums import Action, ConfigStatus, GoalType, TermsStart
from simulation.canonical import JsonObject

AuditType = Annotated[str, named("AuditType", ("generated", "simulated", "approved", "activated"))]


class EnforcedUnit(TypedDict):
    """A value unit that a pool of the document counts."""

    value_unit_id: str
    name: str
    event_mapping: EventMapping | None
    metrics_intent: list[MetricIntent]
    quality_signal_source: list[str]
    unit_economics: Economics | None


class EnforcedRails(TypedDict):
    """The rails; a config without absolute caps has no member for them."""

    usage_thresholds: list[Annotated[JsonObject, UsageThresholdBody]]
    monthly_spend_cap_usd: Decimal | None
    at_cap_action: Action | None
    margin_floor: Decimal | None
    absolute_usage_caps: NotRequired[list[Annotated[JsonObject, UsageCapBody]]]


class NorthStarGoal(TypedDict):
    """The goal of the cycle."""

    goal_type: GoalType | None
    primary_metrics: list[str]
    narrative: str | None


class AuditEntry(TypedDict):
    """A step on the document's way to the apps."""

    type: AuditType
    by: str
    at: datetime | None


class AnnouncedConfig(TypedDict):
    """The version that was approved for later, to be enforced from `effective_at` on."""

    effective_at: datetime
    config_version_id: str
    document: AvsConfig


class DeliveryTerms(KeptPolicy):
    """How long a copy may be enforced and what to do after; `sequence` only grows.

    `on_counters_unavailable`, `period_anchor` and `threshold_scopes` are there only where the config states them.
    """

    on_counters_unavailable: NotRequired[UncountedAnswers]
    period_anchor: NotRequired[Anchor]
    threshold_scopes: NotRequired[list[ScopeOfThreshold]]

    sequence: int
    next: AnnouncedConfig | None


class TermsBefore(TypedDict):
    """The terms before, as far as they count in a running period; `rating_agility` only where it has a price plan."""

    config_version_id: str
    value_units: list[EnforcedUnit]
    pools: list[PoolShape]
    exploration: ExplorationShape
    rails: EnforcedRails
    rating_agility: NotRequired[RatingAgility]
    terms: NotRequired[RunningTerms]


class RunningTerms(TypedDict):
    """Terms of which those before count in the period in which `since` lies.

    With next_period a customer is held to the terms in `before` until the end of that period, from their next one on
    to those of this document. With prorated this document's hold from `since` on, and each amount per period (fee,
    commit, credits, allowances) is shared out between both by the days of that period.
    """

    start: Annotated[str, named(TermsStart.__name__, tuple(TermsStart))]
    since: datetime
    before: TermsBefore


class Governance(TypedDict):
    """Who decided, and how the document is delivered; `terms` only where customers finish their running period."""

    config_version_id: str
    approval_ref: str
    config_status: ConfigStatus
    audit: list[AuditEntry]
    delivery: DeliveryTerms
    terms: NotRequired[RunningTerms]


class EnforcedContent(TypedDict):
    """What of a config is enforced."""

    north_star: NorthStarGoal
    subject_resolution: SubjectResolution
    value_units: list[EnforcedUnit]
    pools: list[PoolShape]
    exploration: ExplorationShape
    rails: EnforcedRails
    rating_agility: RatingAgility
    metric_lenses: list[str]


class DecidedContent(EnforcedContent):
    """What a decision was about: what is enforced, and what of the delivery policy is not as usual."""

    delivery: NotRequired[StatedPolicy]


class AvsConfig(EnforcedContent):
    """The document that customer apps cache and enforce."""

    avs_version: Literal["v2.0"]
    cycle_id: str
    config_version_id: str
    effective_at: datetime
    quality_mode: Literal["advisory"]
    governance: Governance
    generated_at: datetime
    source: str


class ConfigEvent(TypedDict):
    """One event of the stream: the id is the digest, data the JSON text of {etag, signature, document_b64}.

    `document_b64` is the document in base 64.
    """

    event: Literal["config"]
    id: str
    data: str


class SigningKey(TypedDict):
    """An Ed25519 public key as a JSON Web Key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    alg: Literal["EdDSA"]
    use: Literal["sig"]
    kid: str
    x: str


class SigningKeySet(TypedDict):
    """A JSON Web Key Set (RFC 7517) with at least one key."""

    keys: list[SigningKey]

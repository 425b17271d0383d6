"""The shapes of documents that decisions keep: subjects, frozen units, diffs, histories (spec 1 and 5)."""

from datetime import datetime
from typing import Annotated, Any, NotRequired, TypedDict

from api.schemas.authoring import EventMappingBody, MetricIntentBody, UnitEconomicsBody
from api.schemas.problems import FindingAnswer
from api.shapes.named import named
from app.services.configs.diffs import SECTIONS, Change, PatchStep
from rules.enums import CompletenessStatus, DiffType, Stage, TargetEnvironment, UnitType
from simulation.canonical import JsonObject

Section = Annotated[str, named("ConfigSection", SECTIONS, "A part of a config, as operators know it.")]
EventMapping = Annotated[JsonObject, EventMappingBody]
MetricIntent = Annotated[JsonObject, MetricIntentBody]
Economics = Annotated[JsonObject, UnitEconomicsBody]


class SubjectResolution(TypedDict):
    """The subject of a config: at most one version of it is active."""

    workspace_id: str
    segment: str
    stage: Stage
    target_environment: TargetEnvironment


class FrozenUnit(TypedDict):
    """A value unit as a snapshot keeps it."""

    value_unit_id: str
    name: str
    event_mapping: EventMapping | None
    metrics_intent: list[MetricIntent]
    quality_signal_source: list[str]
    unit_economics: Economics | None
    unit_type: NotRequired[UnitType]
    outcome_statement: NotRequired[str | None]
    quality_note: NotRequired[str | None]
    completeness_status: NotRequired[CompletenessStatus]


class DecisionDiff(TypedDict):
    """What a decision changed: `changes` for people, `json_patch` for programs."""

    type: DiffType
    baseline_config_version_id: str | None
    changes: list[Change]
    json_patch: list[PatchStep]


class HistoryActor(TypedDict):
    """Who did it."""

    name: str
    role: str


ACT = named(
    "HistoryAct",
    ("moved", "held_back", "compared_anew", "withdrawn", "approved_anew"),
    "What became of a decision after it was approved.",
)
Act = Annotated[str, ACT]


class LatestAct(TypedDict):
    """What was done to a decision last after its approval."""

    type: Act
    at: datetime
    by: HistoryActor
    rationale: str | None


class HistoryEntry(LatestAct):
    """An act on a decision after its approval; the other members say what that act changed, `before` what it was."""

    before: NotRequired[Annotated[dict[str, Any], "The columns of the record that the act replaced."]]
    effective_at: NotRequired[datetime | None]
    findings: NotRequired[Annotated[list[str], "Codes of the findings that held it back."]]
    messages: NotRequired[list[str]]
    baseline_config_version_id: NotRequired[str | None]
    diff: NotRequired[DecisionDiff]
    document: NotRequired[Annotated[dict[str, Any], "The content that had been decided, before it was withdrawn."]]


class ConfigCompletenessThen(TypedDict):
    """How complete a config was when it was simulated."""

    pill: CompletenessStatus
    next_missing_item: Annotated[JsonObject, FindingAnswer] | None
    findings: list[Annotated[JsonObject, FindingAnswer]]

"""The fields that operators give of each resource, by their canonical names (spec 1).

An edit gives the fields that it changes and no others; `pools` is the only field without which a call has no meaning.
Values have been checked one by one before (schemas and forms do that). Embedded objects are replaced whole.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Required, TypedDict

from app.models.config_version import Rollover
from app.services.configs.shapes import UsageThreshold
from rules.price_plan import PricePlan
from simulation.canonical import Json, JsonObject


class WorkspaceInput(TypedDict, total=False):
    """The fields of a workspace."""

    workspace_id: str
    workspace_name: str
    operator_role: str
    data_mode: str


class CycleInput(TypedDict, total=False):
    """The fields of a cycle; a new one needs `workspace_id`, `cycle_name`, `cycle_type` and `period_length_days`."""

    cycle_id: str
    workspace_id: str
    cycle_name: str
    cycle_type: str
    period_length_days: int
    start_date: datetime | None
    end_date: datetime | None
    status: str
    goal_type: str | None
    primary_metrics: list[str]
    segments: list[str]
    narrative: str | None


class ContextInput(TypedDict, total=False):
    """The fields of a context that a cycle is drafted from; a new one needs `workspace_id`."""

    cycle_draft_context_id: str
    workspace_id: str
    cycle_id: str | None
    documents: list[JsonObject]
    pasted_text: str | None
    skipped: bool
    extracted_cards: list[JsonObject]
    open_questions: list[JsonObject]


class ValueUnitInput(TypedDict, total=False):
    """The fields of a value unit; a new one needs `cycle_id`, `name` and `unit_type`.

    Its economics come embedded as `unit_economics`, or as the four fields of it.
    """

    value_unit_id: str
    cycle_id: str
    name: str
    unit_type: str
    event_mapping: JsonObject | None
    outcome_statement: str | None
    metrics_intent: list[JsonObject]
    quality_signal_source: list[str]
    quality_note: str | None
    unit_economics: JsonObject | None
    avg_cost_per_unit_usd: Decimal | None
    target_price_per_unit_usd: Decimal | None
    target_margin: Decimal | None
    economics_confidence: str | None


class PoolInput(TypedDict, total=False):
    """The fields of a pool; a new one needs `pool_id`, `label`, `value_unit_id` and `overage_behavior`.

    Its rollover comes embedded as `rollover`, or as the three fields of it.
    """

    pool_id: str
    label: str
    value_unit_id: str
    included_quantity: Decimal | int
    rollover: Rollover
    rollover_enabled: bool
    max_rollover_quantity: Decimal | None
    rollover_expires_after_days: int | None
    overage_behavior: str
    is_exploration_pool: bool
    position: int


class ExplorationInput(TypedDict, total=False):
    """The fields of an exploration rule."""

    enabled: bool
    exploration_pool_id: str | None
    qualifying_events: list[str]
    expires_after_days: int | None
    graduation_signal: str | None


class RailsInput(TypedDict, total=False):
    """The fields of the rails."""

    usage_thresholds: list[UsageThreshold]
    monthly_spend_cap_usd: Decimal | None
    at_cap_action: str | None
    margin_floor: Decimal | None
    absolute_usage_caps: list[Json] | None


class SettingsInput(TypedDict, total=False):
    """The columns of a config that the pools screen sets too."""

    config_name: str | None
    value_unit_snapshot_version: int | None
    price_book_ref: str | None
    metric_lenses: list[str]


class PoolsInput(SettingsInput, total=False):
    """All pools of a config in the order in which they are drawn from."""

    pools: Required[Sequence[PoolInput]]


class ConfigColumns(SettingsInput, total=False):
    """The columns of a config; its subject and its cycle are fixed when it is made."""

    config_version_id: str
    workspace_id: str
    cycle_id: str
    segment: str
    stage: str
    target_environment: str
    baseline_config_version_id: str | None
    delivery: JsonObject | None


class ConfigInput(ConfigColumns, total=False):
    """The columns and the parts of a new config; it needs its subject and `cycle_id`."""

    pools: Sequence[PoolInput] | None
    exploration: ExplorationInput | None
    rails: RailsInput | None
    price_plan: PricePlan | None

"""The shape of one row of each seed file: canonical field names, closed enums, no unknown fields (spec 1 and 8)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Unpack

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validates, validates_schema

from rules.cycle import PERIOD_LENGTHS
from rules.enums import (
    Action,
    AggregationType,
    CompletenessStatus,
    ConfigStatus,
    CycleStatus,
    CycleType,
    DataMode,
    DecisionStatus,
    EconomicsConfidence,
    ExpectedImpact,
    GoalType,
    MetricType,
    OperatorRole,
    OverageBehavior,
    SimulationStatus,
    Stage,
    TargetEnvironment,
    UnitType,
)
from rules.ranges import MAX_DAYS
from seed.fields import (
    MISSING,
    Choice,
    Count,
    Document,
    FieldOptions,
    Flag,
    Identifier,
    Items,
    Moment,
    Name,
    Number,
    Percent,
    Plan,
    Text,
    UsageCap,
    required,
)
from simulation.canonical import Json

OPTIONAL: FieldOptions = {"required": False, "allow_none": True, "load_default": None}


class Row(Schema):
    """An object with exactly the declared fields."""

    error_messages = {"unknown": "is not a field here", "type": "must be an object"}  # noqa: RUF012

    class Meta:
        unknown = RAISE


class Inside(fields.Nested):
    """An object within a row."""

    default_error_messages = MISSING | {"type": "must be an object"}

    def __init__(self, schema: type[Row], **options: Unpack[FieldOptions]) -> None:
        super().__init__(schema, **required(options))


# Catalogs


class EventTypeRow(Row):
    event_type = Name()
    description = Text(empty=True)
    dimensions = Items(Name())


class MetricRow(Row):
    metric_id = Name()
    label = Name()
    type = Choice(MetricType)


class QualitySignalRow(Row):
    signal_id = Name()
    label = Name()
    source = Name()


class SegmentRow(Row):
    segment_id = Name()
    label = Name()
    description = Text(**OPTIONAL)


class CustomerRow(Row):
    customer_id = Identifier("cust_")
    name = Name()
    segment = Name()


# Workspace, cycle, units


class WorkspaceRow(Row):
    workspace_id = Identifier("ws_")
    workspace_name = Name()
    operator_role = Choice(OperatorRole)
    data_mode = Choice(DataMode)
    created_at = Moment()


class CycleRow(Row):
    cycle_id = Identifier("cycle_")
    workspace_id = Name()
    cycle_name = Name()
    cycle_type = Choice(CycleType)
    period_length_days = Count()
    start_date = Moment()
    end_date = Moment()
    status = Choice(CycleStatus)
    goal_type = Choice(GoalType)
    primary_metrics = Items(Name(), least=1, most=3)
    segments = Items(Name(), least=1)
    narrative = Text(**OPTIONAL)
    created_at = Moment()

    @validates_schema(skip_on_field_errors=True)
    def _lasts_as_long_as_its_type(self, row: Mapping[str, Json], **_: object) -> None:
        allowed = PERIOD_LENGTHS[row["cycle_type"]]
        if row["period_length_days"] not in allowed:
            days = " or ".join(map(str, allowed))
            raise ValidationError(f"a {row['cycle_type']} cycle lasts {days} days", "period_length_days")
        if (row["end_date"] - row["start_date"]).days != row["period_length_days"]:
            raise ValidationError("must be period_length_days after start_date", "end_date")


class AggregationPart(Row):
    type = Choice(AggregationType)
    field = Name(required=False)
    minus = Name(required=False)

    @validates_schema(skip_on_field_errors=True)
    def _sums_name_a_field(self, part: Mapping[str, Json], **_: object) -> None:
        if part["type"] != AggregationType.COUNT and "field" not in part:
            raise ValidationError(f"is required for {part['type']}", "field")
        if part["type"] != AggregationType.SUM and "minus" in part:
            raise ValidationError(f"is only for a sum, not for {part['type']}", "minus")


class EventMappingPart(Row):
    event_type = Name()
    filters = Document()
    aggregation = Inside(AggregationPart)

    @validates("filters")
    def _filters_are_values(self, filters: Mapping[str, Json], **_: object) -> None:
        """Each dimension has a value or a list of values (spec 1)."""
        for name, choice in filters.items():
            for value in choice if isinstance(choice, list) else [choice]:
                if value is None or isinstance(value, list | dict):
                    raise ValidationError({name: ["must be a text, a number, true or false, or a list of these"]})


class EconomicsPart(Row):
    avg_cost_per_unit_usd = Number(least=0)
    target_price_per_unit_usd = Number(least=0)
    target_margin = Number(most=1)
    economics_confidence = Choice(EconomicsConfidence)


class MetricIntentPart(Row):
    metric_id = Name()
    expected_impact = Choice(ExpectedImpact)


class FrozenUnit(Row):
    """A value unit as a snapshot keeps it."""

    value_unit_id = Identifier("vu_")
    name = Name()
    unit_type = Choice(UnitType)
    event_mapping = Inside(EventMappingPart)
    outcome_statement = Text(**OPTIONAL)
    metrics_intent = Items(fields.Nested(MetricIntentPart))
    quality_signal_source = Items(Name())
    quality_note = Text(**OPTIONAL)
    unit_economics = Inside(EconomicsPart)
    completeness_status = Choice(CompletenessStatus)


class ValueUnitRow(FrozenUnit):
    cycle_id = Name()
    created_at = Moment()
    updated_at = Moment()


class SnapshotRow(Row):
    value_unit_snapshot_id = Identifier("vus_")
    workspace_id = Name()
    cycle_id = Name()
    snapshot_version = Count(least=1)
    value_unit_ids = Items(Name(), least=1)
    value_units = Items(fields.Nested(FrozenUnit), least=1)
    created_at = Moment()


# Configs


class RolloverPart(Row):
    enabled = Flag()
    max_rollover_quantity = Number(least=0, required=False)
    expires_after_days = Count(least=1, most=MAX_DAYS, required=False)


class PoolPart(Row):
    pool_id = Identifier("pool_")
    label = Name()
    value_unit_id = Name()
    included_quantity = Number(least=0)
    rollover = Inside(RolloverPart)
    overage_behavior = Choice(OverageBehavior)
    is_exploration_pool = Flag()


class ExplorationPart(Row):
    enabled = Flag()
    exploration_pool_id = Name(**OPTIONAL)
    qualifying_events = Items(Name())
    expires_after_days = Count(least=1, most=MAX_DAYS, **OPTIONAL)
    graduation_signal = Name(**OPTIONAL)


class ThresholdPart(Row):
    percent = Percent()
    action = Choice(Action)


class RailsPart(Row):
    usage_thresholds = Items(fields.Nested(ThresholdPart))
    monthly_spend_cap_usd = Number(least=0, **OPTIONAL)
    at_cap_action = Choice(Action, **OPTIONAL)
    margin_floor = Number(most=1, **OPTIONAL)
    absolute_usage_caps = Items(UsageCap(), required=False)


class SubjectPart(Row):
    workspace_id = Name()
    segment = Name()
    stage = Choice(Stage)
    target_environment = Choice(TargetEnvironment)


class ConfigRow(SubjectPart):
    """A config version; its pools are in position order."""

    config_version_id = Identifier("cfg_")
    cycle_id = Name()
    version = Count(least=1)
    status = Choice(ConfigStatus)
    effective_at = Moment(**OPTIONAL)
    value_unit_snapshot_version = Count(least=1)
    baseline_config_version_id = Name(**OPTIONAL)
    config_name = Name(**OPTIONAL)
    price_book_ref = Name(**OPTIONAL)
    price_plan = Plan(**OPTIONAL)
    metric_lenses = Items(Name())
    created_at = Moment()
    updated_at = Moment()
    pools = Items(fields.Nested(PoolPart))
    exploration = Inside(ExplorationPart)
    rails = Inside(RailsPart)


# Evidence and decisions


class SimulationRunRow(Row):
    simulation_run_id = Identifier("sim_")
    workspace_id = Name()
    cycle_id = Name()
    candidate_config_version_id = Name()
    baseline_config_version_id = Name(**OPTIONAL)
    status = Choice(SimulationStatus)
    inputs = Document()
    outputs = Document(**OPTIONAL)
    completeness_result = Document()
    candidate_content_hash = Name()
    dataset = Document()
    created_at = Moment()
    completed_at = Moment(**OPTIONAL)


class DecisionRow(Row):
    decision_id = Identifier("dec_")
    workspace_id = Name()
    cycle_id = Name()
    config_version_id = Name()
    baseline_config_version_id = Name(**OPTIONAL)
    simulation_run_id = Name()
    billing_patch_id = Name()
    subject_resolution = Inside(SubjectPart)
    status = Choice(DecisionStatus)
    approver_name = Name()
    approver_role = Name()
    rationale = Text()
    diff = Document()
    value_unit_snapshot_version = Count(least=1)
    effective_at = Moment()
    created_at = Moment()


class BillingPatchRow(Row):
    billing_patch_id = Identifier("bp_")
    workspace_id = Name()
    cycle_id = Name()
    config_version_id = Name()
    price_book_ref = Name(**OPTIONAL)
    effective_at = Moment()
    payload = Document()
    created_at = Moment()


class UsageEventRow(Row):
    """The base fields; every other field is a dimension, which the event catalog judges."""

    class Meta:
        unknown = INCLUDE

    event_id = Name()
    ts = Moment()
    event_type = Name()
    workspace_id = Name()
    customer_id = Name()
    segment = Name()


FILES: Mapping[str, tuple[type[Row], tuple[str, ...]]] = MappingProxyType(
    {
        "workspaces.json": (WorkspaceRow, ("workspace_id",)),
        "event_catalog.json": (EventTypeRow, ("event_type",)),
        "metric_catalog.json": (MetricRow, ("metric_id",)),
        "quality_signal_catalog.json": (QualitySignalRow, ("signal_id",)),
        "segment_catalog.json": (SegmentRow, ("segment_id",)),
        "customers.json": (CustomerRow, ("customer_id",)),
        "cycles.json": (CycleRow, ("cycle_id",)),
        "value_units.json": (ValueUnitRow, ("value_unit_id",)),
        "value_unit_snapshots.json": (SnapshotRow, ("value_unit_snapshot_id",)),
        "configs.json": (ConfigRow, ("config_version_id",)),
        "simulation_runs.json": (SimulationRunRow, ("simulation_run_id",)),
        "billing_patches.json": (BillingPatchRow, ("billing_patch_id",)),
        "decision_records.json": (DecisionRow, ("decision_id",)),
        "usage_events.json": (UsageEventRow, ("workspace_id", "event_id")),
    }
)
"""The seed files with the schema of their rows and what identifies a row, in the order they depend on each other."""

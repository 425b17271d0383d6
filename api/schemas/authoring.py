"""What authoring requests hold, and what answers add: workspaces, cycles, contexts, value units (spec 1 and 6).

Drafts may be incomplete: what a rule asks for later is optional here. Configs are in `configs.py` beside this file.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate
from marshmallow.exceptions import ValidationError

from api.schemas.common import (
    Answered,
    Body,
    Embedded,
    ExactNumber,
    Flag,
    GivenId,
    Identifier,
    JsonObject,
    Moment,
    PageQuery,
    WholeNumber,
    choice,
    identifiers,
    items,
    keyed_items,
    listed,
    long_text,
    one_of,
    text,
)
from api.shapes.named import named
from app.sizes import MAX_DOCUMENTS, MAX_PASTED_LENGTH
from rules.cycle import PERIOD_LENGTHS
from rules.enums import (
    AggregationType,
    CompletenessStatus,
    CycleStatus,
    CycleType,
    DataMode,
    EconomicsConfidence,
    ExpectedImpact,
    GoalType,
    OperatorRole,
    UnitType,
)
from simulation.canonical import Json

MAX_FILTER_VALUES = 100


class WorkspaceBody(Body):
    """A workspace: whose decisions these are."""

    workspace_id = Identifier()
    workspace_name = text(required=True)
    operator_role = choice(OperatorRole, required=True)
    data_mode = choice(DataMode, load_default=DataMode.MOCKED.value)


class Workspace(Answered, WorkspaceBody):
    """A workspace as stored."""

    created_at = Moment()


class CycleBody(Body):
    """A cycle: what outcome, measured how, over which period. Production lasts 90 days, a sandbox 90 or 120."""

    cycle_id = Identifier()
    workspace_id = Identifier(required=True)
    cycle_name = text(required=True)
    cycle_type = choice(CycleType, required=True)
    period_length_days = WholeNumber(
        load_default=90,
        validate=one_of(PERIOD_LENGTHS[CycleType.SANDBOX]),
        **listed(named("PeriodLengthDays", PERIOD_LENGTHS[CycleType.SANDBOX], "How long a cycle lasts.")),
    )
    start_date = Moment(allow_none=True, load_default=None)
    end_date = Moment(allow_none=True, load_default=None)
    status = choice(CycleStatus, load_default=CycleStatus.DRAFT.value)
    goal_type = choice(GoalType, allow_none=True, load_default=None)
    primary_metrics = identifiers(maximum=3)
    segments = identifiers(minimum=1, required=True, kind=GivenId)
    narrative = long_text(allow_none=True, load_default=None)


class Cycle(Answered, CycleBody):
    """A cycle as stored."""

    created_at = Moment()
    updated_at = Moment()


class CycleQuery(PageQuery):
    workspace_id = Identifier()
    status = choice(CycleStatus)
    cycle_type = choice(CycleType)


class CycleDraftContextBody(Body):
    """What a cycle is drafted from: documents or pasted text, the cards read from them, at most five questions."""

    cycle_draft_context_id = Identifier()
    workspace_id = Identifier(required=True)
    cycle_id = Identifier(allow_none=True, load_default=None)
    documents = items(JsonObject(maximum=MAX_PASTED_LENGTH), MAX_DOCUMENTS, load_default=list)
    pasted_text = fields.String(validate=validate.Length(max=MAX_PASTED_LENGTH), allow_none=True, load_default=None)
    skipped = Flag(load_default=False)
    extracted_cards = items(JsonObject(), load_default=list)
    open_questions = items(JsonObject(), 5, load_default=list)


class CycleDraftContext(Answered, CycleDraftContextBody):
    """A context as stored."""

    created_at = Moment()


class TakenOut(Body):
    """The text that a context is to go on without: a document's name, or `pasted text`."""

    name = text(required=True)


class CycleDraftContextQuery(PageQuery):
    workspace_id = Identifier()
    cycle_id = Identifier()


class Filters(fields.Field[dict[str, Json]]):
    """Dimension → the value, or the values, that it must have: texts, exact numbers, true or false."""

    default_error_messages = {  # noqa: RUF012
        "object": "Must be a JSON object of dimensions.",
        "value": "Must be a text, a number, true, false or a list of them.",
        "length": f"Must have 1 to {MAX_FILTER_VALUES} values.",
        "text": "Must have at most 500 characters.",
    }
    number = ExactNumber()

    def _deserialize(
        self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any
    ) -> dict[str, Json]:
        if not isinstance(value, Mapping):
            raise self.make_error("object")
        loaded, errors = {}, {}
        for name, allowed in value.items():
            try:
                GivenId().deserialize(name)
                loaded[name] = self._allowed(allowed)
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return loaded

    def _allowed(self, value: Json) -> Json:
        if not isinstance(value, list):
            return self._scalar(value)
        if not 1 <= len(value) <= MAX_FILTER_VALUES:
            raise self.make_error("length")
        return [self._scalar(item) for item in value]

    def _scalar(self, value: Json) -> Json:
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            if len(value) > 500:
                raise self.make_error("text")
            return value
        if value is None or isinstance(value, list | Mapping):
            raise self.make_error("value")
        return self.number.deserialize(value)


_FILTER_VALUE = {"type": ["string", "number", "boolean"]}
_FILTERS = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [
            _FILTER_VALUE,
            {"type": "array", "items": _FILTER_VALUE, "minItems": 1, "maxItems": MAX_FILTER_VALUES},
        ]
    },
}


class AggregationBody(Body):
    """How matching events add up; sum and distinct_count need a field, a sum may take another one off it."""

    type = choice(AggregationType, required=True)
    field = GivenId(allow_none=True)
    minus = GivenId(
        allow_none=True,
        metadata={"description": "The field whose value is taken off that of `field`, event by event; only of a sum."},
    )


class EventMappingBody(Body):
    """Which usage events count as one unit."""

    event_type = GivenId(allow_none=True)
    filters = Filters(load_default=dict, metadata=_FILTERS)
    aggregation = Embedded(AggregationBody, allow_none=True)


class MetricIntentBody(Body):
    """What the unit is expected to do to a metric."""

    metric_id = Identifier(required=True)
    expected_impact = choice(ExpectedImpact, load_default=ExpectedImpact.UNKNOWN.value)


class UnitEconomicsBody(Body):
    """USD per value unit, and the margin that the price aims at."""

    avg_cost_per_unit_usd = ExactNumber(minimum=0, allow_none=True, load_default=None)
    target_price_per_unit_usd = ExactNumber(minimum=0, allow_none=True, load_default=None)
    target_margin = ExactNumber(maximum=1, allow_none=True, load_default=None)
    economics_confidence = choice(EconomicsConfidence, allow_none=True, load_default=None)


class ValueUnitBody(Body):
    """A value unit: what counts as value, what it costs and what it sells for."""

    value_unit_id = Identifier()
    cycle_id = Identifier(required=True)
    name = text(required=True)
    unit_type = choice(UnitType, required=True)
    event_mapping = Embedded(EventMappingBody, allow_none=True, load_default=None)
    outcome_statement = long_text(allow_none=True, load_default=None)
    metrics_intent = keyed_items(Embedded(MetricIntentBody), "metric_id", load_default=list)
    quality_signal_source = identifiers()
    quality_note = long_text(allow_none=True, load_default=None)
    unit_economics = Embedded(UnitEconomicsBody, allow_none=True, load_default=None)


class ValueUnitCompleteness(Answered):
    """What the definition still lacks; snapshots and pools are judged by their config."""

    status = choice(CompletenessStatus)
    missing = fields.List(fields.String())


class ValueUnit(Answered, ValueUnitBody):
    """A value unit definition as stored, with what it still lacks."""

    completeness_status = choice(CompletenessStatus)
    created_at = Moment()
    updated_at = Moment()
    completeness = fields.Nested(ValueUnitCompleteness)


class ValueUnitQuery(PageQuery):
    workspace_id = Identifier()
    cycle_id = Identifier()
    unit_type = choice(UnitType)
    completeness_status = choice(CompletenessStatus)

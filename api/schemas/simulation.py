"""Simulations as the API takes and gives them (spec 4 and 6)."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from api.schemas.common import (
    Answered,
    Body,
    Computed,
    Embedded,
    Flag,
    GivenId,
    Identifier,
    Moment,
    PageQuery,
    as_whole,
    choice,
)
from rules.enums import HistoricalWindow, PricingMode, SimulationStatus, Stage, TargetEnvironment
from simulation.canonical import Json, JsonObject

WINDOWS = tuple(item.json_value for item in HistoricalWindow)


class WindowField(fields.Field[int | str]):
    """30, 60, 90, 120 or "mocked": the values of `HistoricalWindow` as JSON has them."""

    default_error_messages = {"window": 'Must be one of: 30, 60, 90, 120, "mocked".'}  # noqa: RUF012

    def _deserialize(self, value: Json, attr: str | None, data: Mapping[str, Json] | None, **kwargs: Any) -> int | str:
        window = as_whole(value)
        if isinstance(window, bool) or not isinstance(window, int | str) or window not in WINDOWS:
            raise self.make_error("window")
        return window


class SimulationFilters(Body):
    """Default to the candidate's subject and must agree with it; a null segment asks for all segments."""

    segment = GivenId(allow_none=True)
    stage = choice(Stage)
    target_environment = choice(TargetEnvironment)


class SimulationBody(Body):
    """What to simulate (spec 4.1). A baseline left out means the subject's active version, null means none."""

    candidate_config_version_id = Identifier(required=True)
    baseline_config_version_id = Identifier(allow_none=True)
    historical_window_days = WindowField(required=True, metadata={"enum": list(WINDOWS)})
    filters = Embedded(SimulationFilters)
    pricing_mode = choice(PricingMode)
    include_exploration_in_results = Flag()
    as_of = Moment()

    @validates_schema
    def as_of_fits_the_window(self, data: dict[str, Any], **_: Any) -> None:
        if "as_of" in data and data.get("historical_window_days") == HistoricalWindow.MOCKED.json_value:
            raise ValidationError("The mocked window ends at the newest demo event: leave as_of out.", "as_of")


_COUNT, _AMOUNT, _IDS = {"type": "integer"}, {"type": "number"}, {"type": "array", "items": {"type": "string"}}


def _object(description: str, **members: JsonObject) -> JsonObject:
    return {"type": "object", "description": description, "properties": members, "required": list(members)}


def _list_of(items: JsonObject) -> JsonObject:
    return {"type": "array", "items": items}


_MAPPED_TYPE = _object(
    "An event type that the candidate's pooled units map, in the run's segment and window.",
    event_type={"type": "string"},
    value_unit_ids=_IDS,
    events=_COUNT,
    unmatched_events=_COUNT | {"description": "Events that match no unit of the snapshot."},
    unpooled_events=_COUNT | {"description": "Events that match only units without a pool."},
    quantities=_list_of(
        _object(
            "A summed field, less another where `minus` is not null; none where every event of the type counts.",
            field={"type": "string"},
            minus={"type": ["string", "null"]},
            quantity=_AMOUNT,
            unmatched_quantity=_AMOUNT,
            unpooled_quantity=_AMOUNT,
        )
    ),
    values=_list_of(
        _object(
            "Uncounted events by their texts in the filtered dimensions; the ten most frequent.",
            values={"type": "object", "additionalProperties": {"type": ["string", "null"]}},
            events=_COUNT,
            quantities=_list_of(_AMOUNT),
            value_unit_ids=_IDS | {"description": "The units without a pool that match."},
        )
    ),
    rest=_object(
        "The values that are not listed, summed.", combinations=_COUNT, events=_COUNT, quantities=_list_of(_AMOUNT)
    ),
)
_UNMATCHED_USAGE = _object(
    "What of the usage the candidate's units do not count (spec 4.3). Runs of older versions lack it.",
    mapped_event_types=_list_of(_MAPPED_TYPE),
    other_event_types=_list_of(
        _object(
            "An event type of the workspace that no pooled unit maps; the twenty most frequent.",
            event_type={"type": "string"},
            events=_COUNT,
            value_unit_ids=_IDS | {"description": "The units without a pool that map it."},
            is_qualifying_event={"type": "boolean"},
        )
    ),
    other_rest=_object("The event types that are not listed, summed.", event_types=_COUNT, events=_COUNT),
)


class Simulation(Answered):
    """A run: what was asked, on which data, and every output of spec 4.3."""

    simulation_run_id = fields.String()
    workspace_id = fields.String()
    cycle_id = fields.String()
    candidate_config_version_id = fields.String()
    baseline_config_version_id = fields.String(allow_none=True)
    status = choice(SimulationStatus)
    inputs = Computed({"type": "object"})
    outputs = Computed({"type": ["object", "null"], "properties": {"unmatched_usage": _UNMATCHED_USAGE}})
    completeness_result = Computed({"type": "object"})
    candidate_content_hash = fields.String()
    dataset = Computed({"type": "object"})
    created_at = Moment()
    completed_at = Moment(allow_none=True)


class DatasetChange(Answered):
    """What has become of the events that a run covers: those of its segment up to its as_of.

    unchanged, changed, unknown (an earlier version of AVS Brain made the run, or it has not completed), fixed (the
    bundled demo events) or unreadable (stored files are damaged: `problem` names them and the way on). Counts are null
    unless changed, and compare month by month.
    """

    status = fields.String(validate=validate.OneOf(["unchanged", "changed", "unknown", "fixed", "unreadable"]))
    problem = fields.String(allow_none=True)
    added = fields.Integer(allow_none=True)
    removed = fields.Integer(allow_none=True)
    added_before_window = fields.Integer(allow_none=True)
    removed_before_window = fields.Integer(allow_none=True)


class SimulationRead(Simulation):
    """A run that is read alone, with what has become of its dataset."""

    dataset_change = fields.Nested(DatasetChange)


class SimulationQuery(PageQuery):
    """Which runs to list."""

    workspace_id = Identifier()
    cycle_id = Identifier()
    candidate_config_version_id = Identifier()
    status = choice(SimulationStatus)

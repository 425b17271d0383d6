"""Simulations as the API takes and gives them (spec 4 and 6)."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from api.schemas.common import (
    Answered,
    Body,
    Embedded,
    Flag,
    GivenId,
    Identifier,
    Moment,
    PageQuery,
    Shaped,
    as_whole,
    choice,
)
from api.shapes.decided import ConfigCompletenessThen
from api.shapes.named import named
from api.shapes.simulated import WINDOWS, SimulationInputs, Window
from rules.enums import HistoricalWindow, PricingMode, SimulationStatus, Stage, TargetEnvironment
from simulation.canonical import Json
from simulation.output_shapes import DatasetDocument, OutputsDocument

DATASET_STATE = named("DatasetState", ("unchanged", "changed", "unknown", "fixed", "unreadable"))


class WindowField(fields.Field[int | str]):
    """30, 60, 90, 120 or "mocked": the values of `HistoricalWindow` as JSON has them."""

    shape = Window
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
    historical_window_days = WindowField(required=True)
    filters = Embedded(SimulationFilters)
    pricing_mode = choice(PricingMode)
    include_exploration_in_results = Flag()
    as_of = Moment()

    @validates_schema
    def as_of_fits_the_window(self, data: dict[str, Any], **_: Any) -> None:
        if "as_of" in data and data.get("historical_window_days") == HistoricalWindow.MOCKED.json_value:
            raise ValidationError("The mocked window ends at the newest demo event: leave as_of out.", "as_of")


class Simulation(Answered):
    """A run: what was asked, on which data, and every output of spec 4.3."""

    simulation_run_id = fields.String()
    workspace_id = fields.String()
    cycle_id = fields.String()
    candidate_config_version_id = fields.String()
    baseline_config_version_id = fields.String(allow_none=True)
    status = choice(SimulationStatus)
    inputs = Shaped(SimulationInputs)
    outputs = Shaped(OutputsDocument | None)
    completeness_result = Shaped(ConfigCompletenessThen)
    candidate_content_hash = fields.String()
    dataset = Shaped(DatasetDocument | None)
    created_at = Moment()
    completed_at = Moment(allow_none=True)


class DatasetChange(Answered):
    """What has become of the events that a run covers: those of its segment up to its as_of.

    unchanged, changed, unknown (an earlier version of AVS Brain made the run, or it has not completed), fixed (the
    bundled demo events) or unreadable (stored files are damaged: `problem` names them and the way on). Counts are null
    unless changed, and compare month by month.
    """

    status = choice(DATASET_STATE)
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

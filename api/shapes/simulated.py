"""The shapes of a simulation run that its answers add to the outputs: what was asked, and on which events (spec 4)."""

from datetime import datetime
from typing import Annotated, NotRequired, TypedDict

from api.shapes.named import named
from rules.enums import HistoricalWindow, PricingMode, Stage, TargetEnvironment

WINDOWS = tuple(item.json_value for item in HistoricalWindow)
DAYS = named(
    "HistoricalWindowDays",
    [window for window in WINDOWS if isinstance(window, int)],
    "Days of usage before the end of the window.",
)
MOCKED = named(
    "MockedWindow", [window for window in WINDOWS if isinstance(window, str)], "The window of the demo events."
)
Window = Annotated[int, DAYS] | Annotated[str, MOCKED]


class AskedSubject(TypedDict):
    """The usage that was replayed; a null segment means all segments."""

    segment: str | None
    stage: Stage
    target_environment: TargetEnvironment


class Risk(TypedDict):
    """What is remarkable in a run: its code, a sentence, and the record and the numbers that it is about."""

    code: str
    detail: str
    value_unit_id: NotRequired[str]
    pool_id: NotRequired[str]
    period_index: NotRequired[int]


class SimulationInputs(TypedDict):
    """The request with every default resolved; `as_of` is null until the events were read."""

    candidate_config_version_id: str
    baseline_config_version_id: str | None
    historical_window_days: Window
    filters: AskedSubject
    pricing_mode: PricingMode
    include_exploration_in_results: bool
    as_of: datetime | None

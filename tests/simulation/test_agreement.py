"""Simulation and rules know nothing of each other (decision 1), so the facts that both need are written in both.

These tests hold the two copies together.
"""

from rules.enums import AggregationType, HistoricalWindow, OverageBehavior, PricingMode
from rules.event_mapping import BASE_DIMENSIONS
from simulation.engine import BASE_COLUMNS
from simulation.events import BASE_FIELDS
from simulation.plan import AGGREGATIONS, OVERAGE_BEHAVIORS, PRICING_MODES
from simulation.window import WINDOW_DAYS


def test_overage_behaviors_are_those_of_the_rules() -> None:
    assert tuple(OverageBehavior) == OVERAGE_BEHAVIORS


def test_aggregations_are_those_of_the_rules() -> None:
    assert tuple(AggregationType) == AGGREGATIONS


def test_pricing_modes_are_those_of_the_rules() -> None:
    assert tuple(PricingMode) == PRICING_MODES


def test_a_window_has_the_days_that_an_operator_can_ask_for() -> None:
    assert {window.days for window in HistoricalWindow} == set(WINDOW_DAYS)


def test_base_dimensions_of_a_mapping_are_base_fields_of_an_event() -> None:
    assert set(BASE_DIMENSIONS) < set(BASE_FIELDS)


def test_columns_of_an_events_table_are_the_base_fields_of_one_workspace() -> None:
    assert [*BASE_COLUMNS] == [name for name in BASE_FIELDS if name != "workspace_id"]

"""The closed lists of spec section 1, written out once more: a renamed value is a broken contract."""

from enum import StrEnum

import pytest

from rules import enums

SPEC = {
    enums.OperatorRole: "founder product_growth engineer",
    enums.DataMode: "mocked csv_upload connectors_stub",
    enums.CycleType: "sandbox production",
    enums.TargetEnvironment: "sandbox production",
    enums.CycleStatus: "draft active closed",
    enums.GoalType: "pmf_learning revenue margin market_share data_flywheel",
    enums.Stage: "learning scaling",
    enums.UnitType: "usage outcome quality_adjusted_outcome",
    enums.ExpectedImpact: "positive negative unknown",
    enums.EconomicsConfidence: "rough medium high",
    enums.CompletenessStatus: "green amber red",
    enums.ConfigStatus: "draft simulated approved active archived",
    enums.OverageBehavior: "allow_overage throttle hard_stop",
    enums.Action: "warn throttle block require_approval degrade_quality",
    enums.SimulationStatus: "queued running completed failed",
    enums.PricingMode: "use_unit_economics revenue_proxy_total revenue_proxy_commit",
    enums.HistoricalWindow: "30 60 90 120 mocked",
    enums.DecisionStatus: "active archived",
    enums.EnforcementEventType: "rail_warning_shown rail_throttle_applied hard_cap_blocked override_approved "
    "exploration_graduated quality_proxy_failed",
    enums.MetricType: "north_star lens",
    enums.AggregationType: "count sum distinct_count",
    enums.DiffType: "initial_activation update rollback",
    enums.TermsStart: "at_once next_period prorated",
    enums.PriceModel: "per_unit graduated volume package",
    enums.ChangePolicy: "at_next_period prorate",
}


@pytest.mark.parametrize("enum", SPEC, ids=lambda enum: enum.__name__)
def test_the_values_are_the_specification_s_in_its_order(enum: type[StrEnum]) -> None:
    assert [item.value for item in enum] == SPEC[enum].split()


def test_every_list_is_checked_here() -> None:
    defined = {item for item in vars(enums).values() if isinstance(item, type) and issubclass(item, StrEnum)}
    assert defined - {StrEnum} == set(SPEC)


def test_windows_are_day_counts_in_json_and_the_mocked_one_lasts_30_days() -> None:
    assert [window.json_value for window in enums.HistoricalWindow] == [30, 60, 90, 120, "mocked"]
    assert [window.days for window in enums.HistoricalWindow] == [30, 60, 90, 120, 30]

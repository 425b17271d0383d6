"""What the findings mean: the two gates, the pill, the next missing item, a run's blocking issues, a unit's colour."""

from dataclasses import replace

import pytest

from rules.draft import Aggregation, Draft, EventMapping, UnitEconomics, ValueUnit
from rules.gate import (
    blocking_issues_for_simulation,
    blocks_approval,
    blocks_simulation,
    completeness_pill,
    evaluate,
    next_missing_item,
)
from rules.value_units import value_unit_completeness
from tests.rules.lumina import (
    CANDIDATE,
    DRAFT_EXPORT,
    HD,
    with_cycle,
    with_mapping,
    with_rails,
    with_risk,
    with_run,
)

GATED = [
    (CANDIDATE, False, False, "green"),
    (with_risk("margin_floor_violated"), False, False, "green"),
    (with_rails(margin_floor=None), False, True, "amber"),
    (replace(CANDIDATE, simulation=None), False, True, "amber"),
    (with_cycle(goal_type=None), True, True, "red"),
    (Draft(), True, True, "red"),
]


@pytest.mark.parametrize(("draft", "simulation_held", "approval_held", "pill"), GATED)
def test_the_gates_and_the_pill_agree(draft: Draft, simulation_held: bool, approval_held: bool, pill: str) -> None:
    findings = evaluate(draft)
    assert blocks_simulation(findings) is simulation_held
    assert blocks_approval(findings) is approval_held
    assert completeness_pill(findings) == pill


def test_the_next_missing_item_is_the_first_that_blocks() -> None:
    item = next_missing_item(evaluate(replace(with_rails(margin_floor=None), simulation=None)))
    assert item is not None
    assert item.code == "rails_margin_floor_missing"


def test_the_simulation_gate_comes_before_the_approve_gate() -> None:
    item = next_missing_item(evaluate(replace(with_mapping(event_type=None), simulation=None)))
    assert item is not None
    assert item.code == "unit_event_mapping_missing"


def test_advice_is_never_the_next_missing_item() -> None:
    findings = evaluate(with_risk("margin_floor_violated"))
    assert len(findings) == 1
    assert next_missing_item(findings) is None


def test_a_run_does_not_list_itself_among_its_blocking_issues() -> None:
    gaps = replace(
        with_run(is_latest_completed=False, candidate_content_hash="old", lens_metric_ids=(), blocking_issues=("x",)),
        rails=replace(CANDIDATE.rails, margin_floor=None),
        config=replace(CANDIDATE.config, price_book_ref=None),
    )
    codes = [finding.code for finding in blocking_issues_for_simulation(evaluate(gaps))]
    assert codes == ["rails_margin_floor_missing", "price_book_ref_missing"]


@pytest.mark.parametrize("status", [None, "queued"])
def test_a_run_that_is_still_to_be_written_is_no_blocking_issue(status: str | None) -> None:
    draft = with_run(status=status) if status else replace(CANDIDATE, simulation=None)
    assert blocking_issues_for_simulation(evaluate(draft)) == ()


UNITS = [
    (HD, "green", ()),
    (DRAFT_EXPORT, "amber", ("quality_signal_source",)),
    (replace(HD, metrics_intent=()), "amber", ("metrics_intent",)),
    (replace(HD, unit_economics=replace(HD.unit_economics, target_margin=None)), "amber", ("unit_economics",)),
    (replace(HD, outcome_statement=""), "red", ("outcome_statement",)),
    (replace(HD, event_mapping=EventMapping()), "red", ("event_mapping",)),
    (replace(HD, event_mapping=replace(HD.event_mapping, aggregation=Aggregation())), "red", ("event_mapping",)),
    (
        ValueUnit(unit_economics=UnitEconomics(target_margin=0)),
        "red",
        ("event_mapping", "outcome_statement", "metrics_intent", "unit_economics", "quality_signal_source"),
    ),
]


@pytest.mark.parametrize(("unit", "status", "missing"), UNITS)
def test_a_unit_s_colour_follows_from_what_it_lacks(unit: ValueUnit, status: str, missing: tuple[str, ...]) -> None:
    completeness = value_unit_completeness(unit)
    assert (completeness.status, completeness.missing) == (status, missing)

"""The Navigator's questions and advice, and where each leads (spec 7)."""

from dataclasses import replace

from rules.draft import Config, Draft, Risk
from rules.gate import evaluate
from rules.navigator import (
    ADVISORY_ADVICE,
    EXPLORATION_QUESTIONS,
    QUESTIONS,
    RISK_ADVICE,
    RecommendedAction,
    open_questions,
    recommended_actions,
)
from rules.registry import ADVISORY, CODES
from tests.rules.lumina import (
    CANDIDATE,
    DRAFT_EXPORT,
    exploring,
    with_cycle,
    with_pool,
    with_rails,
    with_risk,
    with_run,
    with_unit,
)

CONFIG = "/configs/cfg_smb_learning_prod_v2_candidate"


def questions(draft: Draft) -> list[str]:
    return [question.question for question in open_questions(evaluate(draft), draft)]


def actions(draft: Draft) -> list[str]:
    return [action.text for action in recommended_actions(draft, evaluate(draft))]


def test_a_complete_draft_leaves_no_question_and_no_advice() -> None:
    assert questions(CANDIDATE) == []
    assert actions(CANDIDATE) == []


def test_a_question_leads_to_the_field_that_it_fills() -> None:
    draft = with_cycle(goal_type=None)
    (question,) = open_questions(evaluate(draft), draft)
    assert question.as_dict() == {
        "question": "What is this cycle for?",
        "field": "cycle.goal_type",
        "deep_link": "/cycles/new/north-star?cycle=cycle_2026_01_prod_90d#goal_type",
    }


def test_an_empty_draft_asks_five_questions_the_simulation_gate_first() -> None:
    draft = Draft(config=Config(target_environment="production"))
    asked = open_questions(evaluate(draft), draft)
    assert [question.field for question in asked] == [
        "cycle.goal_type",
        "cycle.primary_metrics",
        "value_unit_snapshot_version",
        "pools",
        "rails.monthly_spend_cap_usd",
    ]


def test_questions_about_a_unit_name_it() -> None:
    assert questions(with_unit(outcome_statement=None)) == ["What does the customer get from one “Usable HD minute”?"]


def test_each_missing_part_of_exploration_has_its_question() -> None:
    draft = exploring(stage="scaling", exploration_pool_id=None, qualifying_events=(), expires_after_days=None)
    assert questions(draft) == list(EXPLORATION_QUESTIONS.values())


def test_what_is_wrong_but_present_is_no_question() -> None:
    assert questions(with_cycle(cycle_type="sandbox", period_length_days=120)) == []
    assert questions(replace(exploring(expires_after_days=400), simulation=None)) == []


def test_a_violated_margin_floor_says_in_which_periods() -> None:
    draft = with_risk("margin_floor_violated", periods=(2,))
    assert recommended_actions(draft, evaluate(draft)) == (
        RecommendedAction(
            "margin_floor_violated",
            "raise the price or include less: the margin is below its floor in period 2",
            f"{CONFIG}/pools",
        ),
    )
    risks = tuple(Risk(code="margin_floor_violated", periods=(period,)) for period in (3, 1, 2))
    draft = with_run(risks=risks)
    assert actions(draft) == ["raise the price or include less: the margin is below its floor in periods 1, 2 and 3"]


def test_advice_for_a_version_that_cannot_be_edited_leads_to_its_fork() -> None:
    draft = with_risk("margin_floor_violated", periods=(2,))
    archived = replace(draft, config=replace(draft.config, status="archived"))
    (action,) = recommended_actions(archived, ())
    assert action.text.startswith("in a fork, raise the price or include less")
    assert action.deep_link == f"{CONFIG}/approve"


def test_a_unit_without_quality_signal_should_get_one_before_scaling() -> None:
    draft = replace(with_pool("vu_draft_export"), units=(*(CANDIDATE.units or ())[:2], DRAFT_EXPORT))
    sandbox = replace(draft, config=replace(draft.config, target_environment="sandbox"))
    assert actions(sandbox) == [
        "add a quality signal to “Draft export” before scaling",
        "price the unit of pool “New”, or make it an exploration pool",
    ]


def test_the_same_risk_twice_is_one_action_and_an_unknown_risk_none() -> None:
    twice = with_run(risks=(Risk(code="no_usage_in_window"), Risk(code="no_usage_in_window"), Risk(code="x"), Risk()))
    assert actions(twice) == ["simulate another window: this one has no usage"]


def test_gaps_are_questions_and_not_advice() -> None:
    assert actions(with_rails(margin_floor=None)) == []


def test_the_tables_name_only_codes_that_exist() -> None:
    assert set(QUESTIONS) <= set(CODES)
    assert set(ADVISORY_ADVICE) <= {rule.code for rule in ADVISORY}
    assert set(RISK_ADVICE) <= {
        "most_events_add_nothing",
        "margin_floor_violated",
        "spend_cap_exceeded",
        "cost_over_spend_cap",
        "retention_regressed",
        "no_usage_in_window",
        "usage_unmatched",
    }

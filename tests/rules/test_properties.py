"""What holds for every draft, however broken: Hypothesis builds them from all the fields a draft has."""

import json
import re
from dataclasses import replace
from enum import StrEnum
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rules.documents import value_unit_from_document
from rules.draft import (
    Aggregation,
    Catalogs,
    Config,
    Cycle,
    Draft,
    EventMapping,
    Exploration,
    MetricIntent,
    Pool,
    Rails,
    Risk,
    SimulationRun,
    UnitEconomics,
    UsageThreshold,
    ValueUnit,
    pooled_units,
)
from rules.enums import (
    Action,
    AggregationType,
    ConfigStatus,
    CycleType,
    EconomicsConfidence,
    GoalType,
    SimulationStatus,
    Stage,
    TargetEnvironment,
    UnitType,
)
from rules.finding import Gate
from rules.gate import blocks_approval, blocks_simulation, completeness_pill, evaluate, next_missing_item
from rules.navigator import open_questions, recommended_actions
from rules.registry import CODES

WORDS = st.sampled_from(["a", "b", "customer_id"]) | st.text(max_size=6)
IDS = st.none() | WORDS
NUMBERS = st.none() | st.integers(-(10**14), 10**14) | st.decimals(-(10**14), 10**14, places=12)
DAYS = st.none() | st.integers(-5, 400)
PERCENTS = st.sampled_from([70, 90, 100]) | NUMBERS


def tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


def one_of(enum: type[StrEnum]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([item.value for item in enum]) | IDS


MAPPINGS = st.builds(
    EventMapping,
    event_type=IDS,
    filters=st.dictionaries(WORDS, IDS | tuples(WORDS), max_size=3),
    aggregation=st.builds(Aggregation, type=one_of(AggregationType), field=IDS, minus=IDS),
)
ECONOMICS = st.builds(
    UnitEconomics,
    avg_cost_per_unit_usd=NUMBERS,
    target_price_per_unit_usd=NUMBERS,
    target_margin=NUMBERS,
    economics_confidence=one_of(EconomicsConfidence),
)
UNITS = st.builds(
    ValueUnit,
    value_unit_id=IDS,
    name=IDS,
    unit_type=one_of(UnitType),
    event_mapping=MAPPINGS,
    outcome_statement=IDS,
    metrics_intent=tuples(st.builds(MetricIntent, metric_id=IDS, expected_impact=IDS)),
    quality_signal_source=tuples(WORDS),
    unit_economics=ECONOMICS,
)
RUNS = st.builds(
    SimulationRun,
    simulation_run_id=IDS,
    status=one_of(SimulationStatus),
    is_latest_completed=st.booleans(),
    candidate_content_hash=IDS,
    baseline_config_version_id=IDS,
    primary_metric_ids=tuples(WORDS),
    lens_metric_ids=tuples(WORDS),
    blocking_issues=tuples(WORDS),
    risks=tuples(
        st.builds(
            Risk,
            code=IDS | st.sampled_from(["margin_floor_violated", "spend_cap_exceeded", "no_usage_in_window"]),
            detail=IDS,
            periods=tuples(st.integers(1, 4)),
        )
    ),
)
DRAFTS = st.builds(
    Draft,
    cycle=st.builds(
        Cycle,
        cycle_id=IDS,
        cycle_type=one_of(CycleType),
        period_length_days=DAYS,
        goal_type=one_of(GoalType),
        primary_metrics=tuples(WORDS),
    ),
    config=st.builds(
        Config,
        config_version_id=IDS,
        stage=one_of(Stage),
        target_environment=one_of(TargetEnvironment),
        status=one_of(ConfigStatus),
        value_unit_snapshot_version=DAYS,
        price_book_ref=IDS,
        metric_lenses=tuples(WORDS),
        content_hash=IDS,
    ),
    pools=tuples(st.builds(Pool, pool_id=IDS, value_unit_id=IDS, is_exploration_pool=st.booleans())),
    exploration=st.builds(
        Exploration,
        enabled=st.booleans(),
        exploration_pool_id=IDS,
        qualifying_events=tuples(WORDS),
        expires_after_days=DAYS,
        graduation_signal=IDS,
    ),
    rails=st.builds(
        Rails,
        usage_thresholds=tuples(st.builds(UsageThreshold, percent=PERCENTS, action=one_of(Action))),
        monthly_spend_cap_usd=NUMBERS,
        at_cap_action=one_of(Action),
        margin_floor=NUMBERS,
    ),
    units=st.none() | tuples(UNITS),
    catalogs=st.builds(
        Catalogs,
        events=st.dictionaries(WORDS, tuples(WORDS), max_size=3),
        metric_ids=tuples(WORDS),
        signal_ids=tuples(WORDS),
    ),
    simulation=st.none() | RUNS,
    active_config_version_id=IDS,
    requested_baseline_config_version_id=IDS,
)

ID = r"[^/?#]+"
SCREENS = (
    "/cycles/new/north-star",
    rf"/cycles/{ID}/value-units",
    rf"/cycles/{ID}/value-units/submit",
    rf"/cycles/{ID}/configs/new",
    rf"/configs/{ID}/(pools|exploration|rails|simulate|review|approve)",
)
ROUTE = re.compile(rf"({'|'.join(SCREENS)})(\?(cycle|unit|pool)={ID})?(#{ID})?")


@given(DRAFTS)
def test_every_finding_is_complete_and_its_link_is_a_route_of_the_product(draft: Draft) -> None:
    for finding in evaluate(draft):
        assert finding.code in CODES
        assert finding.message.strip()
        assert finding.field.strip()
        assert ROUTE.fullmatch(finding.deep_link), finding.deep_link


@given(DRAFTS)
def test_the_same_draft_gives_the_same_findings_in_the_specified_order(draft: Draft) -> None:
    findings = evaluate(draft)
    assert findings == evaluate(replace(draft))
    places = [CODES.index(finding.code) for finding in findings]
    assert places == sorted(places)


@given(DRAFTS)
def test_the_pill_the_gates_and_the_next_item_never_contradict_each_other(draft: Draft) -> None:
    findings = evaluate(draft)
    assert (completeness_pill(findings) == "red") is blocks_simulation(findings)
    assert (completeness_pill(findings) == "green") is not blocks_approval(findings)
    item = next_missing_item(findings)
    assert (item is not None) is blocks_approval(findings)
    assert (item is not None and item.gate is Gate.SIMULATE) is blocks_simulation(findings)


@given(DRAFTS)
def test_production_asks_for_everything_that_sandbox_asks_for(draft: Draft) -> None:
    sandbox, production = (
        set(evaluate(replace(draft, config=replace(draft.config, target_environment=environment))))
        for environment in TargetEnvironment
    )
    assert sandbox <= production


@given(DRAFTS)
def test_pooled_units_are_units_of_the_snapshot_each_once(draft: Draft) -> None:
    units = pooled_units(draft)
    assert len({unit.value_unit_id for unit in units}) == len(units)
    assert {unit.value_unit_id for unit in units} <= {pool.value_unit_id for pool in draft.pools}


@given(DRAFTS)
def test_the_navigator_asks_at_most_five_questions_one_per_field(draft: Draft) -> None:
    findings = evaluate(draft)
    questions = open_questions(findings, draft)
    assert len(questions) == len({question.field for question in questions}) <= 5
    assert {question.field for question in questions} <= {finding.field for finding in findings}
    actions = recommended_actions(draft, findings)
    assert len(actions) == len(set(actions))
    assert all(action.text and ROUTE.fullmatch(action.deep_link) for action in actions)


@given(DRAFTS)
def test_findings_questions_and_actions_are_plain_json(draft: Draft) -> None:
    findings = evaluate(draft)
    documents = [
        *(finding.as_dict() for finding in findings),
        *(question.as_dict() for question in open_questions(findings, draft)),
        *(action.as_dict() for action in recommended_actions(draft, findings)),
    ]
    for document in documents:
        assert json.loads(json.dumps(document)) == document


JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = (*ValueUnit.__dataclass_fields__, *UnitEconomics.__dataclass_fields__, "event_type", "filters", "aggregation")
UNIT_DOCUMENTS = st.dictionaries(
    st.sampled_from(FIELDS), JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3), max_size=6
)


@given(UNIT_DOCUMENTS)
def test_any_document_reads_as_a_value_unit_that_the_rules_can_judge(document: dict[str, Any]) -> None:
    unit = value_unit_from_document(document)
    pool = Pool(pool_id="pool", value_unit_id=unit.value_unit_id)
    evaluate(Draft(config=Config(target_environment="production"), pools=(pool,), units=(unit,)))

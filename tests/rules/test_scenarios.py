"""For each rule: one change to Lumina's complete draft that fires it."""

from dataclasses import replace

import pytest

from rules.draft import (
    DatasetChange,
    Draft,
)
from rules.finding import Finding, Gate
from rules.gate import evaluate
from rules.registry import CODES
from tests.rules.firing import (
    HELD_AT_ONCE,
    RERATED,
    Fires,
    hd_price,
    with_plan,
)
from tests.rules.firing_advice import ADVICE
from tests.rules.firing_approval import APPROVAL
from tests.rules.firing_simulation import SIMULATION
from tests.rules.lumina import (
    CANDIDATE,
    with_config,
    with_free_unit,
    with_run,
)

FIRING = (*SIMULATION, *APPROVAL, *ADVICE)

# What else the change brings, because the same gap is two rules' business.
TOGETHER = {
    "unit_metrics_intent_missing": {"metrics_intent_partial"},
}


def test_a_dataset_that_has_not_moved_or_of_which_nothing_is_known_is_no_finding() -> None:
    for status in ("unchanged", "fixed", "unknown"):
        assert evaluate(with_run(dataset_change=DatasetChange(status=status))) == ()


def test_a_plan_that_holds_is_no_finding_and_a_price_of_nothing_is_a_gift() -> None:
    held = with_plan(platform_fee_usd=650, overrides=[{"customer_id": "cust_1", "included_quantity": {"pool_core": 9}}])
    assert evaluate(held) == ()
    (finding,) = evaluate(with_plan(unit_prices=[hd_price(0)]))
    assert (finding.code, finding.field) == ("pool_price_zero", "pools.pool_core.value_unit_id")


def test_a_commit_that_is_not_billed_leaves_the_cap_alone() -> None:
    assert evaluate(with_plan(minimum_commit_usd=1000, true_up=False)) == ()


def test_a_plan_prices_a_unit_that_has_no_price_of_its_own() -> None:
    free = with_free_unit(is_exploration_pool=False)
    assert [finding.code for finding in evaluate(free)] == ["pool_price_zero"]
    priced = replace(free, price_plan={"unit_prices": [hd_price(1, value_unit_id=free.pools[-1].value_unit_id)]})
    assert evaluate(priced) == ()


def test_a_change_policy_that_was_followed_is_no_advice() -> None:
    assert evaluate(replace(CANDIDATE, terms_choice=replace(HELD_AT_ONCE, chosen="next_period"))) == ()


def test_a_version_that_took_effect_in_the_running_period_says_so_of_the_past() -> None:
    active = with_config(status="active")
    draft = replace(active, active_config_version_id=active.config.config_version_id, running_period=RERATED)
    (finding,) = findings_of("running_period_rerated", draft)
    assert "took effect within the period" in finding.message
    assert "The next version can let its terms start with each customer's next period." in finding.message


def findings_of(code: str, draft: Draft) -> list[Finding]:
    return [finding for finding in evaluate(draft) if finding.code == code]


def test_lumina_s_complete_candidate_has_no_finding() -> None:
    assert evaluate(CANDIDATE) == ()


@pytest.mark.parametrize("case", FIRING, ids=lambda case: f"{case.code}:{case.field}")
def test_one_gap_gives_its_code_its_field_and_its_link(case: Fires) -> None:
    (finding,) = findings_of(case.code, case.draft)
    assert (finding.field, finding.deep_link) == (case.field, case.deep_link)
    assert all(words in finding.message for words in case.says), finding.message


@pytest.mark.parametrize("case", FIRING, ids=lambda case: f"{case.code}:{case.field}")
def test_one_gap_gives_no_other_finding(case: Fires) -> None:
    codes = {finding.code for finding in evaluate(case.draft)}
    assert codes == {case.code} | TOGETHER.get(case.code, set())


def test_every_rule_has_a_scenario_that_fires_it() -> None:
    assert {case.code for case in FIRING} == set(CODES)


PRODUCTION_ONLY = {
    case.code: case
    for case in FIRING
    if case.code.startswith(("cycle_type", "cycle_period", "rails", "price_book", "exploration_incomplete", "unit_"))
    and not case.code.startswith(("unit_event_mapping", "unit_economics_missing"))
}


@pytest.mark.parametrize("case", PRODUCTION_ONLY.values(), ids=lambda case: case.code)
def test_sandbox_does_not_wait_for_the_production_gate(case: Fires) -> None:
    draft = replace(case.draft, config=replace(case.draft.config, target_environment="sandbox"))
    assert all(finding.gate is Gate.ADVISORY for finding in evaluate(draft))

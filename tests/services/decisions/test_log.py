"""The decision log: which decisions it finds, in which order, and what it says of each (spec 6)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from app.errors import NotFound
from app.models.base import AnySession
from app.models.transactions import write
from app.services.decisions.log import chosen, detail, ordering, page_of_decisions, preview, summaries
from simulation.canonical import Json, JsonObject
from tests import factories as f
from tests.present import present
from tests.services.decided import decide, figures, roll_back


def ids(
    session: AnySession,
    filters: Mapping[str, object] | None = None,
    sort: str = "newest",
    limit: int = 50,
    after: list[Json] | None = None,
) -> list[str]:
    rows, _ = page_of_decisions(session, filters or {}, ordering(session, sort), after, limit)
    return [row.decision_id for row in rows]


# Finding decisions


def test_the_newest_decision_comes_first(log: AnySession) -> None:
    assert ids(log) == ["dec_4", "dec_3", "dec_2", "dec_1"]


def test_the_least_margin_above_the_floor_is_the_greatest_risk(log: AnySession) -> None:
    assert ids(log, sort="margin_risk") == ["dec_2", "dec_3", "dec_1", "dec_4"]


def test_the_floor_counts_not_the_margin_alone(empty: AnySession) -> None:
    with write(empty):
        decide(empty, "cfg_1", later=0, outputs=figures("0.7", None, None))
        decide(
            empty,
            "cfg_2",
            later=1,
            outputs=figures("0.6", None, None),
            rails=f.RAILS | {"margin_floor": Decimal("0.1")},
        )
    assert ids(empty, sort="margin_risk") == ["dec_1", "dec_2"]


def test_the_largest_gain_of_retention_or_exploration_comes_first_and_the_unknown_last(log: AnySession) -> None:
    assert ids(log, sort="retention_delta") == ["dec_3", "dec_1", "dec_2", "dec_4"]
    assert ids(log, sort="exploration_delta") == ["dec_3", "dec_1", "dec_4", "dec_2"]


@pytest.mark.parametrize("sort", ["newest", "margin_risk", "retention_delta", "exploration_delta"])
def test_pages_of_every_order_show_each_decision_once(log: AnySession, sort: str) -> None:
    order, after, seen = ordering(log, sort), None, []
    for _ in range(4):
        rows, after = page_of_decisions(log, {}, order, after, 1)
        seen += [row.decision_id for row in rows]
    assert after is None
    assert seen == ids(log, sort=sort)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"workspace_id": "ws_1", "segment": "enterprise"}, {"dec_4"}),
        ({"workspace_id": "ws_other"}, set()),
        ({"stage": "scaling"}, set()),
        ({"target_environment": "production", "status": "archived"}, {"dec_1", "dec_2"}),
        ({"goal_type": "pmf_learning"}, {"dec_1", "dec_2", "dec_3", "dec_4"}),
        ({"goal_type": "revenue"}, set()),
        ({"since": f.NOW + timedelta(seconds=10), "until": f.NOW + timedelta(seconds=30)}, {"dec_2", "dec_3"}),
        ({"q": "to learn"}, {"dec_1"}),
        ({"q": "kim"}, {"dec_3"}),
        ({"q": "cfo"}, {"dec_3"}),
        ({"q": "ENTERPRISE"}, {"dec_4"}),
        ({"q": "cfg_2"}, {"dec_2", "dec_3"}),
        ({"q": "SIM_CFG_4"}, {"dec_4"}),
        ({"q": "100%"}, set()),
        ({"q": "_____________________________"}, set()),
    ],
)
def test_decisions_are_found_by_what_they_say(
    log: AnySession, filters: dict[str, str | datetime], expected: set[str]
) -> None:
    assert {row.decision_id for row in log.scalars(chosen(filters))} == expected


# What the log says of a decision


def said(session: AnySession, decision_id: str) -> JsonObject:
    rows, _ = page_of_decisions(session, {}, ordering(session, "newest"), None, 50)
    found = {summary.decision.decision_id: summary.as_dict() for summary in summaries(session, rows)}
    return found[decision_id]


def test_outcomes_tell_how_a_decision_ended(log: AnySession) -> None:
    pills = {name: said(log, name)["outcome_pill"] for name in ("dec_1", "dec_2", "dec_3", "dec_4")}
    assert pills == {"dec_1": "archived", "dec_2": "rolled_back", "dec_3": "active", "dec_4": "active"}


def test_a_decision_for_later_is_scheduled(empty: AnySession) -> None:
    with write(empty):
        decide(empty, "cfg_1", later=0, effective_at=f.NOW + timedelta(days=1))
    assert said(empty, "dec_1")["outcome_pill"] == "scheduled"


def test_rolling_forward_again_rolls_back_the_rollback(log: AnySession) -> None:
    with write(log):
        roll_back(log, "cfg_2", later=60, decision_id="dec_5")
    pills = {name: said(log, name)["outcome_pill"] for name in ("dec_1", "dec_2", "dec_3", "dec_5")}
    assert pills == {"dec_1": "archived", "dec_2": "rolled_back", "dec_3": "rolled_back", "dec_5": "active"}


def test_a_summary_names_each_risk_once_and_every_delta(empty: AnySession) -> None:
    risks = [{"code": "margin_floor_violated", "period_index": 0}, {"code": "margin_floor_violated", "period_index": 1}]
    with write(empty):
        decide(empty, "cfg_1", later=0, outputs=f.outputs(risks=[*risks, {"code": "pool_price_zero"}]))
    summary = said(empty, "dec_1")
    assert summary["risk_pills"] == ["margin_floor_violated", "pool_price_zero"]
    assert summary["sim_deltas"] == {
        "revenue_usd": 100,
        "cost_usd": 20,
        "margin": Decimal("0.02"),
        "gross_margin": Decimal("0.02"),
        "paid_engagement_retention_90d": Decimal("-0.01"),
        "exploration_depth": 3,
    }
    assert (summary["goal_type"], summary["diff_type"]) == ("pmf_learning", "initial_activation")


@pytest.mark.parametrize(
    ("rationale", "expected"),
    [
        ("It holds.", "It holds."),
        ("two\n\nlines  and spaces", "two lines and spaces"),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 119 + "…"),
        ("x" * 118 + " yyy", "x" * 118 + "…"),
    ],
)
def test_a_preview_is_one_line_of_at_most_120_characters(rationale: str, expected: str) -> None:
    assert preview(rationale) == expected


# One decision


def test_the_detail_has_every_record_that_the_decision_stands_on(log: AnySession) -> None:
    found = detail(log, "dec_2")
    assert (found.config.config_version_id, found.cycle.cycle_id) == ("cfg_2", "cycle_1")
    assert (found.run.simulation_run_id, found.patch.config_version_id) == ("sim_cfg_2", "cfg_2")
    assert present(found.snapshot).snapshot_version == 1


def test_completeness_is_told_for_each_unit_of_the_snapshot(empty: AnySession) -> None:
    with write(empty):
        f.snapshot(empty, f.CYCLE, f.HD_MINUTE | {"value_unit_id": "vu_rough", "quality_signal_source": []})
        decide(empty, "cfg_1", later=0)
    assert detail(empty, "dec_1").completeness == {
        "vu_draft_export": {"status": "green", "missing": []},
        "vu_hd_minute": {"status": "green", "missing": []},
        "vu_rough": {"status": "amber", "missing": ["quality_signal_source"]},
    }


def test_an_unknown_decision_is_not_found(session: AnySession) -> None:
    with pytest.raises(NotFound):
        detail(session, "dec_none")

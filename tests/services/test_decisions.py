"""The decision log: which decisions it finds, in which order, what it says of each, and what comes of them (spec 6)."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from app.errors import AvsError, Invalid, NotFound
from app.models.config_version import ConfigVersion
from app.models.cycle import CycleDraftContext
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services import activation, config_drafts, decision_compare
from app.services.decision_fork import Target, fork
from app.services.decisions import chosen, detail, ordering, page_of_decisions, preview, summaries
from app.services.navigator import navigate
from app.services.snapshots import get_config
from tests import factories as f


def decide(session, config_version_id, *, later, outputs=None, rationale="It holds.", decision_id=None, **changes):
    """A config simulated with the outputs and approved `later` seconds after NOW, by decision `dec_<number>`."""
    effective_at = changes.pop("effective_at", None)
    row = f.config(session, config_version_id, **changes)
    f.run(session, row, outputs=outputs or f.outputs())
    return activation.approve(
        session,
        config_version_id,
        f"sim_{config_version_id}",
        activation.Approval("Theresa", "CEO", rationale, effective_at),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
        decision_id=decision_id or config_version_id.replace("cfg", "dec"),
    )


def roll_back(session, config_version_id, *, later, decision_id):
    return activation.rollback(
        session,
        config_version_id,
        activation.Approval("Kim", "CFO", "Customers objected."),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
        decision_id=decision_id,
    )


@pytest.fixture
def empty(session):
    with write(session):
        f.foundation(session)
    return session


def figures(margin, retention, exploration):
    """Outputs with a margin, and deltas that may be null."""

    def row(delta):
        return {"candidate": 1, "baseline": None, "delta": None if delta is None else Decimal(delta)}

    economics = {"candidate": {"revenue_usd": 1, "cost_usd": 1, "margin": Decimal(margin)}}
    metrics = {"paid_engagement_retention_90d": row(retention), "exploration_depth": row(exploration)}
    return f.outputs(economics=economics, metrics=metrics)


@pytest.fixture
def log(empty):
    """Four decisions: three for smb (the second scheduled away by a rollback to the first), one for enterprise."""
    with write(empty):
        decide(empty, "cfg_1", later=0, outputs=figures("0.7", "0.02", "5"), rationale="First, to LEARN.")
        decide(empty, "cfg_2", later=10, outputs=figures("0.5", "-0.03", None))
        roll_back(empty, "cfg_1", later=20, decision_id="dec_3")
        decide(empty, "cfg_4", later=30, outputs=figures("0.9", None, "-2"), segment="enterprise")
    return empty


def ids(session, filters=None, sort="newest", limit=50, after=None):
    rows, _ = page_of_decisions(session, filters or {}, ordering(session, sort), after, limit)
    return [row.decision_id for row in rows]


# Finding decisions


def test_the_newest_decision_comes_first(log):
    assert ids(log) == ["dec_4", "dec_3", "dec_2", "dec_1"]


def test_the_least_margin_above_the_floor_is_the_greatest_risk(log):
    assert ids(log, sort="margin_risk") == ["dec_2", "dec_3", "dec_1", "dec_4"]


def test_the_floor_counts_not_the_margin_alone(empty):
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


def test_the_largest_gain_of_retention_or_exploration_comes_first_and_the_unknown_last(log):
    assert ids(log, sort="retention_delta") == ["dec_3", "dec_1", "dec_2", "dec_4"]
    assert ids(log, sort="exploration_delta") == ["dec_3", "dec_1", "dec_4", "dec_2"]


@pytest.mark.parametrize("sort", ["newest", "margin_risk", "retention_delta", "exploration_delta"])
def test_pages_of_every_order_show_each_decision_once(log, sort):
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
def test_decisions_are_found_by_what_they_say(log, filters, expected):
    assert {row.decision_id for row in log.scalars(chosen(filters))} == expected


# What the log says of a decision


def said(session, decision_id):
    rows, _ = page_of_decisions(session, {}, ordering(session, "newest"), None, 50)
    found = {summary.decision.decision_id: summary.as_dict() for summary in summaries(session, rows)}
    return found[decision_id]


def test_outcomes_tell_how_a_decision_ended(log):
    pills = {name: said(log, name)["outcome_pill"] for name in ("dec_1", "dec_2", "dec_3", "dec_4")}
    assert pills == {"dec_1": "archived", "dec_2": "rolled_back", "dec_3": "active", "dec_4": "active"}


def test_a_decision_for_later_is_scheduled(empty):
    with write(empty):
        decide(empty, "cfg_1", later=0, effective_at=f.NOW + timedelta(days=1))
    assert said(empty, "dec_1")["outcome_pill"] == "scheduled"


def test_rolling_forward_again_rolls_back_the_rollback(log):
    with write(log):
        roll_back(log, "cfg_2", later=60, decision_id="dec_5")
    pills = {name: said(log, name)["outcome_pill"] for name in ("dec_1", "dec_2", "dec_3", "dec_5")}
    assert pills == {"dec_1": "archived", "dec_2": "rolled_back", "dec_3": "rolled_back", "dec_5": "active"}


def test_a_summary_names_each_risk_once_and_every_delta(empty):
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
def test_a_preview_is_one_line_of_at_most_120_characters(rationale, expected):
    assert preview(rationale) == expected


# One decision


def test_the_detail_has_every_record_that_the_decision_stands_on(log):
    found = detail(log, "dec_2")
    assert (found.config.config_version_id, found.cycle.cycle_id) == ("cfg_2", "cycle_1")
    assert (found.run.simulation_run_id, found.patch.config_version_id) == ("sim_cfg_2", "cfg_2")
    assert found.snapshot.snapshot_version == 1


def test_completeness_is_told_for_each_unit_of_the_snapshot(empty):
    with write(empty):
        f.snapshot(empty, f.CYCLE, f.HD_MINUTE | {"value_unit_id": "vu_rough", "quality_signal_source": []})
        decide(empty, "cfg_1", later=0)
    assert detail(empty, "dec_1").completeness == {
        "vu_draft_export": {"status": "green", "missing": []},
        "vu_hd_minute": {"status": "green", "missing": []},
        "vu_rough": {"status": "amber", "missing": ["quality_signal_source"]},
    }


def test_an_unknown_decision_is_not_found(session):
    with pytest.raises(NotFound):
        detail(session, "dec_none")


# Two decisions


def test_comparison_marks_what_differs_and_shows_both_values(empty):
    with write(empty):
        a = decide(empty, "cfg_1", later=0)
        pools = [f.CORE | {"included_quantity": Decimal(400)}]
        b = decide(empty, "cfg_2", later=10, pools=pools, exploration={"enabled": False})
    tables = decision_compare.diff_tables(empty, a, b)
    changed = {(name, row["item"], row["field"]) for name, rows in tables.items() for row in rows if row["changed"]}
    assert ("pools", "pool_core", "included_quantity") in changed
    assert ("pools", "pool_core", "label") not in changed
    assert ("exploration", "exploration", "enabled") in changed
    quantities = next(row for row in tables["pools"] if row["field"] == "included_quantity")
    assert (quantities["a"], quantities["b"]) == (300, 400)
    gone = next(row for row in tables["pools"] if (row["item"], row["field"]) == ("pool_exploration", "label"))
    assert (gone["a"], gone["b"]) == ("Exploration", None)
    rails = {row["field"] for row in tables["rails"]}
    assert {"usage_thresholds.70", "usage_thresholds.100", "margin_floor"} <= rails
    assert not any(row["changed"] for row in tables["rails"])
    assert {row["item"] for row in tables["unit_economics"]} == {"vu_draft_export", "vu_hd_minute"}


def test_comparison_of_simulations_subtracts_where_both_have_a_value(log):
    a, b = decision_compare.compared(log, "dec_1", "dec_2")
    rows = {row["metric_id"]: row for row in decision_compare.simulation_comparison(a, b)}
    assert rows["margin"]["difference"] == Decimal("-0.2")
    assert rows["revenue_usd"] == {"metric_id": "revenue_usd", "a": 1, "b": 1, "difference": 0}


def test_decisions_of_two_workspaces_are_not_compared(empty):
    with write(empty):
        decide(empty, "cfg_1", later=0)
        f.workspace(empty, "ws_2")
        f.cycle(empty, "cycle_2", workspace_id="ws_2")
        unit = f.HD_MINUTE | {"value_unit_id": "vu_other"}
        f.snapshot(empty, "cycle_2", unit)
        pools = [f.CORE | {"value_unit_id": "vu_other"}]
        decide(
            empty,
            "cfg_2",
            later=1,
            workspace_id="ws_2",
            cycle_id="cycle_2",
            pools=pools,
            exploration={"enabled": False},
        )
    with pytest.raises(AvsError) as refusal:
        decision_compare.compared(empty, "dec_1", "dec_2")
    assert refusal.value.errors[0].pointer == "decision_id_b"


# Fork


def forked(session, decision_id="dec_1", **target):
    with write(session):
        to = Target(**{"cycle_id": f.CYCLE, "target_environment": "production"} | target)
        return fork(session, decision_id, to, actor=f.OPERATOR, now=f.NOW)


def test_a_fork_is_a_draft_with_everything_that_the_source_enforces(log):
    new, source = forked(log), get_config(log, "cfg_1")
    assert (new.status, new.version) == ("draft", 3)
    assert new.baseline_config_version_id == "cfg_1"
    assert new.content_hash == source.content_hash
    assert new.value_unit_snapshot_version == source.value_unit_snapshot_version


def test_a_fork_can_go_to_another_segment_stage_and_environment(log):
    new = forked(log, segment="enterprise", stage="scaling", target_environment="sandbox")
    assert new.subject_resolution == {
        "workspace_id": "ws_1",
        "segment": "enterprise",
        "stage": "scaling",
        "target_environment": "sandbox",
    }
    assert new.exploration.enabled  # the source's, not the stage's default


def test_editing_a_fork_leaves_the_source_alone(log):
    new, before = forked(log), get_config(log, "cfg_1").content_hash
    with write(log):
        config_drafts.delete_pool(log, new.config_version_id, "pool_core", actor=f.OPERATOR, now=f.NOW)
    assert get_config(log, "cfg_1").content_hash == before
    assert len(get_config(log, "cfg_1").pools) == 2


def test_a_fork_keeps_its_snapshot_in_the_same_cycle_although_there_is_a_newer_one(log):
    with write(log):
        f.snapshot(log, f.CYCLE, f.HD_MINUTE | {"value_unit_id": "vu_more"})
    assert forked(log).value_unit_snapshot_version == 1


@pytest.fixture
def next_cycle(log):
    """cycle_2 has units of the same names under ids of its own."""
    with write(log):
        f.cycle(log, "cycle_2")
        units = [unit | {"value_unit_id": unit["value_unit_id"] + "_q2"} for unit in (f.HD_MINUTE, f.DRAFT_EXPORT)]
        f.snapshot(log, "cycle_2", *units)
    return log


def test_in_the_next_cycle_pools_count_the_units_of_the_same_name(next_cycle):
    new = forked(next_cycle, cycle_id="cycle_2")
    assert [pool.value_unit_id for pool in new.pools] == ["vu_hd_minute_q2", "vu_draft_export_q2"]
    assert (new.cycle_id, new.value_unit_snapshot_version) == ("cycle_2", 1)


def test_a_pool_whose_unit_the_target_cycle_lacks_is_named(log):
    with write(log):
        f.cycle(log, "cycle_2")
        f.snapshot(log, "cycle_2", f.HD_MINUTE | {"value_unit_id": "vu_hd_q2"})
    count = log.scalar(sa.select(sa.func.count()).select_from(ConfigVersion))
    with pytest.raises(Invalid) as refusal:
        forked(log, cycle_id="cycle_2")
    assert [error.code for error in refusal.value.errors] == ["pool_value_unit_unknown"]
    assert "pool_exploration" in refusal.value.detail
    assert log.scalar(sa.select(sa.func.count()).select_from(ConfigVersion)) == count


def test_two_units_of_one_name_are_not_guessed_between(next_cycle):
    with write(next_cycle):
        f.snapshot(next_cycle, "cycle_2", f.HD_MINUTE | {"value_unit_id": "vu_twin"})
    with pytest.raises(Invalid):
        forked(next_cycle, cycle_id="cycle_2")


def test_a_fork_into_another_workspaces_cycle_is_refused(log):
    with write(log):
        f.workspace(log, "ws_2")
        f.cycle(log, "cycle_ws_2", workspace_id="ws_2")
    with pytest.raises(Invalid) as refusal:
        forked(log, cycle_id="cycle_ws_2")
    assert refusal.value.errors[0].pointer == "/cycle_id"


def test_a_fork_is_in_the_product_event_log(log):
    new = forked(log)
    row = log.scalars(sa.select(ProductEvent).filter_by(event_name="decision_forked")).one()
    assert (row.entity_id, row.detail) == ("dec_1", {"config_version_id": new.config_version_id})


def test_a_fork_can_be_approved_and_replaces_its_baseline(log):
    new = forked(log)
    with write(log):
        f.run(log, get_config(log, new.config_version_id), "sim_fork")
        decision = activation.approve(
            log,
            new.config_version_id,
            "sim_fork",
            f.APPROVAL,
            actor=f.OPERATOR,
            now=f.NOW + timedelta(seconds=90),
            baseline_config_version_id="cfg_1",
        )
    assert decision.diff["changes"] == []


# The Navigator


def test_the_navigator_of_a_complete_config_asks_nothing(log):
    panel = navigate(log, get_config(log, "cfg_1")).as_dict()
    assert panel["open_questions"] == []
    assert panel["completeness"]["pill"] == "green"


def test_the_navigator_asks_at_most_five_questions_and_names_what_is_missing_next(empty):
    with write(empty):
        f.config(empty, "cfg_bare", rails={"usage_thresholds": []}, price_book_ref=None, exploration={"enabled": False})
    panel = navigate(empty, get_config(empty, "cfg_bare"))
    assert len(panel.open_questions) == 5
    assert panel.completeness["next_missing_item"]["code"] == "rails_monthly_spend_cap_missing"


def test_the_navigator_shows_the_cards_of_the_cycles_documents_newest_first(log):
    with write(log):
        for number in (1, 2):
            log.add(
                CycleDraftContext(
                    cycle_draft_context_id=f"ctx_{number}",
                    workspace_id="ws_1",
                    cycle_id="cycle_1",
                    extracted_cards=[{"title": f"Card {number}"}],
                    created_at=f.NOW + timedelta(seconds=number),
                )
            )
    panel = navigate(log, get_config(log, "cfg_1"))
    assert [card["title"] for card in panel.extracted_cards] == ["Card 2", "Card 1"]


def test_the_navigator_recommends_what_the_run_suggests(empty):
    risk = {"code": "margin_floor_violated", "detail": "Period 2 …", "period_index": 1}
    with write(empty):
        f.run(empty, f.config(empty), outputs=f.outputs(risks=[risk]))
    (action,) = navigate(empty, get_config(empty, "cfg_1")).recommended_actions
    assert action.text == "tighten rails: margin_floor violated in period 2"

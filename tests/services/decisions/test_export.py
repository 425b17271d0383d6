"""A decision and a comparison as documents: nothing is left out, nothing breaks a table, figures keep their meaning."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.models.base import AnySession, db
from app.models.transactions import write
from app.services.decisions import activation
from app.services.decisions.export import (
    comparison_document,
    comparison_markdown,
    decision_document,
    decision_markdown,
    table,
)
from app.services.decisions.figures import figure_rows, simulated
from app.services.decisions.next_actions import next_actions
from app.services.evidence.comparison import Comparison, Evidence
from rules.navigator import RecommendedAction
from simulation.canonical import JsonObject, canonical_bytes, parse_exact
from tests import factories as f

LATER = f.NOW + timedelta(days=1)


@pytest.fixture
def decided(sqlite_app: Flask) -> AnySession:
    """dec_1 approved in two lines of rationale, then replaced by dec_2, which includes more."""
    with write(db.session):
        f.foundation(db.session)
        _decide("cfg_1", "First line.\nSecond | line.", 0)
        _decide("cfg_2", "More.", 10, pools=[f.CORE | {"included_quantity": Decimal(500)}, f.EXPLORATION_POOL])
    return db.session


def _decide(config_version_id: str, rationale: str, later: int, **changes: Any) -> None:
    f.simulated(db.session, config_version_id, **changes)
    activation.approve(
        db.session,
        config_version_id,
        f"sim_{config_version_id}",
        activation.Approval("Theresa", "CEO", rationale),
        actor=f.OPERATOR,
        now=f.NOW + timedelta(seconds=later),
        decision_id=config_version_id.replace("cfg", "dec"),
    )


def test_the_document_holds_every_record_that_the_decision_stands_on(decided: AnySession) -> None:
    document = decision_document(decided, "dec_2", now=LATER)
    assert document["decision_record"]["baseline_config_version_id"] == "cfg_1"
    assert document["outcome_pill"] == "active"
    assert document["changes_in_words"] == ["Core pool: included 300 → 500 per customer and 30 days"]
    assert document["config_version"]["content"]["pools"][0]["included_quantity"] == 500
    assert document["cycle"]["cycle_name"] == "First quarter"
    assert document["simulation_run"]["outputs"]["economics"]["candidate"]["margin"] == Decimal("0.7")
    assert document["billing_patch"]["config_version_id"] == "cfg_2"
    assert document["value_unit_snapshot"]["completeness"]["vu_hd_minute"]["status"] == "green"
    assert len(document["evidence"]["by_event_type"]) == 6


def test_the_document_survives_being_written_as_json(decided: AnySession) -> None:
    document = decision_document(decided, "dec_1", now=LATER)
    again = parse_exact(canonical_bytes(document))
    assert again["decision_record"]["created_at"] == "2026-01-15T00:00:00Z"
    assert canonical_bytes(again) == canonical_bytes(document)


def test_the_page_reads_from_reason_to_prices(decided: AnySession) -> None:
    text = decision_markdown(decision_document(decided, "dec_1", now=LATER))
    heads = [line for line in text.splitlines() if line.startswith("#")]
    assert heads == [
        "# Decision dec_1",
        "## Rationale",
        "## What changed",
        "## What the simulation said",
        "## What came back",
        "## Value units",
        "## Billing patch",
    ]
    assert "> First line.\n> Second | line." in text
    assert "| Outcome | archived |" in text
    assert "Against nothing, the first version of its subject." in text
    assert "| revenue | $500.00 | $600.00 | +$100.00 |" in text
    assert "| Usable HD minute | vu_hd_minute | green | nothing |" in text
    assert "| usd_2026_01_default | meter_hd_minute | $0.60 |" in text


def test_a_comparison_shows_only_what_differs_and_names_the_better_side(decided: AnySession) -> None:
    text = comparison_markdown(comparison_document(decided, "dec_1", "dec_2", now=f.NOW))
    assert text.startswith("# dec_1 and dec_2\n")
    assert "| pool_core | included | 300 | 500 |" in text
    assert "| Outcome | archived | active |" in text
    assert text.count("No difference.") == 3
    assert "> Second | line." in text


cells = st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=2, max_size=2)


@given(st.lists(cells, max_size=4))
def test_no_cell_breaks_out_of_its_table(rows: list[list[str]]) -> None:
    lines = list(table(("One", "Two"), rows))
    assert len(lines) == 2 + len(rows)
    for line in lines:
        assert "\n" not in line
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


# Figures


def pair(name: str, a: Decimal | int | None, b: Decimal | int | None) -> JsonObject:
    return {"metric_id": name, "a": a, "b": b}


def test_a_margin_without_revenue_is_no_figure_to_compare() -> None:
    revenue, margin = figure_rows([pair("revenue_usd", 0, Decimal(6)), pair("margin", Decimal(-182), Decimal("0.7"))])
    assert (revenue.a, revenue.better) == ("$0.00", "b")
    assert (margin.a, margin.b, margin.difference, margin.better) == ("no revenue", "70 %", "", None)


@pytest.mark.parametrize(
    ("name", "a", "b", "better"),
    [
        ("cost_usd", 2, 1, "b"),
        ("monthly_churn_rate", Decimal("0.1"), Decimal("0.2"), "a"),
        ("exploration_depth", 1, 2, None),
        ("revenue_usd", 2, 2, None),
        ("revenue_usd", None, 2, None),
    ],
)
def test_the_better_side_depends_on_what_the_figure_means(
    name: str, a: Decimal | int | None, b: Decimal | int, better: str | None
) -> None:
    assert figure_rows([pair(name, a, b)])[0].better == better


def test_a_run_without_a_baseline_shows_its_candidate_alone() -> None:
    rows = simulated({"economics": {"candidate": {"revenue_usd": 6, "cost_usd": 1, "margin": Decimal("0.62795")}}})
    assert [(row.a, row.b, row.difference) for row in rows] == [
        ("not measured", "$6.00", ""),
        ("not measured", "$1.00", ""),
        ("not measured", "62.8 %", ""),
    ]


# What to do next


def seen(*rows: Comparison, observed_days: int = 0, events: int = 0) -> Evidence:
    return Evidence("cfg_1", "sim_1", f.NOW, observed_days, 30, events, rows, (), "")


def row(event_type: str, verdict: str, customers: int, forecast: int) -> Comparison:
    return Comparison(event_type, customers, customers, customers, forecast, None, verdict, "")


ADVICE = [RecommendedAction("margin_floor_violated", "tighten rails", "/configs/cfg_1/rails#margin_floor")]


def test_surprises_of_one_direction_are_one_action_and_come_first() -> None:
    rows = (
        row("rail_warning_shown", "more_than_forecast", 96, 35),
        row("hard_cap_blocked", "more_than_forecast", 9, 2),
    )
    first, *_ = next_actions("active", "cfg_1", seen(*rows, events=2), ADVICE)
    assert first.text == (
        "find out what the app counts before trusting the next simulation: rail warning shown (96 customers instead "
        "of 35) and hard cap blocked (9 customers instead of 2)"
    )


@pytest.mark.parametrize(
    ("outcome", "evidence", "codes"),
    [
        ("active", seen(), ["no_evidence", "margin_floor_violated"]),
        ("active", seen(observed_days=30, events=1), ["forecast_passed", "margin_floor_violated"]),
        ("active", seen(observed_days=29, events=1), ["margin_floor_violated"]),
        ("scheduled", seen(), ["scheduled"]),
        ("rolled_back", seen(events=1), ["rolled_back"]),
        ("archived", seen(events=1), ["archived"]),
    ],
)
def test_what_to_do_next_follows_from_how_the_decision_stands(
    outcome: str, evidence: Evidence, codes: list[str]
) -> None:
    assert [action.code for action in next_actions(outcome, "cfg_1", evidence, ADVICE)] == codes

"""Flow 6C: two decisions side by side, the winner forked, the summary taken along."""

from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import viewing
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.product_event import ProductEvent
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from simulation.canonical import parse_exact
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import sent, text_of
from tests.admin_views.screens.decisions.test_decision_log import decide
from tests.present import present

URL = "/decision-log/compare"
BOTH = f"{URL}?left=dec_1&right=dec_2"


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """dec_2 includes more, earns less and keeps more customers than dec_1."""
    with write(db.session):
        f.foundation(db.session)
        decide("cfg_1", 0, "Sell every minute.")
        decide("cfg_2", 10, "Include | more.", pools=[f.CORE | {"included_quantity": 500}, f.EXPLORATION_POOL])
        run = present(db.session.scalar(sa.select(SimulationRun).filter_by(candidate_config_version_id="cfg_2")))
        money = {"revenue_usd": Decimal(500), "cost_usd": Decimal(180), "margin": Decimal("0.64")}
        outputs = present(run.outputs)
        metrics = outputs["metrics"] | {"paid_engagement_retention_90d": f.compared("0.95", "0.9", "0.05")}
        economics = outputs["economics"] | {"candidate": money}
        run.outputs = outputs | {"economics": economics, "metrics": metrics}
    return sqlite_app.test_client()


def test_reasons_figures_and_configs_stand_side_by_side(client: FlaskClient) -> None:
    text = text_of(client.get(BOTH).text)
    assert "Rationale Sell every minute. Include | more." in text
    assert "revenue $600.00 ▲ better $500.00 −$100.00" in text
    assert "cost $180.00 $180.00 —" in text
    assert "margin 70 % ▲ better 64 % −6 pp" in text
    assert "paid engagement retention 90d 89 % 95 % ▲ better +6 pp" in text
    assert "included 300 500 → changed +200" in text
    assert "Left is better in 2 figures, right in 1." in text


def test_no_side_is_better_when_the_runs_were_priced_differently(client: FlaskClient) -> None:
    with write(db.session):
        run = present(db.session.scalar(sa.select(SimulationRun).filter_by(candidate_config_version_id="cfg_2")))
        run.inputs = run.inputs | {"pricing_mode": "revenue_proxy_commit"}
    text = text_of(client.get(BOTH).text)
    assert "Pricing mode not said Commitment → differs" in text
    assert "The two runs were not asked the same" in text
    assert "▲ better" not in text
    assert "is better in" not in text
    assert "Fork the chosen one" in text


def test_outcome_evidence_and_what_was_asked_stand_before_any_figure(client: FlaskClient) -> None:
    text = text_of(client.get(BOTH).text)
    order = ["Outcome", "What came back", "Pricing mode", "Window ends", "revenue $600.00"]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)
    assert "Left: v1" in text


def test_the_margin_stands_once(client: FlaskClient) -> None:
    figures = text_of(client.get(BOTH).text).partition("What the simulations said")[2].partition("Pools")[0]
    assert "margin 70 %" in figures
    assert "gross margin" not in figures


def test_without_a_choice_the_page_offers_the_decisions_of_the_workspace(client: FlaskClient) -> None:
    with client.session_transaction() as browser:
        browser["workspace_id"] = "ws_1"
    page = client.get(URL)
    assert page.status_code == 200
    assert "2026-01-15 smb · learning · production · v2, active" in page.text
    assert "are shown side by side here" in page.text


def test_one_choice_is_kept_while_the_other_is_made(client: FlaskClient) -> None:
    page = client.get(f"{URL}?left=dec_1").text
    assert '<option selected value="dec_1">' in page
    assert "are shown side by side here" in page


def test_a_decision_is_not_compared_with_itself(client: FlaskClient) -> None:
    page = client.get(f"{URL}?left=dec_1&right=dec_1")
    assert page.status_code == 422
    assert "Choose two different decisions." in page.text


def test_decisions_of_two_workspaces_are_refused_in_words(client: FlaskClient) -> None:
    with write(db.session):
        f.workspace(db.session, "ws_2")
        f.cycle(db.session, "cycle_2", workspace_id="ws_2")
        f.snapshot(db.session, "cycle_2", *OTHERS)
        pools = [f.CORE | {"value_unit_id": "vu_other"}]
        decide("cfg_3", 20, workspace_id="ws_2", cycle_id="cycle_2", pools=pools, exploration={"enabled": False})
    page = client.get(f"{URL}?left=dec_1&right=dec_3")
    assert page.status_code == 400
    assert "Decision dec_3 belongs to workspace ws_2, dec_1 to ws_1." in text_of(page.text)


OTHERS = (f.HD_MINUTE | {"value_unit_id": "vu_other"},)


def test_comparing_is_logged(client: FlaskClient) -> None:
    client.get(BOTH)
    viewing().write()
    db.session.rollback()
    seen = present(db.session.scalar(sa.select(ProductEvent).filter_by(event_name="decision_compare_viewed")))
    assert (seen.entity_id, seen.workspace_id, seen.detail) == ("dec_1", "ws_1", {"with_decision_id": "dec_2"})


def test_the_winner_is_forked_for_its_own_subject(client: FlaskClient) -> None:
    answer = sent(client, BOTH, "winner-form", f"{URL}/fork", winner="dec_1")
    assert answer.status_code == 303
    forked = present(db.session.scalar(sa.select(ConfigVersion).filter_by(baseline_config_version_id="cfg_1")))
    assert answer.location == f"/configs/{forked.config_version_id}/pools"
    assert forked.version == 3


@pytest.mark.parametrize("winner", [{}, {"winner": "dec_nobody"}])
def test_without_a_winner_nothing_is_forked(client: FlaskClient, winner: dict[str, str]) -> None:
    answer = sent(client, BOTH, "winner-form", f"{URL}/fork", **winner)
    assert answer.status_code == 422
    assert 'href="#winner"' in answer.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(ConfigVersion)) == 2


def test_the_summary_can_be_taken_along(client: FlaskClient) -> None:
    document = client.get(f"{URL}/export.json?left=dec_1&right=dec_2")
    assert parse_exact(document.data)["b"]["decision_id"] == "dec_2"
    page = client.get(f"{URL}/export.md?left=dec_1&right=dec_2").text
    assert "| revenue | $600.00 | $500.00 | −$100.00 | dec_1 |" in page
    assert "| pool_core | included | 300 | 500 |" in page
    assert "> Include | more." in page


def test_an_export_of_an_unknown_decision_is_refused(client: FlaskClient) -> None:
    assert client.get(f"{URL}/export.json?left=dec_1").status_code == 404

"""Home: a start for who is new, and what holds, is in work, was decided and is risked for who is not."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.extensions import usage_events
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent
from app.models.transactions import write
from seed.loader import load_seed
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of

NAME = "smb · learning · production v1"
RISK = {"code": "margin_floor_violated", "detail": "Period 1 has margin 0.4, below 0.68."}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """One active config with a risk, one draft without pools, in ws_1; ws_2 is empty."""
    with write(db.session):
        f.foundation(db.session)
        f.workspace(db.session, "ws_2")
        first = f.config(db.session, "cfg_1")
        f.run(db.session, first, outputs=f.outputs(risks=[RISK]))
        f.approve(db.session, "cfg_1")
        f.config(db.session, "cfg_2", pools=[])
    return sqlite_app.test_client()


def home(client: FlaskClient, workspace_id: str = "ws_1") -> TestResponse:
    client.get(f"/?workspace={workspace_id}")
    return client.get("/")


def test_a_first_visit_offers_the_demo_and_a_start_from_own_data(sqlite_app: Flask) -> None:
    load_seed(db.session, usage_events().store, now=f.NOW, with_growth=False)
    page = sqlite_app.test_client().get("/").text
    assert 'href="/?workspace=ws_1049"' in page
    assert 'href="/setup/workspace"' in page


def test_without_the_demo_only_a_start_from_own_data_is_offered(sqlite_app: Flask) -> None:
    text = text_of(sqlite_app.test_client().get("/").text)
    assert "Start from my data" in text
    assert "Explore the Lumina demo" not in text


def test_switching_remembers_the_workspace_and_cleans_the_address(client: FlaskClient) -> None:
    answer = client.get("/?workspace=ws_1")
    assert (answer.status_code, answer.location) == (303, "/")
    with client.session_transaction() as browser:
        assert browser["workspace_id"] == "ws_1"


def test_the_browser_remembers_the_workspace_after_it_was_closed(client: FlaskClient) -> None:
    client.get("/?workspace=ws_1")
    kept = client.get_cookie("session")
    assert kept is not None
    assert kept.max_age == 180 * 86_400 or kept.expires is not None


def test_switching_forgets_the_cycle_and_context_of_the_workspace_before(client: FlaskClient) -> None:
    with client.session_transaction() as browser:
        browser.update(workspace_id="ws_1", cycle_id="cycle_1", context_id="ctx_1")
    client.get("/?workspace=ws_2")
    with client.session_transaction() as browser:
        assert "cycle_id" not in browser
        assert "context_id" not in browser


def test_an_unknown_workspace_is_refused_by_name(client: FlaskClient) -> None:
    answer = client.get("/?workspace=ws_nowhere")
    assert answer.status_code == 404
    assert "ws_nowhere" in text_of(answer.text)


def test_an_active_version_stands_with_its_subject_and_simulated_economics(client: FlaskClient) -> None:
    text = text_of(home(client).text)
    assert f"smb learning · production {NAME} cfg_1 Margin 70 % ! 1 risk Revenue $600.00 cost $180.00" in text
    assert "since 2026-01-15 00:00 UTC" in text


def test_an_active_version_without_a_run_is_not_measured(client: FlaskClient) -> None:
    with write(db.session):
        imported = f.config(db.session, "cfg_bare", segment="enterprise")
        imported.status = "active"
    text = text_of(home(client).text)
    assert "cfg_bare Margin not measured not simulated Revenue not measured cost not measured" in text
    assert "In force never decided" in text


def test_a_run_without_revenue_says_so(client: FlaskClient) -> None:
    nothing = {"revenue_usd": 0, "cost_usd": 1, "margin": None}
    with write(db.session):
        free = f.config(db.session, "cfg_free", segment="enterprise")
        f.run(db.session, free, outputs=f.outputs(economics={"candidate": nothing}))
        f.approve(db.session, "cfg_free")
    assert "Margin no revenue ✓ no risk Revenue $0.00 cost $1.00" in text_of(home(client).text)


def test_the_risks_of_active_versions_are_named(client: FlaskClient) -> None:
    text = text_of(home(client).text)
    assert f"margin floor violated Period 1 has margin 0.4, below 0.68. {NAME}" in text


def test_a_risk_of_every_period_stands_once(client: FlaskClient) -> None:
    with write(db.session):
        thrice = f.config(db.session, "cfg_3", segment="enterprise")
        f.run(db.session, thrice, outputs=f.outputs(risks=[RISK, RISK, RISK]))
        f.approve(db.session, "cfg_3")
    text = text_of(home(client).text)
    assert text.count("Period 1 has margin 0.4, below 0.68.") == 2
    assert "And 2 more like it." in text


def test_what_drifts_from_its_forecast_stands_first_with_its_days(client: FlaskClient) -> None:
    forecast = {"thresholds": [{"percent": 70, "action": "warn", "customers": 1}]}
    with write(db.session):
        busy = f.config(db.session, "cfg_3", target_environment="sandbox")
        f.run(db.session, busy, outputs=f.outputs(enforcement_forecast=forecast))
        f.approve(db.session, "cfg_3")
        db.session.add_all(warned(number) for number in range(20))
    page = home(client)
    text = text_of(page.text)
    assert text.index("smb learning · sandbox") < text.index(f"smb learning · production {NAME}")
    assert "Rail events 0 in 30 days ! drifted" in text


def warned(number: int) -> EnforcementEvent:
    return EnforcementEvent(
        enforcement_event_id=f"enf_{number}",
        workspace_id="ws_1",
        customer_id=f"cust_{number}",
        config_version_id="cfg_3",
        occurred_at=f.NOW + timedelta(hours=1),
        event_type="rail_warning_shown",
        context={},
        received_at=f.NOW,
    )


def test_a_draft_stands_with_its_pill_and_a_link_to_what_is_missing(client: FlaskClient) -> None:
    page = home(client).text
    assert "incomplete" in text_of(page)
    assert '<td class="wrap"><a href="/configs/cfg_2/pools' in page


def test_the_primary_button_leads_to_what_the_newest_draft_misses(client: FlaskClient) -> None:
    page = home(client).text
    assert 'class="button primary" href="/configs/cfg_2/pools' in page


def test_decisions_come_with_their_reason(client: FlaskClient) -> None:
    assert f.APPROVAL.rationale in text_of(home(client).text)


def test_an_empty_workspace_says_what_will_be_here(client: FlaskClient) -> None:
    text = text_of(home(client, "ws_2").text)
    assert "Nothing has been decided here yet." in text
    assert "cfg_1" not in text


def test_looking_promotes_what_was_approved_for_a_moment_that_has_come(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = f.NOW + timedelta(days=1)
    with write(db.session):
        f.simulated(db.session, "cfg_3")
        f.approve(db.session, "cfg_3", later=60, effective_at=later)
    monkeypatch.setattr(clock, "now", lambda: later - timedelta(seconds=1))
    text = text_of(home(client).text)
    assert "smb · learning · production v3 takes over smb · learning · production" in text
    assert text.index("Decided, not yet in force") < text.index("Active now")
    monkeypatch.setattr(clock, "now", lambda: later)
    assert "smb learning · production smb · learning · production v3 cfg_3 Margin" in text_of(home(client).text)
    db.session.rollback()
    assert db.session.get_one(ConfigVersion, "cfg_1").status == "archived"


def test_a_view_at_the_root_serves_the_packaged_assets_only_once(sqlite_app: Flask) -> None:
    rules = [rule.rule for rule in sqlite_app.url_map.iter_rules() if "bootstrap" in rule.rule or "static" in rule.rule]
    assert "/static/admin/<path:filename>" not in rules


def test_home_with_a_workspace_that_is_gone_starts_anew(client: FlaskClient) -> None:
    with client.session_transaction() as browser:
        browser["workspace_id"] = "ws_gone"
    assert "Start from my data" in text_of(client.get("/").text)

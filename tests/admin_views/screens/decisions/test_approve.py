"""Flow 5A: the gates, the diff, what will happen, approving exactly what was shown, and rolling back."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.product_event import ProductEvent
from app.models.runtime_config import RuntimeConfig
from app.models.transactions import write
from app.services.authoring import config_parts
from app.services.decisions import activation
from simulation.canonical import parse_exact
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import form_of, sent, text_of
from tests.present import present

URL = "/configs/cfg_2/approve"
WHY = "The margin holds and studios stay."
TYPED = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": WHY}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """cfg_1 is active; cfg_2 includes more, is simulated against it and waits for a decision."""
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session, "cfg_1")
        candidate = f.config(db.session, "cfg_2", pools=[f.CORE | {"included_quantity": 500}, f.EXPLORATION_POOL])
        f.run(db.session, candidate, baseline_config_version_id="cfg_1", outputs=f.outputs(customer_impact=IMPACT))
    return sqlite_app.test_client()


IMPACT = {
    "customers": 100,
    "billed_more": 7,
    "billed_less": 60,
    "bill_change_usd": {"p5": -9, "p25": -4, "p50": -1, "p75": 0, "p95": 2},
    "worst_20": [
        {"customer_id": "cust_9", "baseline_bill_usd": 1, "candidate_bill_usd": 4, "bill_change_usd": 3},
    ],
}


def status(config_version_id: str) -> str:
    db.session.rollback()
    return db.session.get_one(ConfigVersion, config_version_id).status


def decisions() -> int:
    return present(db.session.scalar(sa.select(sa.func.count()).select_from(DecisionRecord)))


# Before the decision


def test_the_page_says_what_changes_who_is_affected_and_what_will_happen(client: FlaskClient) -> None:
    text = text_of(client.get(URL).text)
    assert "Core pool: included 300 → 500 per customer and 30 days" in text
    assert "→ changed +200" in text
    assert "Of 100 customers in the simulated window 7 pay more, 60 pay less and 33 pay the same" in text
    assert "smb · learning · production v2 becomes active now; smb · learning · production v1 is archived." in text
    assert "A billing patch with 2 meters for price book usd_2026_01_default is kept for export" in text
    assert "Apps read it at /api/runtime/config?workspace_id=ws_1&segment=smb" in text
    assert "all pass" in text


def test_the_form_pins_the_run_and_the_baseline_that_are_shown(client: FlaskClient) -> None:
    form = form_of(client.get(URL).text, "decide")
    assert form["simulation_run_id"] == "sim_cfg_2"
    assert form["baseline_config_version_id"] == "cfg_1"


def test_the_first_refusal_stands_on_top_and_turns_the_button_off(client: FlaskClient) -> None:
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_2", {"monthly_spend_cap_usd": None}, actor=f.OPERATOR, now=f.NOW)
    page = client.get(URL).text
    assert "First: This config has no monthly spend cap" in text_of(page)
    assert 'href="/configs/cfg_2/rails#monthly_spend_cap_usd"' in page
    assert "Then 1 more: ! stops approval The simulation is stale" in text_of(page)
    assert 'form="decide" disabled aria-describedby="why"' in page


def test_a_config_that_was_never_simulated_can_still_be_looked_at(client: FlaskClient) -> None:
    with write(db.session):
        f.config(db.session, "cfg_3", segment="enterprise")
    page = client.get("/configs/cfg_3/approve")
    assert page.status_code == 200
    text = text_of(page.text)
    assert "was not simulated. Simulate it." in text
    assert "What the first version of this subject sets" in text
    assert "nothing was active for this subject before" in text


# Approving


def test_approving_activates_the_candidate_and_archives_the_prior_version(client: FlaskClient) -> None:
    answer = sent(client, URL, "decide", **TYPED)
    assert (answer.status_code, answer.location) == (303, URL)
    assert (status("cfg_1"), status("cfg_2")) == ("archived", "active")
    text = text_of(client.get(URL).text)
    assert "smb · learning · production v2 is active." in text
    assert "Theresa, CEO" in text


def test_terms_may_start_with_customers_next_period(client: FlaskClient) -> None:
    assert form_of(client.get(URL).text, "decide")["terms_start"] == "at_once"
    sent(client, URL, "decide", **TYPED, terms_start="next_period")
    decision = present(db.session.scalar(sa.select(DecisionRecord).filter_by(config_version_id="cfg_2")))
    assert decision.terms_start == "next_period"
    for page in (URL, f"/decision-log/{decision.decision_id}"):
        assert "its terms from each customer's next period on" in text_of(client.get(page).text)


def test_the_first_version_of_a_subject_has_no_terms_to_choose(client: FlaskClient) -> None:
    with write(db.session):
        f.simulated(db.session, "cfg_3", segment="enterprise")
    assert 'name="terms_start"' not in client.get("/configs/cfg_3/approve").text


def test_what_a_stricter_version_does_to_the_running_period_is_advice(client: FlaskClient) -> None:
    with write(db.session):
        f.simulated(db.session, "cfg_4", pools=[f.CORE | {"included_quantity": 5}, f.EXPLORATION_POOL])
    page = client.get("/configs/cfg_4/approve").text
    assert "“Usable HD minute” includes 5 instead of 300" in text_of(page)
    assert 'href="/configs/cfg_4/approve#terms_start"' in page
    assert "all pass" in text_of(page)


def test_a_later_effective_at_schedules_it_and_says_when_it_flips(client: FlaskClient) -> None:
    ahead = (clock.now() + timedelta(days=3)).strftime("%Y-%m-%d %H:%M UTC")
    sent(client, URL, "decide", **TYPED, when="later", effective_at=ahead)
    assert (status("cfg_1"), status("cfg_2")) == ("active", "approved")
    text = text_of(client.get(URL).text)
    assert f"It becomes active at {ahead}; until then smb · learning · production v1 stays active." in text
    assert "It is built at activation." in text


def test_a_scheduled_version_whose_moment_has_come_is_active_for_whoever_looks(client: FlaskClient) -> None:
    with write(db.session):
        approval = activation.Approval("Theresa", "CEO", WHY, f.NOW + timedelta(days=1))
        activation.approve(db.session, "cfg_2", "sim_cfg_2", approval, actor=f.OPERATOR, now=f.NOW)
    assert status("cfg_2") == "approved"
    assert "● active" in text_of(client.get(URL).text)
    assert status("cfg_1") == "archived"


@pytest.mark.parametrize("name", ["approver_name", "approver_role", "rationale"])
def test_a_missing_field_is_named_and_nothing_typed_is_lost(client: FlaskClient, name: str) -> None:
    answer = sent(client, URL, "decide", **TYPED | {name: "  "})
    assert answer.status_code == 422
    assert f'href="#{name}"' in answer.text
    kept = form_of(answer.text, "decide")
    assert {key: kept[key] for key in TYPED if key != name} == {key: TYPED[key] for key in TYPED if key != name}
    assert status("cfg_2") == "simulated"


def test_a_moment_that_cannot_be_read_is_shown_again_with_an_example(client: FlaskClient) -> None:
    answer = sent(client, URL, "decide", **TYPED, when="later", effective_at="next Friday")
    assert answer.status_code == 422
    assert form_of(answer.text, "decide")["effective_at"] == "next Friday"
    assert "is not a moment such as 2026-01-15 00:00 UTC" in text_of(answer.text)


def test_an_expired_form_keeps_what_was_typed(client: FlaskClient) -> None:
    answer = sent(client, URL, "decide", **TYPED, csrf_token="old")
    assert answer.status_code == 403
    assert "This form had expired" in text_of(answer.text)
    assert form_of(answer.text, "decide")["rationale"] == WHY
    assert form_of(answer.text, "decide")["csrf_token"] != "old"


# Nobody approves something else than what was shown


def test_an_edit_after_the_page_was_shown_refuses_and_keeps_the_rationale(client: FlaskClient) -> None:
    shown = form_of(client.get(URL).text, "decide")
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_2", {"margin_floor": Decimal("0.5")}, actor=f.OPERATOR, now=f.NOW)
    answer = client.post(URL, data=shown | TYPED)
    assert answer.status_code == 409
    assert "The simulation is stale" in text_of(answer.text)
    assert form_of(answer.text, "decide")["rationale"] == WHY
    assert decisions() == 1


def test_another_active_version_refuses_and_the_page_compares_with_it(client: FlaskClient) -> None:
    shown = form_of(client.get(URL).text, "decide")
    with write(db.session):
        f.active(db.session, "cfg_3", later=5)
    answer = client.post(URL, data=shown | TYPED)
    assert answer.status_code == 409
    assert "The baseline of this approval is not the active version of its subject; another one is." in text_of(
        answer.text
    )
    assert 'href="/configs/cfg_2/approve#baseline_config_version_id"' in answer.text
    assert 'id="baseline_config_version_id"' in answer.text
    assert "Core pool: included 300 → 500" in text_of(answer.text)
    assert 'aria-describedby="why"' not in answer.text
    again = form_of(answer.text, "decide")
    assert (again["baseline_config_version_id"], again["rationale"]) == ("cfg_3", WHY)
    assert client.post(URL, data=again).status_code == 303
    assert (status("cfg_2"), status("cfg_3")) == ("active", "archived")


def test_a_first_version_shown_against_nothing_is_not_approved_over_somebody_elses(client: FlaskClient) -> None:
    with write(db.session):
        f.simulated(db.session, "cfg_a", segment="enterprise")
        f.simulated(db.session, "cfg_b", segment="enterprise")
    shown = form_of(client.get("/configs/cfg_a/approve").text, "decide")
    with write(db.session):
        f.approve(db.session, "cfg_b")
    answer = client.post("/configs/cfg_a/approve", data=shown | TYPED)
    assert answer.status_code == 409
    assert "is active for this subject now; this page had shown nothing." in text_of(answer.text)
    assert status("cfg_a") == "simulated"


def test_a_run_made_after_the_page_was_shown_is_not_approved_unseen(client: FlaskClient) -> None:
    with write(db.session):
        row = f.config(db.session, "cfg_3", segment="enterprise")
    shown = form_of(client.get("/configs/cfg_3/approve").text, "decide")
    unsimulated = client.post("/configs/cfg_3/approve", data=shown | TYPED)
    assert "was not simulated" in text_of(unsimulated.text)
    with write(db.session):
        f.run(db.session, db.session.merge(row))
    answer = client.post("/configs/cfg_3/approve", data=shown | TYPED)
    assert (unsimulated.status_code, answer.status_code) == (409, 409)
    assert "cannot be approved as shown: it was simulated since" in text_of(answer.text)
    assert form_of(answer.text, "decide")["simulation_run_id"] == "sim_cfg_3"


def test_approving_what_somebody_has_approved_already_shows_their_decision_and_ones_own_words(
    client: FlaskClient,
) -> None:
    shown = form_of(client.get(URL).text, "decide")
    with write(db.session):
        f.approve(db.session, "cfg_2", later=5, rationale="Mine came first.")
    answer = client.post(URL, data=shown | TYPED)
    assert answer.status_code == 409
    text = text_of(answer.text)
    assert "Config smb · learning · production v2 is active and therefore immutable" in text
    assert f"What you typed {WHY}" in text
    assert decisions() == 2


# Afterwards


def test_a_decided_config_gives_its_runtime_config_byte_for_byte(client: FlaskClient) -> None:
    answer = client.get("/configs/cfg_1/approve/runtime-config.json")
    stored = db.session.scalar(sa.select(RuntimeConfig.document).filter_by(config_version_id="cfg_1"))
    assert answer.data == stored
    assert answer.headers["Content-Disposition"] == "attachment; filename=cfg_1.avs_config.json"


def test_the_billing_patch_is_the_one_of_the_api_and_its_export_is_logged(client: FlaskClient) -> None:
    answer = client.get("/configs/cfg_1/approve/billing-patch.json")
    assert parse_exact(answer.data) == parse_exact(client.get("/api/billing-patch/cfg_1").data)
    exported = sa.select(ProductEvent).filter_by(event_name="decision_patch_exported", entity_id="cfg_1")
    assert present(db.session.scalar(exported)).workspace_id == "ws_1"


def test_the_decided_page_reads_as_tables_and_links_the_decision(client: FlaskClient) -> None:
    page = client.get("/configs/cfg_1/approve").text
    decision_id = db.session.scalar(sa.select(DecisionRecord.decision_id))
    assert f'href="/decision-log/{decision_id}"' in page
    text = text_of(page)
    assert "meter_hd_minute Usable HD minute sum of output_minutes over video_render_completed where" in text
    assert "at 90 % of the allowance throttle" in text
    assert "rollover expires after 60 days" in text


def test_a_config_that_is_scheduled_has_no_runtime_config_yet(client: FlaskClient) -> None:
    ahead = (clock.now() + timedelta(days=3)).strftime("%Y-%m-%d %H:%M UTC")
    sent(client, URL, "decide", **TYPED, when="later", effective_at=ahead)
    assert client.get(f"{URL}/runtime-config.json").status_code == 404


# Rolling back


@pytest.fixture
def replaced(client: FlaskClient) -> FlaskClient:
    with write(db.session):
        f.approve(db.session, "cfg_2", later=5)
    return client


BACK = "/configs/cfg_1/approve"


def test_an_archived_version_says_what_rolling_back_changes_and_does_it(replaced: FlaskClient) -> None:
    text = text_of(replaced.get(BACK).text)
    assert "Core pool: included 500 → 300 per customer and 30 days" in text
    assert "smb · learning · production v1 becomes active now; smb · learning · production v2 is archived." in text
    answer = sent(replaced, BACK, "roll-back", f"{BACK}/rollback", **TYPED, confirmed="y")
    assert answer.status_code == 303
    assert (status("cfg_1"), status("cfg_2")) == ("active", "archived")
    assert "smb · learning · production v1 is active again." in text_of(replaced.get(BACK).text)


def test_a_rollback_wants_its_confirmation(replaced: FlaskClient) -> None:
    answer = sent(replaced, BACK, "roll-back", f"{BACK}/rollback", **TYPED)
    assert answer.status_code == 422
    assert "Confirm what will change." in text_of(answer.text)
    assert form_of(answer.text, "roll-back")["rationale"] == WHY
    assert status("cfg_2") == "active"


def test_a_rollback_refuses_when_another_version_is_active_than_was_shown(replaced: FlaskClient) -> None:
    shown = form_of(replaced.get(BACK).text, "roll-back")
    with write(db.session):
        f.active(db.session, "cfg_3", later=9)
    answer = replaced.post(f"{BACK}/rollback", data=shown | TYPED | {"confirmed": "y"})
    assert answer.status_code == 409
    had_shown = "this page had shown smb · learning · production v2."
    assert f"smb · learning · production v3 is active for this subject now; {had_shown}" in text_of(answer.text)
    assert form_of(answer.text, "roll-back")["baseline_config_version_id"] == "cfg_3"
    assert status("cfg_1") == "archived"


def test_a_rollback_of_what_is_active_by_now_says_so(replaced: FlaskClient) -> None:
    shown = form_of(replaced.get(BACK).text, "roll-back")
    first = replaced.post(f"{BACK}/rollback", data=shown | TYPED | {"confirmed": "y"})
    second = replaced.post(f"{BACK}/rollback", data=shown | TYPED | {"confirmed": "y"})
    assert (first.status_code, second.status_code) == (303, 409)
    assert status("cfg_1") == "active"


def test_an_unknown_config_is_named(client: FlaskClient) -> None:
    answer = client.get("/configs/cfg_nobody/approve")
    assert answer.status_code == 404
    assert "There is no config version &#39;cfg_nobody&#39;." in answer.text


@pytest.mark.parametrize("ledger", ["stripe", "metronome", "orb", "openmeter", "lago"])
def test_the_billing_patch_comes_in_the_words_of_each_ledger(client: FlaskClient, ledger: str) -> None:
    assert f"billing-patch.json?ledger={ledger}" in client.get("/configs/cfg_1/approve").text
    answer = client.get(f"/configs/cfg_1/approve/billing-patch.json?ledger={ledger}")
    assert parse_exact(answer.data)["ledger"] == ledger
    assert answer.headers["Content-Disposition"] == f"attachment; filename=cfg_1.{ledger}.json"


def test_an_unknown_ledger_is_refused_with_the_known_ones(client: FlaskClient) -> None:
    answer = client.get("/configs/cfg_1/approve/billing-patch.json?ledger=abacus")
    assert answer.status_code == 404
    assert "choose one of stripe, metronome" in text_of(answer.text)


# For later


def ahead(days: int = 3) -> str:
    return (clock.now() + timedelta(days=days)).strftime("%Y-%m-%d %H:%M UTC")


@pytest.fixture
def scheduled(client: FlaskClient) -> FlaskClient:
    """cfg_2 is approved for in three days; cfg_3 is another candidate."""
    sent(client, URL, "decide", **TYPED, when="later", effective_at=ahead())
    with write(db.session):
        f.simulated(db.session, "cfg_3")
    return client


@pytest.mark.parametrize(
    ("when", "effective_at", "says"),
    [
        ("later", "", "Type or pick the moment, or choose Now."),
        ("later", "2025-01-01 00:00", "This moment has passed: choose Now, or a later one."),
        ("now", "2199-01-01 00:00", "You chose Now: choose a later moment, or leave this empty."),
    ],
)
def test_what_was_chosen_and_what_was_typed_must_agree(
    client: FlaskClient, when: str, effective_at: str, says: str
) -> None:
    answer = sent(client, URL, "decide", **TYPED, when=when, effective_at=effective_at)
    assert answer.status_code == 422
    assert says in text_of(answer.text)
    assert status("cfg_2") == "simulated"


def test_the_page_of_another_candidate_names_what_is_scheduled_and_what_becomes_of_it(scheduled: FlaskClient) -> None:
    text = text_of(scheduled.get("/configs/cfg_3/approve").text)
    assert "Version 2 of this subject is scheduled for" in text
    assert "smb · learning · production v2 was approved to replace smb · learning · production v1 at" in text
    assert "smb · learning · production v3 replaces it, and the recorded diff compares with it." in text


def test_the_page_of_a_scheduled_version_names_the_one_that_is_active_now(scheduled: FlaskClient) -> None:
    sent(scheduled, "/configs/cfg_3/approve", "decide", **TYPED)
    text = text_of(scheduled.get(URL).text)
    assert "until then smb · learning · production v3 stays active." in text
    assert "Approved to replace smb · learning · production v1" in text
    assert " Replaced " not in text
    assert "This config was approved to replace a version that is not active at its moment; another one is." in text


def test_a_scheduled_version_is_withdrawn_and_is_a_draft_again(scheduled: FlaskClient) -> None:
    answer = sent(
        scheduled,
        URL,
        "withdraw-form",
        f"{URL}/withdraw",
        **{f"withdraw-{name}": value for name, value in TYPED.items()},
        **{"withdraw-confirmed": "y"},
    )
    assert answer.status_code == 303
    assert status("cfg_2") == "simulated"
    text = text_of(scheduled.get(URL).text)
    assert "smb · learning · production v2 is withdrawn: it is a draft again." in text
    log = text_of(scheduled.get("/decision-log").text)
    assert "↶ withdrawn" in log
    assert f"by Theresa, CEO: {WHY}" in log


def test_a_withdrawal_wants_its_confirmation_and_keeps_what_was_typed(scheduled: FlaskClient) -> None:
    typed = {f"withdraw-{name}": value for name, value in TYPED.items()}
    answer = sent(scheduled, URL, "withdraw-form", f"{URL}/withdraw", **typed)
    assert answer.status_code == 422
    assert "Confirm what will change." in text_of(answer.text)
    assert form_of(answer.text, "withdraw-form")["withdraw-rationale"] == WHY
    assert status("cfg_2") == "approved"


def test_a_scheduled_version_is_moved(scheduled: FlaskClient) -> None:
    typed = {f"move-{name}": value for name, value in TYPED.items()}
    when = {"move-when": "later", "move-effective_at": ahead(9)}
    answer = sent(scheduled, URL, "move-form", f"{URL}/move", **typed, **when)
    assert answer.status_code == 303
    assert f"It becomes active at {ahead(9)}" in text_of(scheduled.get(URL).text)


def test_a_move_refuses_when_another_version_is_active_than_was_shown(scheduled: FlaskClient) -> None:
    shown = form_of(scheduled.get(URL).text, "move-form")
    sent(scheduled, "/configs/cfg_3/approve", "decide", **TYPED)
    typed = {f"move-{name}": value for name, value in TYPED.items()}
    answer = scheduled.post(f"{URL}/move", data=shown | typed | {"move-when": "later", "move-effective_at": ahead(9)})
    assert answer.status_code == 409
    had_shown = "this page had shown smb · learning · production v1."
    assert f"smb · learning · production v3 is active for this subject now; {had_shown}" in text_of(answer.text)


@pytest.fixture
def held_back(client: FlaskClient) -> FlaskClient:
    """cfg_2 was scheduled, and held back because cfg_3 had become active."""
    with write(db.session):
        f.approve(db.session, "cfg_2", later=5, effective_at=f.NOW + timedelta(days=1))
        f.active(db.session, "cfg_3", later=9)
    return client


def test_a_held_back_version_says_why_and_can_be_approved_anew(held_back: FlaskClient) -> None:
    text = text_of(held_back.get(URL).text)
    assert "! held back" in text
    assert "a gate held it back. It waits for your decision; smb · learning · production v3 is active." in text
    assert "! held back" in text_of(held_back.get("/configs").text)
    assert "waits for your decision" in text_of(held_back.get("/").text)
    anew = f"{URL}?anew=1"
    assert sent(held_back, anew, "decide", **TYPED).status_code == 303
    assert (status("cfg_2"), status("cfg_3")) == ("active", "archived")


def test_an_active_version_offers_to_roll_back_and_the_timeline_leads_there(replaced: FlaskClient) -> None:
    page = replaced.get(URL).text
    assert "Roll back to v1…" in text_of(page)
    assert 'href="/configs/cfg_1/approve#rollback"' in page
    assert "curl &#39;http://localhost/api/runtime/config?workspace_id=ws_1" in page


# Who approves


def test_nobody_signs_as_operator_and_the_name_typed_last_is_proposed(client: FlaskClient) -> None:
    with client.session_transaction() as browser:
        browser["operator_name"] = "operator"
    assert form_of(client.get(URL).text, "decide")["approver_name"] == ""
    sent(client, URL, "decide", **TYPED)
    with write(db.session):
        f.simulated(db.session, "cfg_3")
    form = form_of(client.get("/configs/cfg_3/approve").text, "decide")
    assert (form["approver_name"], form["approver_role"]) == ("Theresa", "CEO")


def test_a_first_version_shows_each_thing_that_it_sets_once(client: FlaskClient) -> None:
    with write(db.session):
        f.simulated(db.session, "cfg_a", segment="enterprise")
    text = text_of(client.get("/configs/cfg_a/approve").text)
    assert "removed" not in text
    assert "+ added" not in text
    assert text.count("Core pool added") == 1

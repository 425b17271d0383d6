"""Flow 5A: the gates, the diff, what will happen, and approving exactly what was shown."""

from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app import clock
from app.models.base import db
from app.models.decision_record import DecisionRecord
from app.models.product_event import ProductEvent
from app.models.runtime_config import RuntimeConfig
from app.models.transactions import write
from app.services.authoring import config_parts
from app.services.configs.reading import current_hash
from app.services.decisions import activation
from simulation.canonical import parse_exact
from tests import factories as f
from tests.admin_views.screens.decisions.approve_pages import TYPED, URL, WHY, decisions, status
from tests.admin_views.screens.decisions.decide_pages import form_of, sent, text_of
from tests.present import present

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


def test_the_change_policy_of_a_price_plan_chooses_when_terms_start_and_says_why(client: FlaskClient) -> None:
    with write(db.session):
        row = f.config(db.session, "cfg_4")
        row.price_plan = {
            "platform_fee_usd": 49,
            "unit_prices": [
                {
                    "value_unit_id": "vu_hd_minute",
                    "model": "graduated",
                    "tiers": [{"up_to": 10, "unit_price_usd": 2}, {"up_to": None, "unit_price_usd": 1}],
                }
            ],
            "change_policy": "prorate",
        }
        db.session.flush()
        row.content_hash = current_hash(db.session, row)
        f.run(db.session, row)
    page = client.get("/configs/cfg_4/approve")
    assert form_of(page.text, "decide")["terms_start"] == "prorated"
    assert "The change policy of this version, the first with a price plan, is “prorate”" in text_of(page.text)
    sent(client, "/configs/cfg_4/approve", "decide", **TYPED)
    stored = sa.select(DecisionRecord.terms_start).filter_by(config_version_id="cfg_4")
    assert db.session.scalar(stored) == "prorated"
    text = text_of(client.get("/configs/cfg_4/approve").text)
    assert "at once, the amounts of the running period shared out by its days" in text
    assert "a plan that says nothing is no plan" not in text_of(client.get("/configs/cfg_1/approve").text)
    assert "Each customer pays $49.00 a month, used or not." in text
    assert "the first 10 cost $2.00 each, then $1.00" in text


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

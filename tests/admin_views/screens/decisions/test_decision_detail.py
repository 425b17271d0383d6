"""Flow 6B: one decision with its reason, its diff, its evidence, its units; fork it, take it along."""

import re
from datetime import timedelta
from io import BytesIO

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.extensions import viewing
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent
from app.models.product_event import ProductEvent
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.decisions import activation
from simulation.canonical import parse_exact
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import form_of, sent, text_of
from tests.admin_views.screens.decisions.test_decision_log import decide
from tests.present import present

URL = "/decision-log/dec_2"
FORECAST = {"thresholds": [{"percent": 90, "action": "throttle", "customers": 3}], "spend_cap": {}}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """dec_1 was replaced by dec_2, whose rails stopped twelve customers where three were forecast."""
    with write(db.session):
        f.foundation(db.session)
        decide("cfg_1", 0)
        changed = [f.CORE | {"included_quantity": 500}, f.EXPLORATION_POOL]
        decide("cfg_2", 10, "Studios stay when more is included.\nTake it back below 68 %.", pools=changed)
        run = present(db.session.scalar(sa.select(SimulationRun).filter_by(candidate_config_version_id="cfg_2")))
        run.outputs = present(run.outputs) | {"enforcement_forecast": FORECAST, "window": {"days": 30}}
        db.session.add_all(map(throttled, range(12)))
    return sqlite_app.test_client()


def throttled(number: int) -> EnforcementEvent:
    at = f.NOW + timedelta(days=number)
    return EnforcementEvent(
        enforcement_event_id=f"enf_{number}",
        workspace_id="ws_1",
        customer_id=f"cust_{number}",
        config_version_id="cfg_2",
        occurred_at=at,
        event_type="rail_throttle_applied",
        context={"percent": 90},
        received_at=at,
    )


def logged(name: str) -> list[str]:
    viewing().write()
    db.session.rollback()
    return list(db.session.scalars(sa.select(ProductEvent.entity_id).filter_by(event_name=name)))


def test_the_page_says_why_what_changed_and_what_the_simulation_said(client: FlaskClient) -> None:
    text = text_of(client.get(URL).text)
    assert "Studios stay when more is included. Take it back below 68 %. Theresa, CEO" in text
    assert "Core pool: included 300 → 500 per customer and 30 days" in text
    assert "margin 68 % 70 % +2 pp" in text
    assert "! spend cap exceeded One is above." in text


def test_evidence_stands_beside_the_forecast_and_what_surprises_leads_the_next_actions(client: FlaskClient) -> None:
    text = text_of(client.get(URL).text)
    assert "1 of 1 forecasts did not hold." in text
    assert "rail throttle applied 12 12 3 4 × ▲ more than forecast" in text
    assert (
        "→ find out what the app counts before trusting the next simulation: rail throttle applied (12 customers"
        in text
    )
    assert "→ rail throttle applied 4 × forecast: raise Core or split the segment" in text
    assert "Drift: more than twice or less than half the forecast" in text
    assert "2026-01-22 1" in text


def test_each_limit_stands_beside_its_forecast(client: FlaskClient) -> None:
    assert "90 %, throttle 12 12 3 4 × ▲ more than forecast" in text_of(client.get(URL).text)


def test_the_picture_says_what_it_shows_and_has_its_figures_as_a_table(client: FlaskClient) -> None:
    page = client.get(URL).text
    assert "<figcaption>Rail throttle applied for 12 customers where 3 were forecast</figcaption>" in page
    data = present(re.search(r'<script type="application/json" id="evidence-days-data">(.*?)</script>', page))
    (panel,) = parse_exact(data[1])["panels"]
    (steps,) = panel["traces"]
    assert steps["y"][:12] == list(range(1, 13))
    assert panel["annotations"][0]["text"] == "forecast 3"
    assert "2026-01-17 3" in text_of(page)


def test_clients_with_gaps_are_named_with_what_is_missing(client: FlaskClient) -> None:
    with write(db.session):
        for row in db.session.scalars(sa.select(EnforcementEvent)):
            row.client_id, row.sequence = "cli_1", int(row.enforcement_event_id.removeprefix("enf_")) * 2 + 1
    text = text_of(client.get(URL).text)
    assert "11 numbered events never arrived" in text
    assert "cli_1 23 12 11 2, 4, 6, 8, 10" in text
    assert "→ find out what became of 11 enforcement events that never arrived: cli_1 sent no 2, 4, 6, 8, 10" in text


def test_events_without_numbers_are_said_to_prove_nothing(client: FlaskClient) -> None:
    assert "12 events came without a number" in text_of(client.get(URL).text)


@pytest.mark.parametrize("what", ["comparisons", "events"])
def test_the_evidence_can_be_taken_along_as_a_table(client: FlaskClient, what: str) -> None:
    with client.get(f"{URL}/evidence/{what}.csv") as answer:
        assert answer.mimetype == "text/csv"
        assert answer.headers["Content-Disposition"] == f"attachment; filename=cfg_2.{what}.csv"
        assert "rail_throttle_applied" in answer.get_data(as_text=True)
    with client.get(f"{URL}/evidence/{what}.parquet") as answer:
        assert pq.read_table(BytesIO(answer.data)).num_rows > 0


@pytest.mark.parametrize("file", ["everything.csv", "events.xlsx"])
def test_a_file_that_is_not_made_is_named(client: FlaskClient, file: str) -> None:
    answer = client.get(f"{URL}/evidence/{file}")
    assert answer.status_code == 404
    assert f"There is no file &#39;{file}&#39;." in answer.text


def test_each_frozen_unit_has_its_completeness(client: FlaskClient) -> None:
    text = text_of(client.get(URL).text)
    assert "Usable HD minute vu_hd_minute ✓ green nothing" in text


def test_a_decision_that_was_replaced_offers_the_way_back(client: FlaskClient) -> None:
    page = client.get("/decision-log/dec_1").text
    assert 'href="/configs/cfg_1/approve#rollback"' in page
    assert "roll back to it if it was better" in page


def test_a_scheduled_decision_whose_moment_has_come_is_active_for_whoever_looks(client: FlaskClient) -> None:
    with write(db.session):
        f.simulated(db.session, "cfg_3")
        approval = activation.Approval("Theresa", "CEO", "Soon.", f.NOW + timedelta(days=1))
        activation.approve(db.session, "cfg_3", "sim_cfg_3", approval, actor=f.OPERATOR, now=f.NOW, decision_id="dec_3")
    assert "v3 ● active" in text_of(client.get("/decision-log/dec_3").text)


def test_opening_it_from_the_log_is_logged_and_so_is_every_view(client: FlaskClient) -> None:
    client.get(URL)
    assert (logged("decision_detail_viewed"), logged("decision_log_item_opened")) == (["dec_2"], [])
    client.get(URL, headers={"Referer": "http://localhost/decision-log?segment=smb"})
    assert logged("decision_log_item_opened") == ["dec_2"]


def test_forking_makes_a_draft_on_the_same_subject_with_this_config_as_its_baseline(client: FlaskClient) -> None:
    answer = sent(client, URL, "fork-form", f"{URL}/fork")
    assert answer.status_code == 303
    forked = present(db.session.scalar(sa.select(ConfigVersion).filter_by(baseline_config_version_id="cfg_2")))
    assert answer.location == f"/configs/{forked.config_version_id}/pools"
    assert (forked.status, forked.segment, forked.cycle_id) == ("draft", "smb", "cycle_1")
    assert forked.pools[0].included_quantity == 500
    assert logged("decision_forked") == ["dec_2"]


def test_forking_to_another_subject_and_cycle_follows_the_form(client: FlaskClient) -> None:
    with write(db.session):
        f.cycle(db.session, "cycle_2", cycle_name="Second quarter")
        units = (unit | {"value_unit_id": f"{unit['value_unit_id']}_2"} for unit in (f.HD_MINUTE, f.DRAFT_EXPORT))
        f.snapshot(db.session, "cycle_2", *units)
    answer = sent(client, URL, "fork-form", f"{URL}/fork", cycle_id="cycle_2", segment="enterprise", stage="scaling")
    assert answer.status_code == 303
    forked = present(db.session.scalar(sa.select(ConfigVersion).filter_by(cycle_id="cycle_2")))
    assert (forked.segment, forked.stage) == ("enterprise", "scaling")
    assert [pool.value_unit_id for pool in forked.pools] == ["vu_hd_minute_2", "vu_draft_export_2"]


def test_a_cycle_without_the_units_is_refused_at_its_field(client: FlaskClient) -> None:
    with write(db.session):
        f.cycle(db.session, "cycle_2")
    answer = sent(client, URL, "fork-form", f"{URL}/fork", cycle_id="cycle_2")
    assert answer.status_code == 422
    assert 'href="#cycle_id"' in answer.text
    assert "has no value unit “Usable HD minute” for pool “Core”" in answer.text
    assert form_of(answer.text, "fork-form")["cycle_id"] == "cycle_2"


def test_a_cycle_that_is_not_offered_is_refused(client: FlaskClient) -> None:
    answer = sent(client, URL, "fork-form", f"{URL}/fork", cycle_id="cycle_of_others")
    assert answer.status_code == 422
    assert "Not a valid choice" in answer.text


def test_the_whole_decision_can_be_taken_along(client: FlaskClient) -> None:
    document = client.get(f"{URL}/export.json")
    assert document.headers["Content-Disposition"] == "attachment; filename=dec_2.json"
    assert parse_exact(document.data)["decision_record"]["decision_id"] == "dec_2"
    page = client.get(f"{URL}/export.md")
    assert page.mimetype == "text/markdown"
    assert page.text.startswith("# Decision dec_2\n")


@pytest.mark.parametrize("path", ["", "/export.json", "/export.md"])
def test_an_unknown_decision_is_named(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/decision-log/dec_nobody{path}")
    assert answer.status_code == 404
    assert "There is no decision record &#39;dec_nobody&#39;." in answer.text

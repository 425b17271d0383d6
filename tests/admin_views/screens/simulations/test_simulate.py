"""Flow 4A: what is asked, what holds it back, and a run on its way."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import clock
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.simulations import jobs, runs
from rules.enums import HistoricalWindow
from tests import factories as f
from tests.answers import json_of
from tests.present import present
from tests.services import review_runs as r

PATH = "/configs/cfg_1/simulate"
ASKED = {
    "baseline_config_version_id": "active",
    "historical_window_days": "60",
    "segment": f.SEGMENT,
    "pricing_mode": "use_unit_economics",
    "include_exploration_in_results": "y",
    "as_of": "2026-01-15",
}


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    client = sqlite_app.test_client()
    r.prepared(client)
    db.session.remove()
    return client


def ask(client: FlaskClient, path: str = PATH, **changes: Any) -> TestResponse:
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).text)
    assert token
    return client.post(path, data={"csrf_token": token[1], **ASKED, **changes})


def newest() -> SimulationRun | None:
    db.session.rollback()
    return db.session.scalars(
        sa.select(SimulationRun)
        .filter_by(candidate_config_version_id="cfg_1")
        .order_by(SimulationRun.created_at.desc())
    ).first()


def unfinished(**columns: Any) -> str:
    """A run that nobody computes, asked for just now."""
    request = runs.Request("cfg_1", HistoricalWindow.MOCKED, f.SEGMENT)
    with write(db.session):
        run = runs.begin(db.session, runs.prepare(db.session, request), actor=f.OPERATOR, now=clock.now())
        for name, value in columns.items():
            setattr(run, name, value)
        run_id = run.simulation_run_id
    db.session.remove()
    return run_id


def test_a_run_leads_to_its_review_and_asks_what_was_chosen(operator: FlaskClient) -> None:
    answer = ask(operator)
    assert answer.status_code == 303
    address = answer.headers["Location"]
    while "/simulate" in address:  # it may take longer than an answer waits
        db.session.remove()
        address = operator.get(address).headers.get("Location", address)
    run = present(newest())
    assert address == f"/configs/cfg_1/review?run={run.simulation_run_id}"
    assert (run.status, run.baseline_config_version_id) == ("completed", "cfg_0")
    assert run.inputs["historical_window_days"] == 60
    assert run.inputs["filters"]["segment"] == f.SEGMENT
    assert run.inputs["as_of"] == "2026-01-15T00:00:00Z"


def test_every_choice_reaches_the_run(operator: FlaskClient) -> None:
    ask(
        operator,
        baseline_config_version_id="none",
        historical_window_days="mocked",
        segment="*",
        pricing_mode="revenue_proxy_total",
        include_exploration_in_results="",
        as_of="",
    )
    inputs = present(newest()).inputs
    assert inputs["baseline_config_version_id"] is None
    assert inputs["historical_window_days"] == "mocked"
    assert inputs["filters"]["segment"] is None
    assert inputs["pricing_mode"] == "revenue_proxy_total"


def test_the_offer_names_the_active_version_the_others_and_none(operator: FlaskClient) -> None:
    page = operator.get(PATH).text
    assert "Active version: smb · learning · production v1, version 1" in page
    assert '<option value="none">' in page
    assert '<option value="cfg_0">smb · learning · production v1, version 1, active' in page
    assert '<option value="cfg_1">' not in page
    assert "3 usage events in this workspace" in page


@pytest.mark.parametrize(("mode", "window"), [("csv_upload", "90"), ("mocked", "mocked")])
def test_the_window_that_fits_the_data_is_chosen_already(operator: FlaskClient, mode: str, window: str) -> None:
    with write(db.session):
        db.session.get_one(Workspace, f.WORKSPACE).data_mode = mode
    chosen = present(
        re.search(r'<input checked[^>]*name="historical_window_days"[^>]*value="([^"]+)"', operator.get(PATH).text)
    )
    assert chosen[1] == window


def test_asking_again_starts_from_what_was_asked(operator: FlaskClient) -> None:
    run_id = r.simulated(baseline=None, segment=None).simulation_run_id
    db.session.remove()
    page = operator.get(f"{PATH}?like={run_id}").text
    assert '<option selected value="none">' in page
    assert '<option selected value="*">' in page
    assert re.search(r'checked[^>]*name="historical_window_days"[^>]*value="60"', page)


def test_the_gate_shows_its_findings_and_switches_the_button_off(operator: FlaskClient) -> None:
    with write(db.session):
        f.config(db.session, "cfg_empty", pools=[], exploration={"enabled": False})
    db.session.remove()
    page = operator.get("/configs/cfg_empty/simulate").text
    assert "What is missing before it can be simulated" in page
    assert page.count('href="/configs/cfg_empty/pools') >= 2
    assert re.search(r'<button type="submit" class="button primary"[^>]*disabled', page)
    refusal = ask(operator, "/configs/cfg_empty/simulate")
    assert refusal.status_code == 409
    assert "has no pool" in refusal.text


def test_a_baseline_that_cannot_be_simulated_is_refused_with_its_findings(operator: FlaskClient) -> None:
    with write(db.session):
        f.config(db.session, "cfg_empty", pools=[], exploration={"enabled": False})
    db.session.remove()
    answer = ask(operator, baseline_config_version_id="cfg_empty")
    assert answer.status_code == 409
    assert "This config has no pool" in answer.text
    assert '<option selected value="cfg_empty">' in answer.text
    assert newest() is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"historical_window_days": ""}, "Choose a window."),
        ({"historical_window_days": "45"}, "Not a valid choice"),
        ({"historical_window_days": "mocked"}, "leave this empty"),
        ({"as_of": "yesterday"}, "is not a moment"),
        ({"baseline_config_version_id": "cfg_other"}, "Not a valid choice"),
        ({"csrf_token": "wrong"}, ""),
    ],
)
def test_a_bad_question_is_shown_again_with_its_error(
    operator: FlaskClient, changes: dict[str, str], says: str
) -> None:
    answer = ask(operator, **changes)
    assert answer.status_code == 422
    assert says in answer.text
    assert newest() is None


def test_a_run_on_its_way_shows_its_state_and_looks_again_without_a_script(operator: FlaskClient) -> None:
    run_id = unfinished()
    page = operator.get(f"{PATH}?run={run_id}").text
    assert "The run is in progress" in page
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    state = operator.get(f"{PATH}/status?run={run_id}")
    assert (json_of(state)["status"], json_of(state)["next"]) == ("queued", None)
    assert state.headers["Cache-Control"] == "no-store"


def test_a_run_that_nobody_computes_any_more_fails_before_the_eyes_of_who_looks(operator: FlaskClient) -> None:
    run_id = unfinished(created_at=clock.now() - jobs.GIVE_UP_AFTER - timedelta(minutes=1))
    assert json_of(operator.get(f"{PATH}/status?run={run_id}"))["next"] == f"{PATH}?run={run_id}"
    page = operator.get(f"{PATH}?run={run_id}").text
    assert "The run failed" in page
    assert "the server that computed it was probably stopped" in page
    assert f"?like={run_id}" in page
    assert "refresh" not in page


def test_a_completed_run_is_shown_by_its_review(operator: FlaskClient) -> None:
    run_id = r.simulated().simulation_run_id
    db.session.remove()
    assert operator.get(f"{PATH}?run={run_id}").headers["Location"] == f"/configs/cfg_1/review?run={run_id}"
    assert json_of(operator.get(f"{PATH}/status?run={run_id}"))["next"] == f"/configs/cfg_1/review?run={run_id}"


@pytest.mark.parametrize("path", ["?run=sim_none", "/status?run=sim_none", "?run=sim_cfg_0", "?like=sim_cfg_0"])
def test_a_run_that_is_not_this_configs_is_not_found(operator: FlaskClient, path: str) -> None:
    answer = operator.get(PATH + path)
    assert answer.status_code == 404
    assert "simulation run of cfg_1" in answer.text


def test_a_decided_version_may_be_simulated_again_and_stays_what_it_is(operator: FlaskClient) -> None:
    page = operator.get("/configs/cfg_0/simulate").text
    assert "changes nothing that apps enforce" in page
    assert "this is it, so nothing is compared" in page
    ask(operator, "/configs/cfg_0/simulate")
    db.session.rollback()
    assert db.session.get_one(ConfigVersion, "cfg_0").status == "active"

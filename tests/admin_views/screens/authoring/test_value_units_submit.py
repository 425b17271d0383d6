"""Flow 2B: what changed since the last snapshot, warnings per unit, and the snapshot itself."""

import re
from typing import Unpack

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.cycle import LearningLogEntry
from app.models.product_event import ProductEvent
from app.models.value_unit import ValueUnitSnapshot
from app.services.authoring import value_units
from app.services.authoring.inputs import ValueUnitInput
from tests import factories
from tests.present import present

SUBMIT = f"/cycles/{factories.CYCLE}/value-units/submit"


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    """A browser on a cycle whose two units were submitted once."""
    factories.foundation(db.session)
    db.session.commit()
    return sqlite_app.test_client()


def change(value_unit_id: str = "vu_hd_minute", /, **changes: Unpack[ValueUnitInput]) -> None:
    value_units.update_value_unit(db.session, value_unit_id, changes, **factories.WHO)
    db.session.commit()


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(csrf_token|seen)"[^>]*value="([^"]+)"', page))


def snapshots(cycle_id: str = factories.CYCLE) -> list[int]:
    db.session.rollback()
    found = db.session.query(ValueUnitSnapshot).filter_by(cycle_id=cycle_id)
    return sorted(snapshot.snapshot_version for snapshot in found)


def versions() -> dict[str, int | None]:
    """config_version_id → the snapshot that it names."""
    db.session.rollback()
    return {config.config_version_id: config.value_unit_snapshot_version for config in db.session.query(ConfigVersion)}


def test_what_changed_is_said_in_sentences_and_side_by_side(operator: FlaskClient) -> None:
    change(
        name="HD second",
        unit_economics=present(factories.HD_MINUTE["unit_economics"]) | {"economics_confidence": "high"},
    )
    page = operator.get(SUBMIT).text
    assert "2 changes since snapshot 1" in page
    assert "HD second: name Usable HD minute → HD second" in page
    assert "HD second: confidence medium → high" in page
    assert re.search(r"<td[^>]*>Usable HD minute</td>\s*<td[^>]*>HD second</td>", page)
    assert "Submit snapshot 2" in page


def test_submitting_freezes_the_units_logs_what_was_learned_and_leads_on(operator: FlaskClient) -> None:
    change(name="HD second")
    answer = operator.post(SUBMIT, data=hidden(operator.get(SUBMIT).text))
    assert answer.headers["Location"] == f"/cycles/{factories.CYCLE}/configs/new"
    assert snapshots() == [1, 2]
    entries = {entry.detail["snapshot_version"]: entry for entry in db.session.query(LearningLogEntry)}
    assert [item["path"] for item in entries[2].detail["changes"]] == ["/vu_hd_minute/name"]
    events = [event.event_name for event in db.session.query(ProductEvent)]
    assert events.count("value_unit_snapshot_submitted") == 2


def test_the_first_snapshot_lists_every_unit_as_new(operator: FlaskClient) -> None:
    factories.cycle(db.session, "cycle_2")
    unit = factories.HD_MINUTE | {"value_unit_id": "vu_2", "cycle_id": "cycle_2"}
    value_units.create_value_unit(db.session, unit, **factories.WHO)
    db.session.commit()
    page = operator.get("/cycles/cycle_2/value-units/submit").text
    assert "The first snapshot: 1 unit" in page
    assert "Usable HD minute added" in page
    assert operator.post("/cycles/cycle_2/value-units/submit", data=hidden(page)).status_code == 303
    assert snapshots("cycle_2") == [1]


def test_when_nothing_changed_the_way_leads_on_to_the_config(operator: FlaskClient) -> None:
    page = operator.get(SUBMIT).text
    assert "Nothing changed since snapshot 1" in page
    assert f'href="/cycles/{factories.CYCLE}/configs/new">Continue to the config' in page


def test_without_units_there_is_nothing_to_submit(operator: FlaskClient) -> None:
    factories.cycle(db.session, "cycle_2")
    db.session.commit()
    page = operator.get("/cycles/cycle_2/value-units/submit").text
    assert "this cycle has no value unit" in page
    assert re.search(r"<button[^>]*disabled[^>]*>Submit", page)


def test_warnings_lead_to_the_field_that_mends_them_and_hold_nothing_back(operator: FlaskClient) -> None:
    change(event_mapping=None, quality_signal_source=[])
    page = operator.get(SUBMIT).text
    base = f"/cycles/{factories.CYCLE}/value-units?unit=vu_hd_minute"
    for field in ("event_mapping", "quality_signal_source"):
        assert f'href="{base}#{field}"' in page
    assert page.count("stops simulation") == 1
    assert page.count("stops approval") == 1
    assert "No warnings." in page
    assert operator.post(SUBMIT, data=hidden(page)).status_code == 303


def test_what_another_operator_changed_meanwhile_is_not_submitted_unseen(operator: FlaskClient) -> None:
    change(name="HD second")
    seen = hidden(operator.get(SUBMIT).text)
    change("vu_draft_export", name="Draft")
    answer = operator.post(SUBMIT, data=seen)
    assert answer.status_code == 412
    assert "changed by another operator" in answer.text
    assert "Draft export → Draft" in answer.text
    assert snapshots() == [1]
    assert operator.post(SUBMIT, data=hidden(answer.text)).status_code == 303


def test_submitting_wants_this_sessions_token(operator: FlaskClient) -> None:
    change(name="HD second")
    seen = hidden(operator.get(SUBMIT).text)["seen"]
    assert operator.post(SUBMIT, data={"seen": seen}).status_code == 403
    assert snapshots() == [1]


def test_the_drafts_of_the_cycle_are_given_the_new_snapshot_unless_they_are_left_out(operator: FlaskClient) -> None:
    for config_id in ("cfg_1", "cfg_2"):
        factories.config(db.session, config_id)
    factories.active(db.session, "cfg_3")
    change(name="HD second")
    page = operator.get(SUBMIT).text
    assert re.findall(r'name="use_in" value="(\w+)" checked', page) == ["cfg_1", "cfg_2"]
    assert "now on snapshot 1" in page
    answer = operator.post(SUBMIT, data=hidden(page) | {"use_in": ["cfg_2", "cfg_3"]})
    assert answer.location == "/configs/cfg_2/pools"
    assert versions() == {"cfg_1": 1, "cfg_2": 2, "cfg_3": 1}
    assert "Snapshot 2 was submitted with 2 units. cfg_2 uses snapshot 2 now." in operator.get(SUBMIT).text


def test_a_draft_without_a_snapshot_is_given_the_newest_while_nothing_changed(operator: FlaskClient) -> None:
    factories.config(db.session, value_unit_snapshot_version=None)
    db.session.commit()
    page = operator.get(SUBMIT).text
    assert "now on no snapshot" in page
    assert ">Use snapshot 1</button>" in page
    assert operator.post(SUBMIT, data=hidden(page) | {"use_in": "cfg_1"}).location == "/configs/cfg_1/pools"
    assert (snapshots(), versions()) == ([1], {"cfg_1": 1})
    assert "Continue to the config" in operator.get(SUBMIT).text

"""Flow 2A: two operators on one unit, copies, deletion, and where deep links land."""

import re
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_views.screens.authoring.unit_forms import UNIT_FIELDS
from app.models.base import db
from app.models.cycle import Cycle
from app.services.authoring import value_units
from app.services.authoring.inputs import ValueUnitInput
from app.services.authoring.unit_review import review_units, units_of
from tests import factories
from tests.admin_views.screens.authoring.unit_pages import HD, UNITS, changed, only_new, send, typed_in, unit


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    """A browser on a cycle with two complete units."""
    factories.foundation(db.session)
    db.session.commit()
    return sqlite_app.test_client()


# Two operators


def test_a_slower_operator_sees_both_versions_and_loses_nothing(operator: FlaskClient) -> None:
    mine = changed(typed_in(operator.get(HD).text), name="Mine", avg_cost_per_unit_usd="0.2")
    send(operator, outcome_statement="Theirs.", avg_cost_per_unit_usd="0.3")
    answer = operator.post(HD, data=mine)
    assert answer.status_code == 412
    assert "changed by another operator" in answer.text
    for text in ("Theirs.", "$0.30", "$0.20", "A minute of video that the customer published."):
        assert text in answer.text
    kept = typed_in(answer.text)
    assert (kept["name"], kept["avg_cost_per_unit_usd"]) == ("Mine", "0.2")
    assert unit().outcome_statement == "Theirs."

    taken = operator.post(HD, data=changed(kept, do="take:outcome_statement"))
    assert taken.status_code == 200
    assert "Both versions" in taken.text
    after = typed_in(taken.text)
    assert (after["outcome_statement"], after["name"]) == ("Theirs.", "Mine")
    assert operator.post(HD, data=changed(after)).status_code == 303
    stored = unit()
    assert (stored.name, stored.outcome_statement) == ("Mine", "Theirs.")
    assert stored.avg_cost_per_unit_usd == Decimal("0.2")


def test_the_mapping_of_the_other_version_is_taken_whole(operator: FlaskClient) -> None:
    mine = changed(typed_in(operator.get(HD).text), filter_dimension=["resolution"], filter_values=["8K"])
    send(operator, filter_dimension=["resolution"], filter_values=["4K"], aggregation_type="count")
    kept = typed_in(operator.post(HD, data=mine).text)
    after = typed_in(operator.post(HD, data=changed(kept, do="take:event_mapping")).text)
    assert (after["filter_values"], after["aggregation_type"]) == ("4K", "count")


def test_two_operators_who_meant_the_same_can_both_save(operator: FlaskClient) -> None:
    mine = changed(typed_in(operator.get(HD).text), name="Same")
    send(operator, name="Same")
    assert operator.post(HD, data=mine).status_code == 303
    assert unit().name == "Same"


def test_what_was_typed_survives_that_the_unit_was_deleted_meanwhile(operator: FlaskClient) -> None:
    mine = changed(typed_in(operator.get(HD).text), name="Mine")
    value_units.delete_value_unit(db.session, "vu_hd_minute", **factories.WHO)
    db.session.commit()
    answer = operator.post(HD, data=mine)
    assert answer.status_code == 409
    assert "was deleted by another operator" in answer.text
    assert f'action="{UNITS}?unit=new"' in answer.text
    assert operator.post(f"{UNITS}?unit=new", data=changed(typed_in(answer.text))).status_code == 303
    assert only_new().name == "Mine"
    assert operator.get(HD).status_code == 404


# Copies and deletion


def test_a_copy_has_everything_but_the_name(operator: FlaskClient) -> None:
    token = typed_in(operator.get(HD).text)["csrf_token"]
    answer = operator.post(f"{UNITS}/duplicate", data={"csrf_token": token, "unit": "vu_hd_minute"})
    made = only_new()
    assert answer.headers["Location"] == f"{UNITS}?unit={made.value_unit_id}"
    assert made.name == "Usable HD minute (copy)"
    same = frozenset(UNIT_FIELDS) - {"name"}
    assert {name: getattr(made, name) for name in same} == {name: getattr(unit(), name) for name in same}


def test_deleting_asks_first_and_names_what_goes_and_what_stays(operator: FlaskClient) -> None:
    page = operator.get(f"{HD}&ask=delete").text
    assert "Delete Usable HD minute?" in page
    assert "2 metrics intents and 1 quality signals go with it" in page
    assert "Its frozen copy stays in snapshot 1." in page
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    answer = operator.post(f"{UNITS}/delete", data={"csrf_token": token[1], "unit": "vu_hd_minute"})
    assert answer.headers["Location"] == UNITS
    assert [item.value_unit_id for item in units_of(db.session, factories.CYCLE)] == ["vu_draft_export"]


def test_a_unit_that_pools_count_is_not_deleted(operator: FlaskClient) -> None:
    factories.config(db.session)
    db.session.commit()
    page = operator.get(f"{HD}&ask=delete").text
    assert 'href="/configs/cfg_1/pools?pool=pool_core#value_unit_id">Core</a>' in page
    assert "Delete Usable HD minute</button>" not in page
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    answer = operator.post(f"{UNITS}/delete", data={"csrf_token": token[1], "unit": "vu_hd_minute"})
    assert answer.status_code == 409
    assert unit().name == "Usable HD minute"


@pytest.mark.parametrize("route", ["duplicate", "delete"])
def test_writes_want_this_sessions_token_and_a_unit_of_this_cycle(operator: FlaskClient, route: str) -> None:
    assert operator.post(f"{UNITS}/{route}", data={"unit": "vu_hd_minute"}).status_code == 403
    factories.cycle(db.session, "cycle_2")
    db.session.commit()
    token = typed_in(operator.get("/cycles/cycle_2/value-units?unit=new").text)["csrf_token"]
    elsewhere = operator.post(
        f"/cycles/cycle_2/value-units/{route}", data={"csrf_token": token, "unit": "vu_hd_minute"}
    )
    assert elsewhere.status_code == 404
    assert operator.get("/cycles/cycle_2/value-units?unit=vu_hd_minute").status_code == 404


def test_every_deep_link_of_the_rules_names_a_control_of_the_page(operator: FlaskClient) -> None:
    broken: ValueUnitInput = {
        "event_mapping": {
            "event_type": "video_render_completed",
            "filters": {"colour": "red"},
            "aggregation": {"type": "sum", "field": "weight"},
        },
        "outcome_statement": None,
        "metrics_intent": [],
        "quality_signal_source": [],
        "unit_economics": None,
        "unit_type": "quality_adjusted_outcome",
    }
    gone: ValueUnitInput = {"event_mapping": {"event_type": "gone", "aggregation": {"type": "sum"}}}
    unmapped: ValueUnitInput = {"event_mapping": None}
    for changes in (broken, gone, unmapped):
        value_units.update_value_unit(db.session, "vu_hd_minute", changes, **factories.WHO)
        db.session.commit()
        cycle = db.session.get_one(Cycle, factories.CYCLE)
        findings = review_units(db.session, cycle, [unit()])["vu_hd_minute"].findings
        assert findings
        for finding in findings:
            address, _, field = finding.deep_link.partition("#")
            assert re.search(f'id="{re.escape(field)}"', operator.get(address).text), finding

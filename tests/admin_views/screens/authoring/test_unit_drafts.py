"""Flow 2A: units that save themselves, half typed as they are, once each, and never over another operator's version."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app.models.base import db
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring import value_units
from app.services.authoring.unit_review import units_of
from app.services.configs.documents import frozen_unit
from tests import factories
from tests.admin_views.screens.authoring.unit_pages import HD, UNITS, changed, only_new, send, typed_in, unit
from tests.admin_views.screens.draft_pages import AUTOSAVE
from tests.answers import json_of

NEW = f"{UNITS}?unit=new"


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    """A browser on a cycle with two complete units."""
    factories.foundation(db.session)
    db.session.commit()
    return sqlite_app.test_client()


def typing(client: FlaskClient, address: str = HD, **changes: str | list[str]) -> MultiDict[str, str]:
    """What the page's script would send of an opened unit after these changes."""
    return changed(typed_in(client.get(address).text), do="", **changes)


def autosave(client: FlaskClient, sent: MultiDict[str, str], address: str = HD) -> TestResponse:
    return client.post(address, data=sent, headers=AUTOSAVE)


def names() -> list[str]:
    db.session.rollback()
    return sorted(item.name for item in units_of(db.session, factories.CYCLE))


# Half-typed units


def test_an_autosave_stores_what_was_typed_and_tells_what_the_unit_lacks_now(operator: FlaskClient) -> None:
    told = autosave(operator, typing(operator, name="HD second", outcome_statement=""))
    assert told.status_code == 200
    assert (unit().name, unit().outcome_statement) == ("HD second", None)
    assert json_of(told)["address"] == HD
    assert json_of(told)["saved_at"].endswith("UTC")
    assert "outcome statement" in json_of(told)["parts"]["unit-state"]
    assert "HD second" in json_of(told)["parts"]["units-beside"]
    assert json_of(told)["parts"]["pane-title"] == "HD second"


@pytest.mark.parametrize(
    "typed",
    [
        {"outcome_statement": "A frame."},
        {"avg_cost_per_unit_usd": "0.2"},
        {"event_type": "draft_export_created"},
        {"filter_dimension": ["resolution"], "filter_values": ["HD"]},
        {"intent_metric": ["gross_margin"]},
        {"quality_note": "Nobody knows yet."},
    ],
)
def test_a_unit_is_kept_as_a_draft_before_it_has_a_name(operator: FlaskClient, typed: dict[str, Any]) -> None:
    told = autosave(operator, typing(operator, NEW, **typed), NEW)
    assert told.status_code == 200, told.json
    assert only_new().name == "Untitled unit"
    again = typed_in(operator.get(json_of(told)["address"]).text)
    assert {name: again.getlist(name) for name in typed} == {
        name: value if isinstance(value, list) else [value] for name, value in typed.items()
    }


def test_a_name_that_is_taken_away_for_another_one_stays_until_then(operator: FlaskClient) -> None:
    sent = typing(operator, name="", outcome_statement="Typed beside it.")
    assert autosave(operator, sent).status_code == 200
    assert (unit().name, unit().outcome_statement) == ("Usable HD minute", "Typed beside it.")


def test_what_cannot_be_stored_yet_is_named_and_stays_on_the_page(operator: FlaskClient) -> None:
    before = frozen_unit(unit())
    told = autosave(operator, typing(operator, filter_dimension=["resolution"], filter_values=[""]))
    assert (told.status_code, list(json_of(told)["errors"])) == (422, ["filters"])
    assert json_of(told)["detail"] == "Say what resolution has to be, or remove the row."
    assert frozen_unit(unit()) == before


# A new unit becomes one unit


def test_the_first_autosave_makes_the_unit_and_says_where_it_is_from_now_on(operator: FlaskClient) -> None:
    sent = typing(operator, NEW, name="Storyboard")
    told = json_of(autosave(operator, sent, NEW))
    made = only_new()
    assert told["address"] == f"{UNITS}?unit={made.value_unit_id}"
    assert "Duplicate" in told["parts"]["pane-head"]
    later = changed(sent, do="", row_version=told["row_version"], name="Storyboards")
    assert autosave(operator, later, told["address"]).status_code == 200
    assert names() == ["Draft export", "Storyboards", "Usable HD minute"]


def test_a_save_that_is_sent_again_makes_no_second_unit(operator: FlaskClient) -> None:
    sent = typing(operator, NEW, name="Storyboard")
    first, again = (json_of(autosave(operator, sent, NEW)) for _ in range(2))
    assert (again["address"], again["row_version"]) == (first["address"], first["row_version"])
    assert names() == ["Draft export", "Storyboard", "Usable HD minute"]


def test_the_same_page_sent_with_other_text_asks_which_version_stays(operator: FlaskClient) -> None:
    sent = typing(operator, NEW, name="Storyboard")
    autosave(operator, sent, NEW)
    answer = operator.post(NEW, data=changed(sent, name="Moodboard"))
    assert answer.status_code == 412
    assert "Moodboard" in answer.text
    made = f"{UNITS}?unit={only_new().value_unit_id}"
    assert f'action="{made}"' in answer.text
    assert operator.post(made, data=changed(typed_in(answer.text))).status_code == 303
    assert names() == ["Draft export", "Moodboard", "Usable HD minute"]


@pytest.mark.parametrize("makes", ["", "vu_short", "cfg_" + "a" * 26, "vu_hd_minute; --"])
def test_an_id_that_no_page_gave_is_not_taken(operator: FlaskClient, makes: str) -> None:
    autosave(operator, typing(operator, NEW, name="Storyboard", makes=makes), NEW)
    assert only_new().value_unit_id.startswith("vu_0")


def test_a_unit_of_another_cycle_is_not_reached_by_its_id(operator: FlaskClient) -> None:
    factories.cycle(db.session, "cycle_2")
    db.session.commit()
    sent = typing(operator, NEW, name="Storyboard")
    autosave(operator, sent, NEW)
    elsewhere = "/cycles/cycle_2/value-units?unit=new"
    told = autosave(operator, changed(sent, do="", name="Mine"), elsewhere)
    assert (told.status_code, json_of(told)["code"]) == (409, "already_exists")
    assert names() == ["Draft export", "Storyboard", "Usable HD minute"]


# Two operators


def test_an_autosave_after_another_operator_saves_nothing_and_decides_nothing(operator: FlaskClient) -> None:
    mine = typing(operator, name="Mine")
    send(operator, name="Theirs")
    for _ in range(2):
        told = autosave(operator, mine)
        assert (told.status_code, json_of(told)["code"], json_of(told)["row_version"]) == (
            412,
            "changed_meanwhile",
            None,
        )
    assert unit().name == "Theirs"


def test_both_versions_are_shown_field_by_field_without_a_background_save(operator: FlaskClient) -> None:
    assert "data-autosave" in operator.get(HD).text
    mine = typing(operator, name="Mine")
    send(operator, name="Theirs")
    page = operator.post(HD, data=changed(mine)).text
    assert "Keep mine: save what I typed" in page
    assert f'href="{HD}" data-leave' in page
    assert 'value="take:name"' in page
    assert "data-autosave" not in page


def test_an_autosave_of_a_unit_that_was_deleted_makes_none_by_itself(operator: FlaskClient) -> None:
    mine = typing(operator, name="Mine")
    value_units.delete_value_unit(db.session, "vu_hd_minute", **factories.WHO)
    db.session.commit()
    told = autosave(operator, mine)
    assert (told.status_code, json_of(told)["code"]) == (409, "deleted_meanwhile")
    assert names() == ["Draft export"]
    asked = operator.post(HD, data=changed(mine))
    assert "data-autosave" not in asked.text
    made = operator.post(NEW, data=changed(typed_in(asked.text)))
    assert made.status_code == 303
    assert names() == ["Draft export", "Mine"]
    assert db.session.get(ValueUnitDefinition, "vu_hd_minute") is None


def test_an_expired_autosave_is_told_the_token_of_its_next_try(operator: FlaskClient) -> None:
    sent = typing(operator, name="Mine", csrf_token="old")
    told = autosave(operator, sent)
    assert (told.status_code, json_of(told)["code"]) == (403, "csrf_failed")
    assert autosave(operator, changed(sent, do="", **json_of(told)["values"])).status_code == 200

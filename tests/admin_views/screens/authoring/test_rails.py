"""Flow 3D: thresholds, caps and the floor, as rows and as a picture."""

from decimal import Decimal
from typing import Any, Unpack

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.config_version import ConfigVersion, RailRule
from app.models.transactions import write
from app.services.authoring import config_parts
from app.services.authoring import configs as config_drafts
from app.services.authoring.inputs import RailsInput
from simulation.canonical import Json
from tests import factories as f
from tests.admin_views.screens.decisions.decide_pages import text_of
from tests.admin_views.screens.draft_pages import AUTOSAVE, PREVIEW, post, sent_by, typed
from tests.answers import json_of
from tests.present import present

URL = "/configs/cfg_1/rails"


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    with write(db.session):
        f.foundation(db.session)
        f.config(db.session)
    return sqlite_app.test_client()


def rails() -> RailRule:
    db.session.rollback()
    db.session.expunge_all()
    return present(db.session.get_one(ConfigVersion, "cfg_1").rails)


def put(**data: Unpack[RailsInput]) -> None:
    with write(db.session):
        config_parts.put_rails(db.session, "cfg_1", data, **f.WHO)


def store_caps(caps: list[Json]) -> None:
    """Store caps as rows from before their shape was checked have them."""
    with write(db.session):
        config = db.session.get_one(ConfigVersion, "cfg_1")
        present(config.rails).absolute_usage_caps = caps


def test_the_picture_says_every_rail_in_words_too(client: FlaskClient) -> None:
    text = text_of(client.get(URL).text)
    assert "At 70 % warn, at 90 % throttle, at 100 % block." in text
    assert "At a bill of $650.00 in a month: require approval." in text
    assert "Margin below 68 % counts as broken." in text


def test_every_field_has_the_id_that_deep_links_name(client: FlaskClient) -> None:
    page = client.get(URL).text
    for name in ("usage_thresholds", "monthly_spend_cap_usd", "at_cap_action", "margin_floor", "absolute_usage_caps"):
        assert f'id="{name}"' in page


def test_the_rails_are_saved_and_lead_to_the_simulation(client: FlaskClient) -> None:
    answer = post(
        client,
        URL,
        {
            "threshold_action": ["warn", "degrade_quality", "throttle"],
            "monthly_spend_cap_usd": "$1,234.5",
            "at_cap_action": "block",
            "margin_floor": "66.5",
        },
    )
    assert (answer.status_code, answer.location) == (303, "/configs/cfg_1/simulate")
    stored = rails()
    assert [item["action"] for item in stored.usage_thresholds] == ["warn", "degrade_quality", "throttle"]
    assert (stored.monthly_spend_cap_usd, stored.at_cap_action) == (Decimal("1234.5"), "block")
    assert stored.margin_floor == Decimal("0.665")


def test_more_thresholds_take_their_place_by_percent(client: FlaskClient) -> None:
    changes = {"threshold_percent": ["70", "90", "100", "80 %"], "threshold_action": ["warn", "", "block", "warn"]}
    assert post(client, URL, changes).status_code == 303
    assert rails().usage_thresholds == [
        {"percent": 70, "action": "warn"},
        {"percent": 80, "action": "warn"},
        {"percent": 100, "action": "block"},
    ]
    assert sent_by(client.get(URL).text).getlist("threshold_percent") == ["70", "80", "90", "100"]


def test_rails_that_are_empty_save_as_empty(client: FlaskClient) -> None:
    empty = {"threshold_action": ["", "", ""], "monthly_spend_cap_usd": "", "at_cap_action": "", "margin_floor": ""}
    told = post(client, URL, empty, headers=AUTOSAVE)
    assert told.status_code == 200
    assert json_of(told)["completeness"]["next_missing_item"]["code"] == "rails_monthly_spend_cap_missing"
    assert "No thresholds yet." in json_of(told)["parts"]["gauge"]
    assert (rails().usage_thresholds, rails().monthly_spend_cap_usd, rails().margin_floor) == ([], None, None)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"threshold_percent": ["70", "90", "100", "90"], "threshold_action": ["warn"] * 4}, "90 % is there twice"),
        ({"threshold_percent": ["70", "90", "100", "0"], "threshold_action": ["warn"] * 4}, "not a percentage above 0"),
        ({"threshold_percent": ["70", "90", "100", "x"], "threshold_action": ["warn"] * 4}, "is not a number"),
        (
            {"threshold_percent": ["70", "90", "100", "80"], "threshold_action": ["warn"] * 3 + [""]},
            "what happens at 80",
        ),
        ({"threshold_action": ["warn", "explode", "block"]}, "what happens at 90"),
        ({"cap_unit": ["vu_hd_minute"] * 2, "cap_quantity": ["1", "2"]}, "vu_hd_minute is there twice"),
        ({"cap_unit": [""], "cap_quantity": ["5"]}, "Choose the unit of which 5 is the most"),
        ({"cap_unit": ["vu_hd_minute"], "cap_quantity": [""]}, "Say how much of vu_hd_minute"),
        ({"cap_unit": ["vu_hd_minute"], "cap_quantity": ["-5"]}, "cannot be negative"),
        ({"margin_floor": "101 %"}, "cannot be more than 1"),
        ({"monthly_spend_cap_usd": "-1"}, "cannot be negative"),
        ({"at_cap_action": "explode"}, "Not a valid choice"),
    ],
)
def test_a_value_that_cannot_be_is_named_and_typed_rows_stay(
    client: FlaskClient, changes: dict[str, str | list[str]], says: str
) -> None:
    before = rails().usage_thresholds
    answer = post(client, URL, changes)
    assert answer.status_code == 422
    assert says in text_of(answer.text)
    again = sent_by(answer.text)
    for name, value in changes.items():
        if "explode" not in value:
            assert again.getlist(name) == (value if isinstance(value, list) else [value])
    assert rails().usage_thresholds == before


def test_caps_are_rows_of_unit_and_quantity(client: FlaskClient) -> None:
    page = post(client, URL, {"do": "add:absolute_usage_caps"}).text
    assert sent_by(page).getlist("cap_unit") == [""]
    assert post(client, URL, {"cap_unit": ["vu_hd_minute"], "cap_quantity": ["1,000"]}).status_code == 303
    assert rails().absolute_usage_caps == [{"value_unit_id": "vu_hd_minute", "max_quantity": 1000}]
    removed = post(client, URL, {"do": "remove:absolute_usage_caps:0"}).text
    assert sent_by(removed).getlist("cap_unit") == []


def test_caps_of_another_shape_are_shown_and_kept(client: FlaskClient) -> None:
    foreign = {"per": "day", "renders": 50}
    store_caps([foreign, {"value_unit_id": "vu_hd_minute", "max_quantity": 5}])
    assert "per day · renders 50" in text_of(client.get(URL).text)
    before = rails().absolute_usage_caps
    post(client, URL, {"do": "save"})
    assert rails().absolute_usage_caps == before
    post(client, URL, {"cap_quantity": ["6"]})
    assert rails().absolute_usage_caps == [{"value_unit_id": "vu_hd_minute", "max_quantity": 6}, foreign]


def test_caps_that_no_app_can_enforce_are_taken_out_with_a_button(client: FlaskClient) -> None:
    store_caps([{"per": "day", "renders": 50}, {"value_unit_id": "vu_hd_minute", "max_quantity": 5}])
    assert "no app can enforce" in text_of(client.get("/configs/cfg_1/review").text)
    dropped = post(client, URL, {"do": "drop:absolute_usage_caps"}).text
    assert "per day" not in text_of(dropped)
    form = sent_by(dropped)
    form["do"] = "save"
    assert client.post(URL, data=form).status_code == 303
    assert rails().absolute_usage_caps == [{"value_unit_id": "vu_hd_minute", "max_quantity": 5}]


def test_another_order_of_thresholds_is_no_change(client: FlaskClient) -> None:
    put(usage_thresholds=list(reversed(f.RAILS["usage_thresholds"])))
    before = rails().usage_thresholds
    assert post(client, URL, {"do": "save"}).status_code == 303
    assert rails().usage_thresholds == before


def test_the_stages_default_keeps_other_thresholds(client: FlaskClient) -> None:
    put(usage_thresholds=[{"percent": 50, "action": "warn"}, {"percent": 70, "action": "block"}])
    form = sent_by(post(client, URL, {"do": "defaults"}).text)
    rows = dict(zip(form.getlist("threshold_percent"), form.getlist("threshold_action"), strict=True))
    assert rows == {"70": "warn", "90": "warn", "100": "throttle", "50": "warn"}


def test_rows_are_added_and_removed_without_scripts(client: FlaskClient) -> None:
    page = post(client, URL, {"do": "add:usage_thresholds"}).text
    assert sent_by(page).getlist("threshold_percent") == ["70", "90", "100", ""]
    put(usage_thresholds=[{"percent": 50, "action": "warn"}])
    assert sent_by(post(client, URL, {"do": "remove:usage_thresholds:0"}).text).getlist("threshold_percent") == [
        "70",
        "90",
        "100",
    ]


def test_a_preview_draws_what_is_typed_and_saves_nothing(client: FlaskClient) -> None:
    told = json_of(post(client, URL, {"monthly_spend_cap_usd": "42", "margin_floor": ""}, headers=PREVIEW))
    assert "cap $42.00 require approval" in told["parts"]["gauge"]
    assert "no floor yet" in told["parts"]["gauge"]
    assert rails().monthly_spend_cap_usd == 650


def test_how_apps_go_on_without_us_is_set_here_and_leaves_a_simulated_config_simulated(client: FlaskClient) -> None:
    with write(db.session):
        f.run(db.session, db.session.get_one(ConfigVersion, "cfg_1"))
        config_parts.put_rails(db.session, "cfg_1", {}, **f.WHO)
    typed = {"max_staleness_seconds": "3600", "expired_usage_thresholds": "closed"}
    assert post(client, URL, typed | {"do": "save"}).status_code == 303
    stored = rails().config_version
    assert stored.delivery == {"max_staleness_seconds": 3600, "on_expired": {"usage_thresholds": "closed"}}
    assert stored.status == "simulated"
    page = text_of(client.get(URL).text)
    assert "Without AVS Brain" in page
    assert "1 hour" in page


def test_how_apps_count_is_set_here_in_plain_words(client: FlaskClient) -> None:
    page = text_of(client.get(URL).text)
    assert "months from each customer's own day on" in page
    assert "of any unit's, for all of the customer's units" in page
    assert "a simulation always counts 30 days" in page
    typed: dict[str, Any] = {
        "period_kind": "calendar_month",
        "period_time_zone": "Europe/Berlin",
        "counters_hard_stop": "open",
        "threshold_scope": ["pool", "unit", "customer"],
    }
    assert post(client, URL, typed | {"do": "save"}).status_code == 303
    assert rails().config_version.delivery == {
        "period_anchor": {"kind": "calendar_month", "time_zone": "Europe/Berlin"},
        "on_counters_unavailable": {"hard_stop": "open"},
        "threshold_scopes": [{"percent": 90, "scope": "unit"}, {"percent": 100, "scope": "customer"}],
    }
    form = sent_by(client.get(URL).text)
    assert form.getlist("threshold_scope") == ["pool", "unit", "customer"]
    assert form["period_time_zone"] == "Europe/Berlin"


def test_the_approve_screen_says_in_a_sentence_that_apps_count_otherwise_than_simulated(client: FlaskClient) -> None:
    anchor = {"kind": "customer_day", "time_zone": "Europe/Berlin"}
    scopes = [{"percent": 90, "scope": "unit"}]
    with write(db.session):
        delivery: Json = {"period_anchor": anchor, "threshold_scopes": scopes}
        config_drafts.update_config(db.session, "cfg_1", {"delivery": delivery}, **f.WHO)
        f.run(db.session, db.session.get_one(ConfigVersion, "cfg_1"))
    sentence = (
        "This config counts in months from each customer's own day on (Europe/Berlin) and 90 % as the share of a "
        "unit's whole allowance; a simulation counts in periods of 30 days and by the share of each pool, so apps will "
        "act at other moments than simulated."
    )
    assert sentence in text_of(client.get("/configs/cfg_1/approve").text)


def test_thirty_days_from_a_moment_are_set_and_taken_back(client: FlaskClient) -> None:
    typed = {"period_kind": "fixed", "period_at": "2026-02-01 06:30 UTC", "do": "save"}
    assert post(client, URL, typed).status_code == 303
    assert rails().config_version.delivery == {"period_anchor": {"kind": "fixed", "at": "2026-02-01T06:30:00Z"}}
    assert post(client, URL, {"do": "save"}).status_code == 303
    assert rails().config_version.delivery == {"period_anchor": {"kind": "fixed", "at": "2026-02-01T06:30:00Z"}}
    assert post(client, URL, {"period_kind": "", "do": "save"}).status_code == 303
    assert rails().config_version.delivery == {}


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"period_kind": "fixed", "period_at": ""}, "Say from which moment on"),
        ({"period_kind": "fixed", "period_at": "soon"}, "is not a moment"),
        ({"period_kind": "calendar_month", "period_time_zone": "Mars/Olympus"}, "Not a valid choice"),
        ({"period_kind": "week"}, "Not a valid choice"),
        ({"counters_hard_stop": "maybe"}, "Not a valid choice"),
    ],
    ids=["no moment", "no such moment", "no such zone", "no such kind", "no such answer"],
)
def test_what_no_app_could_count_by_is_refused_at_its_field(
    client: FlaskClient, typed: dict[str, str], words: str
) -> None:
    answer = post(client, URL, typed | {"do": "save"})
    assert answer.status_code == 422
    assert words in text_of(answer.text)
    assert rails().config_version.delivery == {}


def test_a_scope_goes_with_its_threshold(client: FlaskClient) -> None:
    scopes = [{"percent": 55, "scope": "unit"}, {"percent": 90, "scope": "unit"}]
    with write(db.session):
        config_drafts.update_config(db.session, "cfg_1", {"delivery": {"threshold_scopes": scopes}}, **f.WHO)
    assert post(client, URL, {"do": "save"}).status_code == 303
    assert rails().config_version.delivery == {"threshold_scopes": [{"percent": 90, "scope": "unit"}]}


def test_a_span_that_another_door_stored_is_offered_too(client: FlaskClient) -> None:
    with write(db.session):
        config_drafts.update_config(db.session, "cfg_1", {"delivery": {"max_staleness_seconds": 5400}}, **f.WHO)
    assert "90 minutes" in client.get(URL).text
    assert post(client, URL, {"do": "save"}).status_code == 303
    assert rails().config_version.delivery == {"max_staleness_seconds": 5400}


def test_a_span_that_is_not_offered_is_refused_at_its_field(client: FlaskClient) -> None:
    answer = post(client, URL, {"max_staleness_seconds": "1", "do": "save"})
    assert answer.status_code == 422
    assert rails().config_version.delivery == {}


def test_a_threshold_may_be_a_share_of_the_spend_cap(client: FlaskClient) -> None:
    page = client.get(URL).text
    assert "of the monthly spend cap" in text_of(page)
    sent = typed(page)
    sent.setlist("threshold_scope", ["spend", *sent.getlist("threshold_scope")[1:]])
    sent.setlist("threshold_action", ["warn", *sent.getlist("threshold_action")[1:]])
    assert client.post(URL, data=sent).status_code == 303
    assert {"percent": 70, "scope": "spend"} in rails().config_version.delivery["threshold_scopes"]

"""Flow 2A: the cycle's units, one of them open, edited, computed, compared, copied and deleted."""

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_views.screens.authoring.unit_forms import UNIT_FIELDS
from app.models.base import db
from app.models.product_event import ProductEvent
from app.services.authoring import value_units
from app.services.authoring.unit_review import units_of
from app.services.configs.documents import frozen_unit
from tests import factories
from tests.admin_views.screens.authoring.unit_pages import (
    HD,
    UNITS,
    accept,
    changed,
    only_new,
    send,
    typed_in,
    unit,
)
from tests.answers import json_of
from tests.present import present


@pytest.fixture
def operator(sqlite_app: Flask) -> FlaskClient:
    """A browser on a cycle with two complete units."""
    factories.foundation(db.session)
    db.session.commit()
    return sqlite_app.test_client()


def test_the_list_shows_every_unit_with_what_it_counts_and_what_it_lacks(operator: FlaskClient) -> None:
    value_units.update_value_unit(db.session, "vu_draft_export", {"quality_signal_source": []}, **factories.WHO)
    db.session.commit()
    page = operator.get(UNITS).text
    assert "sum of output_minutes" in page
    assert "render_mode production or preview" in page
    assert f'{UNITS}?unit=vu_draft_export#quality_signal_source">quality signal' in page
    assert 'href="/cycles/cycle_1/value-units/submit">Continue to submit' in page


def test_an_empty_cycle_says_what_a_unit_is_and_offers_the_first(operator: FlaskClient) -> None:
    factories.cycle(db.session, "cycle_2")
    db.session.commit()
    page = operator.get("/cycles/cycle_2/value-units").text
    assert "A value unit is what a customer gets and pays for" in page
    assert "Define the first unit" in page
    assert re.search(r"<button[^>]*disabled[^>]*>Continue to submit", page)


def test_the_list_stays_beside_an_open_unit(operator: FlaskClient) -> None:
    page = operator.get(HD).text
    assert f'href="{HD}" aria-current="true"' in page
    assert f'href="{UNITS}?unit=vu_draft_export"' in page
    assert "Nothing is missing." in page


def test_saving_what_was_not_touched_changes_nothing(operator: FlaskClient) -> None:
    before = frozen_unit(unit()), unit().updated_at
    answer = send(operator)
    assert answer.status_code == 303, answer.text
    assert (frozen_unit(unit()), unit().updated_at) == before
    assert "Usable HD minute was saved." in operator.get(answer.headers["Location"]).text
    events = [event.event_name for event in db.session.query(ProductEvent)]
    assert "value_unit_updated" not in events


def test_every_field_can_be_changed_without_a_script(operator: FlaskClient) -> None:
    answer = send(
        operator,
        name="HD second",
        unit_type="usage",
        event_type="draft_export_created",
        filter_dimension=["resolution", "customer_id"],
        filter_values=['HD, "1080"', "cust_1"],
        aggregation_type="distinct_count",
        aggregation_field="customer_id",
        outcome_statement="A second.",
        intent_metric=["exploration_depth", ""],
        intent_impact=["", "positive"],
        quality_signal_source=[],
        quality_note="None yet.",
        avg_cost_per_unit_usd="0.0000025",
        target_price_per_unit_usd="$1,000",
        target_margin="99.9",
        economics_confidence="high",
    )
    assert answer.status_code == 303, answer.text
    stored = frozen_unit(unit())
    assert {name: stored[name] for name in UNIT_FIELDS} == {
        "name": "HD second",
        "unit_type": "usage",
        "event_mapping": {
            "event_type": "draft_export_created",
            "filters": {"resolution": ["HD", "1080"], "customer_id": "cust_1"},
            "aggregation": {"type": "distinct_count", "field": "customer_id"},
        },
        "outcome_statement": "A second.",
        "metrics_intent": [{"metric_id": "exploration_depth", "expected_impact": "unknown"}],
        "quality_signal_source": [],
        "quality_note": "None yet.",
        "unit_economics": {
            "avg_cost_per_unit_usd": Decimal("0.0000025"),
            "target_price_per_unit_usd": Decimal(1000),
            "target_margin": Decimal("0.999"),
            "economics_confidence": "high",
        },
    }


def test_a_new_unit_needs_a_name_only(operator: FlaskClient) -> None:
    answer = send(operator, f"{UNITS}?unit=new", name="Storyboard", unit_type="outcome")
    made = only_new()
    assert answer.headers["Location"] == f"{UNITS}?unit={made.value_unit_id}"
    assert (made.event_mapping, made.metrics_intent, made.unit_economics) == (None, [], None)
    assert (made.unit_type, made.completeness_status) == ("outcome", "red")


def test_a_new_unit_in_which_nothing_was_typed_is_not_made(operator: FlaskClient) -> None:
    answer = send(operator, f"{UNITS}?unit=new")
    assert answer.headers["Location"] == f"{UNITS}?unit=new"
    assert len(units_of(db.session, factories.CYCLE)) == 2


def test_the_catalog_leads_to_a_new_unit_of_its_event(operator: FlaskClient) -> None:
    page = operator.get(f"{UNITS}?unit=new&event_type=draft_export_created").text
    assert '<option selected value="draft_export_created">' in page


def test_rows_are_added_and_removed_by_buttons_that_keep_what_was_typed(operator: FlaskClient) -> None:
    page = send(operator, name="Mine", do="add:filters").text
    rows = typed_in(page).getlist("filter_dimension")
    assert sorted(rows) == ["", "render_mode", "resolution"]
    assert typed_in(page)["name"] == "Mine"
    second = changed(typed_in(page), do=f"remove:filters:{rows.index('resolution')}")
    after = typed_in(operator.post(HD, data=second).text)
    assert sorted(after.getlist("filter_dimension")) == ["", "render_mode"]
    intents = changed(typed_in(page), do="remove:metrics_intent:0")
    assert typed_in(operator.post(HD, data=intents).text).getlist("intent_metric") == ["paid_engagement_retention_90d"]
    assert unit().name == "Usable HD minute"


@pytest.mark.parametrize(
    "action", ["remove:filters:99", "remove:name:0", "add:csrf_token", "fill:nothing", "take:x", "?"]
)
def test_a_button_that_nobody_offered_does_nothing(operator: FlaskClient, action: str) -> None:
    before = typed_in(operator.get(HD).text)
    before.poplist("csrf_token")
    after = typed_in(send(operator, do=action).text)
    after.poplist("csrf_token")
    assert after == before


@pytest.mark.parametrize(
    ("dimensions", "values", "says"),
    [
        (["resolution", "resolution"], ["HD", "4K"], "resolution is there twice"),
        (["resolution"], ["  "], "Say what resolution has to be"),
        ([""], ["HD"], "Choose the dimension"),
        (["resolution"], ['"HD'], "quotation marks"),
        (["resolution"] * 21, ["HD"] * 21, "resolution is there twice"),
    ],
)
def test_a_filter_that_says_nothing_is_refused_at_the_filters(
    operator: FlaskClient, dimensions: list[str], values: list[str], says: str
) -> None:
    answer = send(operator, filter_dimension=dimensions, filter_values=values)
    assert answer.status_code == 422
    assert says in unescape(answer.text)
    assert 'href="#event_mapping.filters"' in answer.text
    assert typed_in(answer.text).getlist("filter_values") == [value.strip() for value in values]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"intent_metric": ["gross_margin"] * 2, "intent_impact": ["positive"] * 2}, "metrics_intent"),
        ({"intent_metric": ["made_up"], "intent_impact": ["positive"]}, "metrics_intent"),
        ({"intent_metric": ["gross_margin"], "intent_impact": ["sideways"]}, "metrics_intent"),
        ({"avg_cost_per_unit_usd": "cheap"}, "unit_economics.avg_cost_per_unit_usd"),
        ({"target_price_per_unit_usd": "-1"}, "unit_economics.target_price_per_unit_usd"),
        ({"target_margin": "120"}, "unit_economics.target_margin"),
        ({"event_type": "made_up"}, "event_mapping.event_type"),
        ({"quality_signal_source": ["made_up"]}, "quality_signal_source"),
        ({"name": "x" * 201}, "name"),
    ],
)
def test_bad_input_is_named_at_its_field_and_nothing_is_saved(
    operator: FlaskClient, changes: dict[str, Any], field: str
) -> None:
    before = frozen_unit(unit())
    answer = send(operator, **changes)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert re.search(f'id="{re.escape(field)}"', answer.text)
    assert frozen_unit(unit()) == before


def test_an_expired_form_keeps_what_was_typed(operator: FlaskClient) -> None:
    answer = send(operator, csrf_token="old", name="Mine")
    assert answer.status_code == 403
    assert "expired" in answer.text
    assert typed_in(answer.text)["name"] == "Mine"
    assert unit().name == "Usable HD minute"


# Economics


def test_the_third_of_cost_price_and_margin_is_filled_in_when_saved(operator: FlaskClient) -> None:
    send(operator, target_margin="")
    assert unit().target_margin == Decimal("0.7")
    send(operator, target_price_per_unit_usd="", avg_cost_per_unit_usd="0.3")
    assert unit().target_price_per_unit_usd == 1
    send(operator, avg_cost_per_unit_usd="", target_margin="50 %")
    assert unit().avg_cost_per_unit_usd == Decimal("0.5")


def test_three_that_disagree_are_saved_and_said(operator: FlaskClient) -> None:
    send(operator, target_margin="50")
    page = operator.get(HD).text
    assert "cost and price give a margin of 70 %" in page
    assert "aims at a margin of 50 %" in page
    assert 'value="use:target_margin"' in page
    after = typed_in(send(operator, do="use:target_price_per_unit_usd").text)
    assert (after["target_price_per_unit_usd"], after["target_margin"]) == ("0.36", "50 %")


def test_the_script_is_told_exact_figures(operator: FlaskClient) -> None:
    query = {"avg_cost_per_unit_usd": "0.18", "target_price_per_unit_usd": "0.6", "target_margin": "50"}
    answer = json_of(operator.get(f"{UNITS}/economics", query_string=query))
    assert answer["implied"] == {
        "avg_cost_per_unit_usd": "0.3",
        "target_price_per_unit_usd": "0.36",
        "target_margin": "70 %",
    }
    assert "These disagree" in answer["html"]
    del query["target_margin"]
    assert "filled in when you save" in json_of(operator.get(f"{UNITS}/economics", query_string=query))["html"]
    query["fill"] = "target_margin"
    assert "They agree" in json_of(operator.get(f"{UNITS}/economics", query_string=query))["html"]
    assert json_of(operator.get(f"{UNITS}/economics?avg_cost_per_unit_usd=nan"))["implied"] == {}


# The live line


def test_the_live_line_is_there_without_a_script_and_follows_the_mapping(operator: FlaskClient) -> None:
    page = unescape(operator.get(HD).text)
    assert "2 events" in page  # the workspace is on mocked data and has no events of its own
    assert "10 units" in page
    assert "Counted in the bundled demo events." in page
    page = send(operator, do="check", filter_dimension=["resolution"], filter_values=["4K"]).text
    assert "1 event<" in page
    assert "2 units" in page
    page = send(operator, do="check", filter_dimension=["resolution"], filter_values=["8K"]).text
    assert "3 events of this type arrived, and none passes the filters." in page


def test_the_live_line_says_what_matches_no_unit_of_the_cycle(operator: FlaskClient) -> None:
    page = unescape(operator.get(HD).text)
    assert "1 of 3 events" in page
    assert "(2 of 12 output_minutes)" in page
    assert "/value-units?unit=new&event_type=video_render_completed#event_mapping" in page
    page = send(operator, do="check", filter_dimension=["resolution"], filter_values=["HD, 4K"]).text
    assert "no unit of the cycle" not in page


def test_a_sum_less_a_field_is_stored_and_shown(operator: FlaskClient) -> None:
    send(operator, aggregation_minus="resolution")
    aggregation = {"type": "sum", "field": "output_minutes", "minus": "resolution"}
    assert unit().event_mapping == present(factories.HD_MINUTE["event_mapping"]) | {"aggregation": aggregation}
    assert typed_in(operator.get(HD).text)["aggregation_minus"] == "resolution"
    assert "sum of output_minutes less resolution" in re.sub(r"\s+", " ", operator.get(UNITS).text)
    send(operator, aggregation_type="count")
    assert present(unit().event_mapping)["aggregation"] == {"type": "count"}


def test_the_preview_is_a_fragment_for_the_mapping_in_the_query(operator: FlaskClient) -> None:
    query = "event_type=video_render_completed&aggregation_type=sum&aggregation_field=output_minutes"
    fragment = operator.get(f"{UNITS}/preview?{query}").text
    assert "<html" not in fragment
    assert "12 units" in fragment
    assert fragment.count("cust_2001") == 3
    assert "Choose the event" in operator.get(f"{UNITS}/preview").text
    unread = operator.get(f"{UNITS}/preview?{query}&filter_dimension=resolution&filter_values=%22HD")
    assert "quotation marks" in unescape(unread.text)
    assert operator.get("/cycles/nowhere/value-units/preview").status_code == 404


# Cards


def test_accepted_cards_are_offered_beside_their_fields_and_fill_them(operator: FlaskClient) -> None:
    accept(
        {"card_id": "card_c", "kind": "cost", "value": "0.2", "label": "cost $0.20"},
        {"card_id": "card_e", "kind": "event", "value": "draft_export_created", "label": "draft export"},
        {"card_id": "card_m", "kind": "metric", "value": "exploration_depth", "label": "Exploration depth"},
        {"card_id": "card_g", "kind": "margin", "value": "0.65", "label": "margin 65 %"},
        {"card_id": "card_n", "kind": "price", "value": "9", "label": "not accepted", "state": "new"},
        {"card_id": "card_s", "kind": "price", "value": "0.60", "label": "the same as now"},
    )
    page = operator.get(HD).text
    for card in ("card_c", "card_e", "card_m", "card_g"):
        assert f'value="fill:{card}"' in page
    assert 'value="fill:card_n"' not in page
    assert 'value="fill:card_s"' not in page
    filled = [typed_in(send(operator, do=f"fill:{card}").text) for card in ("card_c", "card_e", "card_m", "card_g")]
    assert filled[0]["avg_cost_per_unit_usd"] == "0.2"
    assert filled[1]["event_type"] == "draft_export_created"
    assert filled[2].getlist("intent_metric")[-1] == "exploration_depth"
    assert filled[3]["target_margin"] == "65 %"


def test_a_quality_signal_card_ticks_its_box(operator: FlaskClient) -> None:
    accept({"card_id": "card_q", "kind": "quality_signal", "value": "csat", "label": "CSAT"})
    assert 'value="fill:card_q"' not in operator.get(HD).text
    filled = typed_in(send(operator, f"{UNITS}?unit=new", do="fill:card_q").text)
    assert filled.getlist("quality_signal_source") == ["csat"]

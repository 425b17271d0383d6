"""Drafts change through the authoring services, and decided configs through no door."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.models.base import Model, db
from app.models.config_version import ConfigVersion, Pool, RailRule
from app.models.cycle import Cycle
from app.models.product_event import ProductEvent
from app.models.value_unit import ValueUnitDefinition
from app.models.workspace import Workspace
from tests.admin_views.conftest import HiddenInputs
from tests.admin_views.rows import ACTIVE, DRAFT
from tests.admin_views.test_surface import everything

UNIT = {
    "name": "Usable HD minute",
    "unit_type": "quality_adjusted_outcome",
    "event_mapping": '{"event_type":"video_render_completed","filters":{"resolution":"HD"},'
    '"aggregation":{"type":"sum","field":"output_minutes"}}',
    "outcome_statement": "A minute that the customer keeps",
    "metrics_intent": '[{"metric_id":"gross_margin","expected_impact":"positive"}]',
    "quality_signal_source": "csat",
    "avg_cost_per_unit_usd": "0.0000025",
    "target_price_per_unit_usd": "0.6",
    "target_margin": "70 %",
    "economics_confidence": "medium",
}
EDIT_UNIT = "/admin/value-units/edit/?id=vu_hd"

Row = TypeVar("Row", bound=Model)


def stored(model: type[Row], key: str | tuple[str, ...]) -> Row:
    db.session.rollback()
    return db.session.get_one(model, key)


def test_a_workspace_is_created_and_the_write_is_logged(grids: FlaskClient, hidden: HiddenInputs) -> None:
    sent = hidden(grids, "/admin/workspaces/new/")
    data = {"workspace_name": "Lumina Growth", "operator_role": "founder", "data_mode": "mocked"}
    answer = grids.post("/admin/workspaces/new/", data=sent | data, headers={"X-Operator": "Theresa"})
    assert answer.status_code == 302
    created = db.session.scalars(sa.select(Workspace).filter_by(workspace_name="Lumina Growth")).one()
    assert created.workspace_id.startswith("ws_")
    event = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="workspace_created")).one()
    assert (event.actor, event.entity_id) == ("Theresa", created.workspace_id)


def test_saving_a_form_unchanged_changes_nothing(grids: FlaskClient, hidden: HiddenInputs) -> None:
    before = everything(db.session)
    answer = grids.post(EDIT_UNIT, data=hidden(grids, EDIT_UNIT) | UNIT)
    assert answer.status_code == 302, answer.text
    assert everything(db.session) == before


def test_an_edit_stores_exact_values_and_only_what_changed(grids: FlaskClient, hidden: HiddenInputs) -> None:
    data = UNIT | {"target_price_per_unit_usd": "1,234.000000000001", "target_margin": "68 %"}
    assert grids.post(EDIT_UNIT, data=hidden(grids, EDIT_UNIT) | data).status_code == 302
    unit = stored(ValueUnitDefinition, "vu_hd")
    assert unit.target_price_per_unit_usd == Decimal("1234.000000000001")
    assert unit.target_margin == Decimal("0.68")
    event = db.session.scalars(sa.select(ProductEvent).filter_by(event_name="value_unit_updated")).one()
    assert event.detail == {"changed": ["target_margin", "target_price_per_unit_usd"]}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Name is needed."),
        ("name", "x" * 201, "longer than 200"),
        ("name", "a\x00b", "NUL"),
        ("unit_type", "imaginary", "Not a valid choice"),
        ("avg_cost_per_unit_usd", "-0.1", "cannot be negative"),
        ("avg_cost_per_unit_usd", "NaN", "is not a number"),
        ("avg_cost_per_unit_usd", "Infinity", "is not a number"),
        ("avg_cost_per_unit_usd", "1,2,3", "is not a number"),
        ("avg_cost_per_unit_usd", "0.0000000000001", "below 10^14 with at most 12 decimal places"),
        ("avg_cost_per_unit_usd", "1" + "0" * 14, "below 10^14"),
        ("avg_cost_per_unit_usd", "9" * 500, "below 10^14"),
        ("target_margin", "101 %", "cannot be more than 1"),
        ("event_mapping", "{", "is not JSON"),
        ("event_mapping", '{"a": NaN}', "is not JSON"),
        ("event_mapping", '{"event_type": "x", "event_type": "y"}', "stands twice in one object"),
        ("event_mapping", '{"a": 1e1000000}', "is out of limits"),
        ("event_mapping", '{"event_type": "a\\u202eb", "aggregation": {"type": "count"}}', "control or direction"),
        ("event_mapping", "[" * 100_000, "is not JSON"),
        ("event_mapping", '{"event_type": "x"}', "/aggregation"),
        ("event_mapping", '{"event_type": "x", "aggregation": {"type": "median"}}', "/aggregation/type"),
        ("event_mapping", '{"event_type": "x", "aggregation": {"type": "count"}, "extra": 1}', "/extra"),
        ("metrics_intent", '[{"metric_id": "absent", "expected_impact": "positive"}]', "not in the metric catalog"),
        ("metrics_intent", "[1]", "/0"),
        ("quality_signal_source", "absent", "not in the quality signal catalog"),
    ],
)
def test_a_bad_value_is_named_beside_its_field_and_nothing_changes(
    grids: FlaskClient, hidden: HiddenInputs, field: str, value: str, message: str
) -> None:
    sent = hidden(grids, EDIT_UNIT)
    before = everything(db.session)
    answer = grids.post(EDIT_UNIT, data=sent | UNIT | {"quality_note": "typed and kept"} | {field: value})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert message in answer.text
    assert "typed and kept" in answer.text
    assert everything(db.session) == before


def test_an_edit_of_what_changed_meanwhile_is_refused_once_with_both_versions(
    grids: FlaskClient, hidden: HiddenInputs
) -> None:
    sent = hidden(grids, EDIT_UNIT)
    other = stored(ValueUnitDefinition, "vu_hd")
    other.name = "Renamed by another"
    db.session.commit()
    answer = grids.post(EDIT_UNIT, data=sent | UNIT | {"name": "Mine"})
    assert answer.status_code == 412
    assert "Stored now: Name: Renamed by another" in answer.text
    assert 'value="Mine"' in answer.text
    assert stored(ValueUnitDefinition, "vu_hd").name == "Renamed by another"
    assert grids.post(EDIT_UNIT, data=hidden(grids, EDIT_UNIT) | UNIT | {"name": "Mine"}).status_code == 302
    assert stored(ValueUnitDefinition, "vu_hd").name == "Mine"


def test_an_edit_without_the_version_it_was_based_on_is_refused(grids: FlaskClient, hidden: HiddenInputs) -> None:
    token = {"csrf_token": hidden(grids, EDIT_UNIT)["csrf_token"]}
    assert grids.post(EDIT_UNIT, data=token | UNIT | {"name": "Blind"}).status_code == 412
    assert stored(ValueUnitDefinition, "vu_hd").name == "Usable HD minute"


@pytest.mark.parametrize("status", ["approved", "active", "archived"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_decided_config_answers_immutable_through_every_door(
    grids: FlaskClient, hidden: HiddenInputs, status: str, method: str
) -> None:
    stored(ConfigVersion, ACTIVE).status = status
    db.session.commit()
    token = hidden(grids, "/admin/workspaces/new/")
    before = everything(db.session)
    doors = {
        "configs/edit/": ACTIVE,
        "configs/delete/": ACTIVE,
        "pools/edit/": f"{ACTIVE},pool_core",
        "pools/delete/": f"{ACTIVE},pool_core",
        "exploration-rules/edit/": ACTIVE,
        "rails/edit/": ACTIVE,
    }
    for path, identifier in doors.items():
        data = token | {"id": identifier, "row_version": "any", "label": "changed"} if method == "post" else None
        answer = getattr(grids, method)(f"/admin/{path}", query_string={"id": identifier}, data=data)
        assert answer.status_code == 409, path
        assert "immutable: fork it" in answer.text
    assert everything(db.session) == before


def test_a_pool_cannot_be_added_to_a_decided_config(grids: FlaskClient, hidden: HiddenInputs) -> None:
    pool = {
        "config_version_id": ACTIVE,
        "pool_id": "pool_new",
        "label": "New",
        "value_unit_id": "vu_hd",
        "overage_behavior": "throttle",
    }
    answer = grids.post("/admin/pools/new/", data=hidden(grids, "/admin/pools/new/") | pool)
    assert answer.status_code == 409
    assert "immutable: fork it" in answer.text
    db.session.rollback()
    assert db.session.get(Pool, (ACTIVE, "pool_new")) is None
    pool["config_version_id"] = DRAFT
    answer = grids.post("/admin/pools/new/", data=hidden(grids, "/admin/pools/new/") | pool)
    assert answer.status_code == 302, answer.text
    assert stored(Pool, (DRAFT, "pool_new")).position == 1


def test_the_rails_of_a_draft_change_its_content_hash(grids: FlaskClient, hidden: HiddenInputs) -> None:
    url = f"/admin/rails/edit/?id={DRAFT}"
    data = {"usage_thresholds": '[{"percent":70,"action":"warn"}]', "monthly_spend_cap_usd": "$1,650.50"}
    before = stored(ConfigVersion, DRAFT).content_hash
    answer = grids.post(url, data=hidden(grids, url) | data | {"at_cap_action": "", "margin_floor": ""})
    assert answer.status_code == 302, answer.text
    rails = stored(RailRule, DRAFT)
    assert (rails.monthly_spend_cap_usd, rails.at_cap_action, rails.margin_floor) == (Decimal("1650.5"), None, None)
    assert stored(ConfigVersion, DRAFT).content_hash != before


def test_a_cycle_keeps_its_moments_and_refuses_a_long_production_period(
    grids: FlaskClient, hidden: HiddenInputs
) -> None:
    data = {
        "workspace_id": "ws_1",
        "cycle_name": "February",
        "cycle_type": "production",
        "period_length_days": "120",
        "start_date": "2026-02-01 06:30 UTC",
        "end_date": "2026-05-02",
        "status": "draft",
        "primary_metrics": ["gross_margin", "exploration_depth"],
        "segments": "smb",
    }
    answer = grids.post("/admin/cycles/new/", data=hidden(grids, "/admin/cycles/new/") | data)
    assert answer.status_code == 422
    assert 'id="period_length_days-error"' in answer.text
    data["period_length_days"] = "90"
    assert grids.post("/admin/cycles/new/", data=hidden(grids, "/admin/cycles/new/") | data).status_code == 302
    cycle = db.session.scalars(sa.select(Cycle).filter_by(cycle_name="February")).one()
    assert cycle.start_date == datetime(2026, 2, 1, 6, 30, tzinfo=UTC)
    assert cycle.goal_type is None


def test_choices_keep_the_order_in_which_they_are_stored(grids: FlaskClient, hidden: HiddenInputs) -> None:
    config = stored(ConfigVersion, DRAFT)
    config.metric_lenses = ["gross_margin", "exploration_depth"]
    db.session.commit()
    url = f"/admin/configs/edit/?id={DRAFT}"
    data = {
        "value_unit_snapshot_version": "1",
        "price_book_ref": "other",
        "metric_lenses": ["exploration_depth", "gross_margin"],
    }
    assert grids.post(url, data=hidden(grids, url) | data).status_code == 302
    config = stored(ConfigVersion, DRAFT)
    assert (config.metric_lenses, config.price_book_ref) == (["gross_margin", "exploration_depth"], "other")


def test_deleting_asks_first_with_the_name_of_what_will_go(grids: FlaskClient, hidden: HiddenInputs) -> None:
    url = "/admin/cycle-contexts/delete/?id=ctx_1"
    asked = grids.get(url)
    assert "Delete Cycle context ctx_1?" in asked.text
    assert grids.post(url, data=hidden(grids, url)).status_code == 302
    assert grids.get("/admin/cycle-contexts/details/?id=ctx_1").status_code == 404


def test_a_record_in_use_stays_and_says_who_uses_it(grids: FlaskClient, hidden: HiddenInputs) -> None:
    url = "/admin/value-units/delete/?id=vu_hd"
    answer = grids.post(url, data=hidden(grids, url))
    assert answer.status_code == 409
    assert "pool_core" in answer.text
    assert stored(ValueUnitDefinition, "vu_hd")


def test_rules_and_rails_go_only_with_their_config(grids: FlaskClient, hidden: HiddenInputs) -> None:
    token = hidden(grids, "/admin/workspaces/new/")
    for grid in ("rails", "exploration-rules"):
        assert grids.get(f"/admin/{grid}/delete/?id={DRAFT}").status_code == 404
        assert grids.post(f"/admin/{grid}/delete/", data=token | {"id": DRAFT}).status_code == 405
        assert grids.post(f"/admin/{grid}/new/", data=token).status_code == 405

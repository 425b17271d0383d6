"""The main job through HTTP alone: author, simulate, approve, deliver, bill, change, roll back, compare, fork."""

from decimal import Decimal

import pytest
from flask import Flask

from app.models.base import db
from app.models.catalog import EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog
from app.models.transactions import write
from simulation.canonical import JsonObject
from tests.e2e.http import Person

SUBJECT = "workspace_id=ws_new&segment=smb&stage=learning&target_environment=production"


@pytest.fixture
def person(app: Flask) -> Person:
    with write(db.session):
        db.session.add_all(
            [
                EventCatalog(event_type="render", description="A video was rendered", dimensions=["minutes", "kind"]),
                MetricCatalog(metric_id="gross_margin", label="Gross margin", type="north_star"),
                QualitySignalCatalog(signal_id="csat", label="CSAT", source="in_app"),
                SegmentCatalog(segment_id="smb", label="Small business"),
            ]
        )
    return Person(app.test_client())


def author(person: Person) -> str:
    """From nothing to a complete draft; returns its id."""
    person.post(
        "/api/workspaces",
        {"workspace_id": "ws_new", "workspace_name": "New", "operator_role": "founder", "data_mode": "csv_upload"},
    )
    cycle = person.post(
        "/api/cycles",
        {
            "workspace_id": "ws_new",
            "cycle_name": "Q1",
            "cycle_type": "production",
            "period_length_days": 90,
            "goal_type": "margin",
            "primary_metrics": ["gross_margin"],
            "segments": ["smb"],
        },
    )
    person.post(
        "/api/value-units",
        {
            "value_unit_id": "vu_minute",
            "cycle_id": cycle["cycle_id"],
            "name": "Minute",
            "unit_type": "usage",
            "event_mapping": {
                "event_type": "render",
                "filters": {"kind": "final"},
                "aggregation": {"type": "sum", "field": "minutes"},
            },
            "outcome_statement": "A minute the customer keeps",
            "metrics_intent": [{"metric_id": "gross_margin", "expected_impact": "positive"}],
            "quality_signal_source": ["csat"],
            "unit_economics": {
                "avg_cost_per_unit_usd": Decimal("0.2"),
                "target_price_per_unit_usd": Decimal("0.5"),
                "target_margin": Decimal("0.6"),
                "economics_confidence": "medium",
            },
        },
    )
    snapshot = person.post("/api/value-unit-snapshots", {"cycle_id": cycle["cycle_id"]})
    assert snapshot["snapshot_version"] == 1
    config = person.post(
        "/api/configs",
        {
            "workspace_id": "ws_new",
            "cycle_id": cycle["cycle_id"],
            "segment": "smb",
            "stage": "learning",
            "target_environment": "production",
            "price_book_ref": "book_1",
            "metric_lenses": [],
        },
    )
    identifier = config["config_version_id"]
    person.post(
        f"/api/configs/{identifier}/pools",
        {
            "pool_id": "core",
            "label": "Core",
            "value_unit_id": "vu_minute",
            "included_quantity": 4,
            "overage_behavior": "allow_overage",
        },
    )
    person.put(f"/api/configs/{identifier}/exploration", {"enabled": False})
    person.put(
        f"/api/configs/{identifier}/rails",
        {
            "usage_thresholds": [
                {"percent": 70, "action": "warn"},
                {"percent": 90, "action": "throttle"},
                {"percent": 100, "action": "block"},
            ],
            "monthly_spend_cap_usd": 100,
            "at_cap_action": "require_approval",
            "margin_floor": Decimal("0.1"),
        },
    )
    return str(identifier)


def send_usage(person: Person) -> None:
    """10 final minutes for one customer, and a draft that no unit counts."""
    event = {"event_type": "render", "workspace_id": "ws_new", "customer_id": "cust_1", "segment": "smb"}
    answer = person.post(
        "/api/usage-events",
        [
            {**event, "event_id": "e1", "ts": "2026-01-02T00:00:00Z", "kind": "final", "minutes": 6},
            {**event, "event_id": "e2", "ts": "2026-01-03T00:00:00Z", "kind": "final", "minutes": 4},
            {**event, "event_id": "e3", "ts": "2026-01-03T00:00:00Z", "kind": "draft", "minutes": 9},
            {**event, "event_id": "e1", "ts": "2026-01-02T00:00:00Z", "kind": "final", "minutes": 6},
        ],
        expect=202,
    )
    assert answer["accepted"] == 3
    assert answer["duplicates"] == 1


def simulate(person: Person, identifier: str) -> JsonObject:
    question = {"candidate_config_version_id": identifier, "historical_window_days": 30}
    run: JsonObject = person.post("/api/simulations", question)
    return run


def approval(identifier: str, run: JsonObject) -> JsonObject:
    return {
        "config_version_id": identifier,
        "simulation_run_id": run["simulation_run_id"],
        "approver_name": "Theresa",
        "approver_role": "CEO",
        "rationale": "It pays for itself.",
        "effective_at": "2026-01-05T00:00:00Z",
    }


def test_from_an_empty_workspace_to_an_active_config_and_around_the_loop(person: Person) -> None:
    first = author(person)
    send_usage(person)

    # simulate: 10 minutes used, 4 included, 6 overage at 0.5; cost 10 × 0.2
    run = simulate(person, first)
    economics = run["outputs"]["economics"]["candidate"]
    assert (economics["revenue_usd"], economics["cost_usd"]) == (3, 2)
    assert person.get(f"/api/configs/{first}")["status"] == "simulated"

    # approve: active, decided, billed, delivered
    decision = person.post("/api/approve", approval(first, run))
    assert person.get(f"/api/configs/{first}")["status"] == "active"
    detail = person.get(f"/api/decision-records/{decision['decision_id']}")
    assert detail["decision_record"]["diff"]["type"] == "initial_activation"
    patch = person.get(f"/api/billing-patch/{first}")
    assert patch["payload"]["rate_card_updates"][0]["lines"][0]["price_per_unit_usd"] == Decimal("0.5")
    assert person.post("/api/export/billing-patch", {"config_version_id": first}, expect=200) == patch
    served = person.get(f"/api/runtime/config?{SUBJECT}")
    assert served["config_version_id"] == first
    assert served["governance"]["approval_ref"] == decision["decision_id"]

    # what is decided cannot be edited: fork it
    refusal = person.patch(f"/api/configs/{first}/pools/core", {"included_quantity": 5}, expect=409)
    assert refusal["code"] == "config_immutable"
    fork = person.post(
        f"/api/decision-records/{decision['decision_id']}/fork",
        {"cycle_id": detail["cycle"]["cycle_id"], "target_environment": "production"},
    )
    second = fork["new_config_version_id"]
    assert person.get(f"/api/configs/{second}")["baseline_config_version_id"] == first

    # change a pool after simulating: the evidence is stale until it is simulated again
    stale = simulate(person, second)
    person.patch(f"/api/configs/{second}/pools/core", {"included_quantity": 2})
    assert person.get(f"/api/configs/{second}")["status"] == "draft"
    refusal = person.post("/api/approve", approval(second, stale), expect=409)
    assert "simulation_stale" in [finding["code"] for finding in refusal["findings"]]
    fresh = simulate(person, second)
    assert fresh["baseline_config_version_id"] == first
    assert fresh["outputs"]["economics"]["delta"]["revenue_usd"] == 1
    later = person.post("/api/approve", approval(second, fresh))
    assert later["diff"]["type"] == "update"
    assert person.get(f"/api/configs/{first}")["status"] == "archived"
    assert person.get(f"/api/runtime/config?{SUBJECT}")["config_version_id"] == second

    # evidence comes back
    answer = person.post(
        "/api/enforcement-events",
        {
            "workspace_id": "ws_new",
            "customer_id": "cust_1",
            "config_version_id": second,
            "occurred_at": "2026-01-06T00:00:00Z",
            "event_type": "rail_warning_shown",
            "context": {"percent": 70},
        },
        expect=202,
    )
    assert answer["results"][0]["status"] == "accepted"

    # roll back, compare, fork the winner
    back = person.post(
        f"/api/configs/{first}/rollback",
        {"approver_name": "Theresa", "approver_role": "CEO", "rationale": "Customers objected."},
    )
    assert back["diff"]["type"] == "rollback"
    assert person.get(f"/api/configs/{second}")["status"] == "archived"
    assert person.get(f"/api/runtime/config?{SUBJECT}")["config_version_id"] == first
    compared = person.get(
        f"/api/decision-records/compare?decision_id_a={decision['decision_id']}&decision_id_b={later['decision_id']}"
    )
    assert {"pools", "rails", "exploration", "unit_economics"} <= compared["diff_tables"].keys()
    listed = person.get("/api/decision-records?workspace_id=ws_new")["items"]
    assert len(listed) == 3
    winner = person.post(
        f"/api/decision-records/{later['decision_id']}/fork",
        {"cycle_id": detail["cycle"]["cycle_id"], "target_environment": "production", "stage": "scaling"},
    )
    assert person.get(f"/api/configs/{winner['new_config_version_id']}")["stage"] == "scaling"

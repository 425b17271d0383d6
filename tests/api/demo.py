"""A tour of the API on the demo: every operation once, with requests that are made from the demo's own records.

What it sends and what is answered become the examples of the published document.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from api.register import OPERATIONS
from app.extensions import usage_events
from app.models.base import db
from seed.loader import load_seed
from simulation.canonical import Json, JsonObject, canonical_bytes, parse_exact
from tests.api.conftest import published, resolved
from tests.databases import DATABASE, migrated, running_app

NOW = datetime(2026, 4, 20, 9, 30, tzinfo=UTC)
WORKSPACE, CYCLE, SEGMENT = "ws_1049", "cycle_2026_01_prod_90d", "ai_video_smb"
ACTIVE, DRAFT, UNIT = "cfg_smb_learning_prod_v1", "cfg_smb_learning_prod_v2_candidate", "vu_usable_hd_minute"
SUBJECT = {"segment": SEGMENT, "stage": "scaling", "target_environment": "production"}
APPROVAL = {"approver_name": "Ada", "approver_role": "Founder", "rationale": "The simulation holds the margin floor."}
PLAN: JsonObject = {
    "platform_fee_usd": 49,
    "minimum_commit_usd": 100,
    "prepaid": {"amount_usd": 50, "price_usd": 40, "expires_after_days": 90},
    "unit_prices": [
        {
            "value_unit_id": UNIT,
            "model": "graduated",
            "tiers": [
                {"up_to": 100, "unit_price_usd": Decimal("0.6")},
                {"up_to": None, "unit_price_usd": Decimal("0.5")},
            ],
        }
    ],
    "overrides": [{"customer_id": "cust_1", "platform_fee_usd": 0, "included_quantity": {"pool_core": 200}}],
    "change_policy": "prorate",
}
SHOWN = 2
"""How many items of a list the example of an answer shows."""
JSON = "application/json"


@contextmanager
def demo_app(folder: Path) -> Iterator[Flask]:
    """The product on the first demo workspace, in a data directory."""
    uri = f"sqlite:///{folder / DATABASE}"
    migrated(uri, folder)
    for app in running_app(uri, folder):
        load_seed(db.session, usage_events().store, now=NOW, with_growth=False)
        db.session.commit()
        yield app


class Tour:
    """Asks and notes: `examples` has, by operation, the parameters, the request and the answer of the first time."""

    def __init__(self, app: Flask) -> None:
        self.client = FlaskClient(app)
        self.examples: dict[str, JsonObject] = {}
        self.operations = {operation.name: operation for operation in OPERATIONS}

    def ask(self, name: str, body: Json = None, query: Mapping[str, str] | None = None, **parts: str) -> Any:
        """The answer of an operation, which has to be one of its successes."""
        operation = self.operations[name]
        path = "/api" + re.sub(r"<([a-z_]+)>", lambda match: parts[match[1]], operation.path)
        sent = None if body is None else canonical_bytes(body)
        with self.client.open(
            path, method=operation.method, query_string=query, data=sent, content_type=JSON if sent else None
        ) as response:
            content, media_type = response.get_data(), response.mimetype
            assert response.status_code < 300, f"{name}: {response.status} {content.decode()[:2000]}"
        known: JsonObject = {"parameters": {**parts, **(query or {})}, "requests": {}, "answers": {}}
        if body is not None:
            known["requests"][JSON] = body
        answer = parse_exact(content) if media_type == JSON and content else content.decode()
        if content:
            known["answers"][media_type] = shortened(answer)
        self.examples.setdefault(name, known)
        return answer

    def sent(self, component: str, record: JsonObject, **changes: Json) -> JsonObject:
        """A record of the demo as a request would say it: what the schema of the request knows of it."""
        fitted: JsonObject = fit(published()["components"]["schemas"][component], record)
        return fitted | changes


def fit(schema: JsonObject, value: Json) -> Json:
    """A value without the members that a schema does not take, and without those that are null."""
    schema = resolved(schema)
    if isinstance(value, dict):
        options = [each for each in map(resolved, schema.get("anyOf", [schema])) if each.get("type") == "object"]
        known = options[0].get("properties") if options else None
        items = value.items() if not known else ((name, value[name]) for name in known if name in value)
        return {name: fit((known or {}).get(name, {}), each) for name, each in items if each is not None}
    if isinstance(value, list):
        lists = [each for each in map(resolved, schema.get("anyOf", [schema])) if "items" in each]
        return [fit(lists[0]["items"] if lists else {}, each) for each in value]
    return value


def shortened(value: Json) -> Json:
    """A value with the first items of its lists, and the beginning of a text of many lines."""
    if isinstance(value, dict):
        return {name: shortened(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shortened(each) for each in value[:SHOWN]]
    return "".join(value.splitlines(keepends=True)[:3]) if isinstance(value, str) and len(value) > 1_000 else value


def walk(app: Flask) -> dict[str, JsonObject]:
    """The examples of all operations, by operation."""
    tour = Tour(app)
    for part in (read, author, value, vocabulary, draft, decide, enforce, bill, meter):
        part(tour)
    return dict(sorted(tour.examples.items()))


def read(tour: Tour) -> None:
    of_workspace = {"workspace_id": WORKSPACE}
    for name in ("configs", "cycles", "value_units", "value_unit_snapshots", "decisions", "simulations"):
        tour.ask(f"list_{name}", query=of_workspace)
    tour.ask("list_workspaces", query={"limit": "50"})
    tour.ask("get_workspace", workspace_id=WORKSPACE)
    tour.ask("get_cycle", cycle_id=CYCLE)
    tour.ask("get_value_unit", value_unit_id=UNIT)
    tour.ask("get_value_unit_snapshot", value_unit_snapshot_id="vus_2026_01_prod_90d_1")
    tour.ask("get_config", config_version_id=DRAFT)
    for name in ("pools",):
        tour.ask(f"list_{name}", config_version_id=DRAFT, query={"limit": "50"})
    tour.ask("get_pool", config_version_id=DRAFT, pool_id="pool_core")
    tour.ask("get_exploration", config_version_id=DRAFT)
    tour.ask("get_rails", config_version_id=DRAFT)
    tour.ask("get_price_plan", config_version_id=DRAFT)
    tour.ask("get_problem_code", code="config_immutable")


def author(tour: Tour) -> None:
    workspace = tour.ask("get_workspace", workspace_id=WORKSPACE)
    tour.ask("create_workspace", tour.sent("WorkspaceBody", workspace, workspace_id="ws_example"))
    tour.ask("update_workspace", {"workspace_name": "Lumina Labs"}, workspace_id="ws_example")
    tour.ask("delete_workspace", workspace_id="ws_example")
    cycle = tour.ask("get_cycle", cycle_id=CYCLE)
    tour.ask("create_cycle", tour.sent("CycleBody", cycle, cycle_id="cycle_example", status="draft"))
    tour.ask("update_cycle", {"narrative": cycle["narrative"]}, cycle_id="cycle_example")
    context = {
        "cycle_draft_context_id": "ctx_example",
        "workspace_id": WORKSPACE,
        "documents": [{"name": "pricing.txt", "bytes": len(cycle["narrative"]), "text": cycle["narrative"]}],
        "open_questions": [{"question": "Which metric decides?"}],
    }
    tour.ask("create_cycle_draft_context", context)
    tour.ask("get_cycle_draft_context", cycle_draft_context_id="ctx_example")
    tour.ask("list_cycle_draft_contexts", query={"workspace_id": WORKSPACE})
    pasted = {"pasted_text": cycle["narrative"]}
    tour.ask("update_cycle_draft_context", pasted, cycle_draft_context_id="ctx_example")
    taken_out = {"name": "pricing.txt"}
    tour.ask("take_out_of_cycle_draft_context", taken_out, cycle_draft_context_id="ctx_example")
    tour.ask("delete_cycle_draft_context", cycle_draft_context_id="ctx_example")


def value(tour: Tour) -> None:
    unit = tour.ask("get_value_unit", value_unit_id=UNIT)
    body = tour.sent("ValueUnitBody", unit, value_unit_id="vu_example", cycle_id="cycle_example")
    tour.ask("create_value_unit", body)
    tour.ask("update_value_unit", {"unit_economics": body["unit_economics"]}, value_unit_id="vu_example")
    submitted = {"value_unit_snapshot_id": "vus_example", "cycle_id": "cycle_example"}
    tour.ask("submit_value_unit_snapshot", submitted)
    tour.ask("delete_value_unit", value_unit_id="vu_example")
    tour.ask("create_cycle", {**fit_cycle(tour), "cycle_id": "cycle_unused"})
    tour.ask("delete_cycle", cycle_id="cycle_unused")


def fit_cycle(tour: Tour) -> JsonObject:
    return tour.sent("CycleBody", tour.ask("get_cycle", cycle_id=CYCLE), status="draft")


CATALOGS: Sequence[tuple[str, str, str, str, str]] = (
    ("events", "event", "event_type", "EventTypeBody", "draft_shared"),
    ("metrics", "metric", "metric_id", "MetricBody", "shares_per_draft"),
    ("quality_signals", "quality_signal", "signal_id", "QualitySignalBody", "share_kept"),
    ("segments", "segment", "segment_id", "SegmentBody", "ai_video_agency"),
    ("customers", "customer", "customer_id", "CustomerBody", "cust_example"),
)


def vocabulary(tour: Tour) -> None:
    for many, one, key, body, own in CATALOGS:
        entry = tour.ask(f"list_{many}", query={"workspace_id": WORKSPACE})["items"][0]
        kept = tour.sent(body, entry, workspace_id=WORKSPACE, **{key: own})
        tour.ask(f"keep_{many}", [kept])
        tour.ask(f"get_{one}", query={"workspace_id": WORKSPACE}, **{key: entry[key]})
        tour.ask(f"delete_{one}", query={"workspace_id": WORKSPACE}, **{key: own})


def draft(tour: Tour) -> None:
    """A config in a subject that has none, and every part of it changed."""
    config = tour.ask("get_config", config_version_id=ACTIVE)
    body = new_config(tour)
    created = {"config_version_id": tour.ask("create_config", body)["config_version_id"]}
    tour.ask("update_config", {"config_name": "Scaling, opening offer"}, **created)
    pool = tour.sent("PoolBody", config["pools"][0], pool_id="pool_bonus", label="Bonus", included_quantity=1)
    tour.ask("add_pool", pool, **created)
    tour.ask("update_pool", {"included_quantity": 2}, pool_id="pool_bonus", **created)
    tour.ask("delete_pool", pool_id="pool_bonus", **created)
    tour.ask("put_price_plan", PLAN, **created)
    tour.ask("update_price_plan", {"platform_fee_usd": 59, "minimum_commit_usd": None}, **created)
    tour.ask("delete_price_plan", **created)
    tour.ask("put_exploration", tour.sent("ExplorationBody", config["exploration"]), **created)
    tour.ask("update_exploration", {"enabled": False}, **created)
    tour.ask("put_rails", tour.sent("RailsBody", config["rails"], margin_floor=0), **created)
    tour.ask("update_rails", {"monthly_spend_cap_usd": 600}, **created)
    tour.ask("delete_config", **created)


def new_config(tour: Tour) -> JsonObject:
    """The first config of another subject, like the active one of the demo."""
    config = tour.ask("get_config", config_version_id=ACTIVE)
    left_out = ("config_version_id", "baseline_config_version_id", "delivery")
    body = {name: each for name, each in tour.sent("ConfigBody", config).items() if name not in left_out}
    return body | SUBJECT | {"config_name": "Scaling, first offer", "rails": body["rails"] | {"margin_floor": 0}}


def simulated(tour: Tour, config_version_id: str) -> JsonObject:
    asked = {"candidate_config_version_id": config_version_id, "historical_window_days": "mocked"}
    run = tour.ask("simulate", asked)
    tour.ask("get_simulation", simulation_run_id=run["simulation_run_id"])
    return {"config_version_id": config_version_id, "simulation_run_id": run["simulation_run_id"]}


def decide(tour: Tour) -> None:
    """Two versions decided one after the other, a third one scheduled, moved and withdrawn, and the way back."""
    first = tour.ask("create_config", new_config(tour))["config_version_id"]
    at_once = {"effective_at": "2026-04-20T09:00:00Z", **APPROVAL}
    decision = tour.ask("approve", {**simulated(tour, first), **at_once})
    target = {"cycle_id": CYCLE, "target_environment": "production"}
    named = {"decision_id": decision["decision_id"]}
    second = tour.ask("fork_decision", target, **named)["new_config_version_id"]
    tour.ask("update_rails", {"monthly_spend_cap_usd": 700}, config_version_id=second)
    later = tour.ask("approve", {**simulated(tour, second), **at_once, "baseline_config_version_id": first})
    tour.ask("get_decision", **named)
    both = {"decision_id_a": decision["decision_id"], "decision_id_b": later["decision_id"]}
    tour.ask("compare_decisions", query=both)
    tour.ask("roll_back", APPROVAL, config_version_id=first)
    third = tour.ask("fork_decision", target, **named)["new_config_version_id"]
    tour.ask("update_rails", {"monthly_spend_cap_usd": 800}, config_version_id=third)
    baseline = {"baseline_config_version_id": first}
    tour.ask("approve", {**simulated(tour, third), **APPROVAL, **baseline, "effective_at": "2026-05-01T00:00:00Z"})
    moved = {**APPROVAL, **baseline, "effective_at": "2026-06-01T00:00:00Z"}
    tour.ask("reschedule", moved, config_version_id=third)
    tour.ask("withdraw", APPROVAL, config_version_id=third)


def enforce(tour: Tour) -> None:
    subject = {"workspace_id": WORKSPACE, **SUBJECT}
    document = tour.ask("get_runtime_config", query=subject)
    tour.ask("stream_runtime_config", query=subject)
    tour.ask("list_signing_keys")
    threshold = document["rails"]["usage_thresholds"][0]
    event = {
        "enforcement_event_id": "evt_example",
        "workspace_id": WORKSPACE,
        "customer_id": "cust_1",
        "config_version_id": document["config_version_id"],
        "occurred_at": "2026-04-20T09:20:00Z",
        "event_type": "rail_warning_shown",
        "context": {**threshold, "value_unit_id": document["pools"][0]["value_unit_id"]},
        "client_id": "app_1",
        "sequence": 1,
    }
    tour.ask("send_enforcement_events", [event])
    reported = {"workspace_id": WORKSPACE, "config_version_id": document["config_version_id"]}
    tour.ask("list_enforcement_events", query=reported)
    named = {"decision_id": tour.examples["get_decision"]["parameters"]["decision_id"]}
    tour.ask("get_decision_evidence", query={"format": "json"}, **named)
    tour.ask("get_decision_evidence_events", query={"format": "csv"}, **named)


def bill(tour: Tour) -> None:
    tour.ask("get_billing_patch", config_version_id=ACTIVE)
    tour.ask("export_billing_patch", {"config_version_id": ACTIVE})
    export = tour.ask("get_billing_patch", config_version_id=ACTIVE, query={"format": "stripe"})
    tour.ask("check_ledger_drift", export, query={"format": "stripe"}, config_version_id=ACTIVE)


def meter(tour: Tour) -> None:
    seed = json.loads((Path(__file__).parents[2] / "seed" / "usage_events.json").read_text(), parse_float=str)
    events = [{**event, "event_id": f"{event['event_id']}_example"} for event in seed[:SHOWN]]
    receipt = tour.ask("send_usage_events", events)
    tour.ask("list_usage_imports", query={"workspace_id": WORKSPACE})
    named = {"usage_import_id": receipt["usage_import_id"]}
    tour.ask("get_usage_import", **named)
    taken_out = {"workspace_id": WORKSPACE, "event_ids": [events[0]["event_id"]]}
    tour.ask("withdraw_usage_events", taken_out)
    tour.ask("undo_usage_import", {}, **named)

"""ws_2049 has the shape that lists, pictures, forecasts and evidence need, and the same bytes everywhere (spec 8)."""

import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.extensions import usage_events
from app.models.base import AnySession, db
from app.models.catalog import Customer
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.enforcement import EnforcementEvent
from app.models.simulation_run import SimulationRun
from app.services.configs.lookup import get_config
from app.services.configs.reading import read_config
from app.services.delivery.current import read
from app.services.evidence.comparison import evidence
from app.services.evidence.sequence_gaps import clients_of
from rules.drift import DRIFTED
from rules.gate import evaluate
from seed import growth, growth_story
from seed.growth_customers import DAYS, ENTERPRISE, SMB
from seed.growth_usage import Event
from seed.loader import load_seed
from simulation.canonical import Json, JsonObject, content_hash
from tests.present import present
from tests.seed.conftest import NOW
from tests.seed.tables import LOGS, contents, digests

USAGE_DIGEST = "b983ea0956cf423661fc831c10eb74a8068850f7331ad67acfad702b209e64bd"
REPORTED = {"warn": "rail_warning_shown", "throttle": "rail_throttle_applied", "block": "hard_cap_blocked"}


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return growth.people_and_usage()[1]


def test_usage_is_the_same_on_every_python(events: list[Event]) -> None:
    assert content_hash(events) == USAGE_DIGEST


def test_usage_does_not_depend_on_the_hash_seed(events: list[Event]) -> None:
    script = (
        "from random import Random; from seed.growth_customers import customers; "
        "from seed.growth_usage import usage_events; from simulation.canonical import content_hash; "
        "rng = Random(2049); print(content_hash(usage_events(rng, customers(rng))))"
    )
    said = subprocess.run([sys.executable, "-c", script], env={"PYTHONHASHSEED": "7"}, capture_output=True, check=True)
    assert said.stdout.decode().strip() == content_hash(events)


def test_240_customers_in_both_segments_have_names_of_their_own(grown: AnySession) -> None:
    mine = list(grown.scalars(sa.select(Customer).where(Customer.customer_id >= "cust_3001")))
    assert Counter(customer.segment for customer in mine) == {SMB: 180, ENTERPRISE: 60}
    assert len({customer.name for customer in mine}) == 240


def test_about_60000_events_over_120_days_are_in_the_store(grown: AnySession, events: list[Event]) -> None:
    stored = usage_events().store.snapshot("ws_2049")
    assert 58_000 <= stored.row_count == len(events) <= 62_000
    first, last = (datetime.fromisoformat(events[place]["ts"]) for place in (0, -1))
    assert timedelta(days=DAYS - 1) < last - first < timedelta(days=DAYS)
    assert len({event["customer_id"] for event in events}) == 240


def test_use_grows_rests_at_weekends_and_has_a_heavy_tail(events: list[Event]) -> None:
    days = Counter(event["ts"][:10] for event in events)
    months = Counter(event["ts"][:7] for event in events)
    customers = Counter(event["customer_id"] for event in events).most_common()
    weekend = [n for day, n in days.items() if datetime.fromisoformat(day).weekday() > 4]
    assert months["2026-04"] > 1.5 * months["2026-01"]
    assert sum(weekend) / len(weekend) < 0.6 * len(events) / len(days)
    assert sum(count for _, count in customers[:24]) > 0.35 * len(events)


def test_every_production_segment_has_one_active_config_and_apps_can_read_it(grown: AnySession) -> None:
    active = list(grown.scalars(sa.select(ConfigVersion).filter_by(workspace_id="ws_2049", status="active")))
    assert Counter((config.segment, config.target_environment) for config in active) == {
        (SMB, "production"): 1,
        (ENTERPRISE, "production"): 1,
        (SMB, "sandbox"): 1,
    }
    for config in active:
        assert read(grown, config.subject_resolution, now=NOW).document is not None


def test_six_decisions_were_taken_and_one_was_rolled_back(grown: AnySession) -> None:
    decisions = list(
        grown.scalars(sa.select(DecisionRecord).filter_by(workspace_id="ws_2049").order_by(DecisionRecord.created_at))
    )
    assert [(decision.decision_id, decision.diff["type"], decision.status) for decision in decisions] == [
        ("dec_growth_sandbox_v1", "initial_activation", "active"),
        ("dec_growth_smb_v1", "initial_activation", "archived"),
        ("dec_growth_enterprise_v1", "initial_activation", "archived"),
        ("dec_growth_smb_v2", "update", "archived"),
        ("dec_growth_enterprise_v2", "update", "active"),
        ("dec_growth_smb_rollback", "rollback", "active"),
    ]
    assert get_config(grown, growth_story.SMB_V2).status == "archived"
    assert get_config(grown, growth_story.SMB_V1).status == "active"


def test_the_candidate_waits_with_something_to_learn_from(grown: AnySession) -> None:
    candidate = get_config(grown, growth_story.SMB_V3)
    findings = {finding.code for finding in evaluate(read_config(grown, candidate.config_version_id).draft())}
    assert candidate.status == "simulated"
    assert {
        "unit_quality_signal_missing",
        "simulation_blocking_issues",
        "margin_below_floor_in_simulation",
        "spend_cap_exceeded_in_simulation",
        "target_margin_inconsistent",
        "metrics_intent_partial",
        "exploration_expiry_out_of_range",
    } <= findings


def test_customers_explore_and_graduate_and_some_pass_their_caps(grown: AnySession) -> None:
    outputs = present(grown.get_one(SimulationRun, "sim_growth_smb_v1").outputs)
    explored = outputs["exploration_summary"]
    for name in ("customers_graduated", "customers_expired", "customers_exploring"):
        assert explored[name] > 5
    assert outputs["enforcement_forecast"]["customers_over_spend_cap"] > 0
    assert sum(outputs["lens_metrics"].values()) > 1_000


def observed(session: AnySession) -> dict[tuple[str, str, Json], int]:
    """Customers by config, event_type and the percentage that was reached."""
    customers: dict[tuple[str, str, Json], set[str]] = defaultdict(set)
    for event in session.scalars(sa.select(EnforcementEvent)):
        customers[event.config_version_id, event.event_type, event.context.get("percent")].add(event.customer_id)
    return {key: len(found) for key, found in customers.items()}


def forecast(session: AnySession, decision_id: str) -> dict[tuple[str, str, Json], int]:
    decision = session.get_one(DecisionRecord, decision_id)
    return {
        (decision.config_version_id, REPORTED[threshold["action"]], threshold["percent"]): threshold["customers"]
        for threshold in present(decision.simulation_run.outputs)["enforcement_forecast"]["thresholds"]
    }


@pytest.mark.parametrize("name", ["sandbox_v1", "smb_v1", "enterprise_v1", "enterprise_v2"])
def test_enforcement_roughly_agrees_with_the_forecast(grown: AnySession, name: str) -> None:
    seen = observed(grown)
    for key, customers in forecast(grown, f"dec_growth_{name}").items():
        assert 0.7 <= seen[key] / customers <= 1.5, key


def test_one_config_stopped_four_times_as_many_customers_as_forecast(grown: AnySession) -> None:
    key = (growth_story.SMB_V2, "hard_cap_blocked", 100)
    assert 3.5 <= observed(grown)[key] / forecast(grown, "dec_growth_smb_v2")[key] <= 4.5
    modes = {
        tuple(event.context["render_modes_counted"])
        for event in grown.scalars(sa.select(EnforcementEvent).filter_by(event_type="hard_cap_blocked"))
        if event.config_version_id == growth_story.SMB_V2
    }
    assert modes == {("production", "preview")}


def test_every_kind_of_enforcement_event_is_there_in_order_of_time(grown: AnySession) -> None:
    events = list(grown.scalars(sa.select(EnforcementEvent).order_by(EnforcementEvent.enforcement_event_id)))
    assert len({event.event_type for event in events}) == 6
    assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)


def test_every_app_numbers_what_it_reports_and_one_lost_three_events(grown: AnySession) -> None:
    found = {client.client_id: client for client in clients_of(grown, "ws_2049")}
    assert {name: client.missing_ranges for name, client in found.items()} == {
        "cli_growth_enterprise": ((41, 43),),
        "cli_growth_smb": (),
        "cli_growth_smb_sandbox": (),
    }
    assert all(client.reused == 0 for client in found.values())


@pytest.mark.parametrize("name", ["SANDBOX_V1", "SMB_V1", "ENTERPRISE_V1", "ENTERPRISE_V2", "SMB_V2"])
def test_only_the_config_whose_app_miscounts_has_drifted_and_in_every_threshold(grown: AnySession, name: str) -> None:
    found = evidence(grown, get_config(grown, getattr(growth_story, name)), now=NOW)
    drifted = {row.percent for row in found.by_threshold if row.verdict in DRIFTED}
    assert drifted == ({70, 90, 100} if name == "SMB_V2" else set())


def test_ws_1049_is_untouched_by_its_neighbour(grown: AnySession) -> None:
    ours = sa.select(ConfigVersion.config_version_id, ConfigVersion.status).filter_by(workspace_id="ws_1049")
    assert dict(grown.execute(ours).tuples().all()) == {
        "cfg_smb_learning_sandbox_v1": "active",
        "cfg_smb_learning_prod_v1": "active",
        "cfg_smb_learning_prod_v2_candidate": "draft",
    }
    assert not grown.scalar(sa.select(EnforcementEvent).filter_by(workspace_id="ws_1049"))
    assert usage_events().store.snapshot("ws_1049").row_count == 6


@pytest.fixture(scope="module")
def first_generation(grown: AnySession) -> tuple[dict[str, list[JsonObject]], dict[str, str]]:
    """All rows and usage digests, but for the logs, whose ids are made when they are written."""
    return contents(grown, without=LOGS), digests(usage_events().store)


def test_every_generation_is_the_same_on_both_engines(
    first_generation: tuple[dict[str, list[JsonObject]], dict[str, str]], app: Flask
) -> None:
    report = load_seed(db.session, usage_events().store, now=NOW)
    assert report.growth_added
    assert (contents(db.session, without=LOGS), digests(usage_events().store)) == first_generation


def test_a_second_load_adds_nothing(sqlite_app: Flask) -> None:
    store = usage_events().store
    load_seed(db.session, store, now=NOW)
    before = contents(db.session), digests(store)
    assert not load_seed(db.session, store, now=NOW + timedelta(days=1)).changed
    assert (contents(db.session), digests(store)) == before

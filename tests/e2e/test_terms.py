"""A price that rises in mid-period, decided on a running server for the next period, enforced by the real client.

Each look is a process of its own on counters that all of them share: the second one never saw the version before.
"""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from flask import Flask

from app.models.base import db
from app.models.transactions import write
from app.services.authoring import unit_snapshots, value_units
from simulation.canonical import Json, JsonObject
from tests import factories as f
from tests.delivery.test_server import free_port, wait_until_ready
from tests.e2e.test_plane_off import CLIENT, running
from tests.present import present

pytestmark = pytest.mark.own_database

LOOK = """
import json, sys
from decimal import Decimal
from avs_brain_client import Client
from avs_brain_client.counters.sqlite import SqliteCounters
given = json.loads(sys.argv[1])
store = SqliteCounters(given["counters"])
with Client(given["base_url"], mode="poll", directory=given["directory"], counters=store, **given["subject"]) as client:
    client.wait_until_loaded(30)
    client.record("cust_1", "vu_hd_minute", given["quantity"], event_id=given["event_id"])
    decision = client.check("cust_1", "vu_hd_minute", 1)
    print(json.dumps([str(client.usage("cust_1").spend_usd), decision.allow, decision.config_version_id]))
"""
PARTS: JsonObject = {
    "pools": [f.CORE | {"included_quantity": Decimal(0), "rollover": None}],
    "exploration": {"enabled": False},
    "rails": f.RAILS | {"usage_thresholds": [], "monthly_spend_cap_usd": Decimal(500), "at_cap_action": "block"},
    "target_environment": "sandbox",
}
SUBJECT = f.SUBJECT | {"target_environment": "sandbox"}


@pytest.fixture
def served(sqlite_app: Flask) -> Flask:
    """cfg_1 sells an HD minute for 1 USD and is active; cfg_2 sells it for 2 and is simulated."""
    with write(db.session):
        f.foundation(db.session)
        _price(1)
        f.active(db.session, "cfg_1", **PARTS)
        _price(2)
        f.simulated(db.session, "cfg_2", **PARTS)
    return sqlite_app


def _price(usd: int) -> None:
    economics = present(f.HD_MINUTE["unit_economics"]) | {"target_price_per_unit_usd": Decimal(usd)}
    changes: Json = {"unit_economics": economics}
    value_units.update_value_unit(db.session, "vu_hd_minute", changes, actor=f.OPERATOR, now=f.NOW)
    unit_snapshots.submit_snapshot(db.session, f.CYCLE, actor=f.OPERATOR, now=f.NOW)


def look(base_url: str, folder: Path, name: str, quantity: int) -> Json:
    """What a process records and then decides."""
    given = {
        "base_url": base_url,
        "directory": str(folder / name),
        "counters": str(folder / "counters.sqlite"),
        "subject": SUBJECT,
        "quantity": quantity,
        "event_id": name,
    }
    environment = os.environ | {"PYTHONPATH": str(CLIENT)}
    command = [sys.executable, "-c", LOOK, json.dumps(given)]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("terms_start", "after"), [("next_period", ["450", True, "cfg_1"]), ("at_once", ["900", False, "cfg_2"])]
)
def test_use_before_the_change_keeps_its_price_where_the_decision_says_so(
    served: Flask, tmp_path: Path, terms_start: str, after: Json
) -> None:
    port, log = free_port(), tmp_path / "server.log"
    base_url = f"http://127.0.0.1:{port}"
    environment = {
        "DATABASE_URL": served.config["SQLALCHEMY_DATABASE_URI"],
        "AVS_DATA_DIR": str(served.config["DATA_DIR"]),
    }
    serve = [sys.executable, "-m", "app.serving", "--port", str(port), "--workers", "1"]
    with running(serve, log, **environment) as server:
        wait_until_ready(base_url, server, log)
        assert look(base_url, tmp_path, "before", 400) == ["400", True, "cfg_1"]
        decided = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": "It holds."}
        which = {"config_version_id": "cfg_2", "simulation_run_id": "sim_cfg_2", "effective_at": "2026-01-15T00:00:00Z"}
        answer = httpx.post(f"{base_url}/api/approve", json={**decided, **which, "terms_start": terms_start})
        assert (answer.status_code, answer.json()["terms_start"]) == (201, terms_start)
        assert look(base_url, tmp_path, "after", 50) == after

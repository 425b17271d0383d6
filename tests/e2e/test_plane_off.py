"""The control plane publishes, is killed, and the real client goes on by a plain file server alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from flask import Flask

from app.models.base import db
from app.models.catalog import SegmentCatalog
from app.models.transactions import write
from app.services.delivery.pointers import pointer_of, pointer_path
from tests import factories as f
from tests.delivery.test_server import free_port, wait_until_ready
from tests.present import present

pytestmark = pytest.mark.own_database

ODD = "Größe 1/2 ../100%!"
CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"
ENFORCE = """
import json, sys
from avs_brain_client import Client
given = json.loads(sys.argv[1])
with Client(given["base_url"], published=given["published"], mode="poll", **given["subject"]) as client:
    loaded = client.wait_until_loaded(30)
    decision = client.check("cust_1", "vu_hd_minute", 4)
    print(json.dumps([loaded, client.status.state, decision.config_version_id, str(decision.remaining)]))
"""


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def eventually(condition: Callable[[], object], log: Path) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.05)


def enforce(base_url: str, published: str, subject: dict[str, str]) -> Any:
    """What an app with no memory of its own decides, in a process of its own."""
    given = json.dumps({"base_url": base_url, "published": published, "subject": subject})
    environment = os.environ | {"PYTHONPATH": str(CLIENT)}
    done = subprocess.run([sys.executable, "-c", ENFORCE, given], env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture
def undelivered(sqlite_app: Flask) -> Flask:
    """cfg_1 and cfg_odd are active, and nothing is published: as after a crash between commit and publication."""
    with write(db.session):
        f.foundation(db.session)
        db.session.add(SegmentCatalog(segment_id=ODD, label="Odd"))
        f.active(db.session, "cfg_1")
        f.active(db.session, "cfg_odd", segment=ODD)
        f.simulated(db.session, "cfg_2")
    return sqlite_app


def test_apps_go_on_by_what_was_published_when_the_control_plane_is_killed(undelivered: Flask, tmp_path: Path) -> None:
    port, files_port, log, folder = free_port(), free_port(), tmp_path / "server.log", tmp_path / "out"
    base_url, published = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{files_port}"
    environment = {
        "DATABASE_URL": undelivered.config["SQLALCHEMY_DATABASE_URI"],
        "AVS_DATA_DIR": str(undelivered.config["DATA_DIR"]),
        "AVS_PUBLISH_URL": folder.as_uri(),
    }

    def pointed_to() -> str | None:
        path = folder / pointer_path(f.SUBJECT)
        return present(pointer_of(path.read_bytes())).config_version_id if path.exists() else None

    serve = [sys.executable, "-m", "app.serving", "--port", str(port), "--workers", "2"]
    files = [sys.executable, "-m", "http.server", str(files_port), "--bind", "127.0.0.1", "--directory", str(folder)]
    with running(serve, log, **environment) as server:
        wait_until_ready(base_url, server, log)
        eventually(lambda: pointed_to() == "cfg_1", log)
        decided = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": "It holds."}
        which = {"config_version_id": "cfg_2", "simulation_run_id": "sim_cfg_2", "effective_at": "2026-01-15T00:00:00Z"}
        assert httpx.post(f"{base_url}/api/approve", json=decided | which, timeout=60).status_code == 201
        eventually(lambda: pointed_to() == "cfg_2", log)
        workers = children(server.pid)
        server.kill()  # first, for it would put others in their places
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{base_url}/healthz")
    with running(files, tmp_path / "files.log") as server:
        eventually(lambda: answers(published), tmp_path / "files.log")
        assert enforce(base_url, published, f.SUBJECT) == [True, "fresh", "cfg_2", "300"]
        assert enforce(base_url, published, f.SUBJECT | {"segment": ODD}) == [True, "fresh", "cfg_odd", "300"]


def children(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def answers(address: str) -> bool:
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False

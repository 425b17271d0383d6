"""Two real server processes in front of one database: an approval that has returned is what both of them serve."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from flask import Flask

from app.models.base import AnySession
from app.models.transactions import write
from tests import factories as f
from tests.delivery.conftest import CONFIG, approve

pytestmark = pytest.mark.own_database


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path, *, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_no_process_answers_with_the_version_before_an_approval_that_has_returned(
    app: Flask, session: AnySession, tmp_path: Path
) -> None:
    with write(session):
        f.foundation(session)
    port, log = free_port(), tmp_path / "server.log"
    command = [sys.executable, "-m", "app.serving", "--port", str(port), "--workers", "2"]
    known = {
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "AVS_DATA_DIR": str(app.config["DATA_DIR"]),
        "AVS_SECRET_KEY": "test",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=os.environ | known, stdout=file, stderr=file)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        clients = [httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) for _ in range(6)]
        for number in range(1, 6):
            approve(f"cfg_{number}", later=60 * number)
            found = [client.get(CONFIG, params=f.SUBJECT).json()["config_version_id"] for client in clients]
            assert set(found) == {f"cfg_{number}"}
        written = clients[0].post("/api/workspaces", json={"workspace_name": "N" * 190, "operator_role": "founder"})
        assert written.status_code == 201
        for client in clients:
            client.close()
    finally:
        process.terminate()
        process.wait(60)

"""`avs serve`, as somebody starts it on their first day: an empty directory becomes a server that simulates."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from tests.delivery.test_server import free_port, wait_until_ready

CANDIDATE = "cfg_smb_learning_prod_v2_candidate"


def test_an_empty_directory_is_seeded_and_served_by_workers_that_simulate(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "server.log"
    address = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("avs")), "serve", "--port", str(port)]
    with log.open("wb") as file:
        known = {"AVS_DATA_DIR": str(tmp_path / "data")}
        server = subprocess.Popen(command, env=os.environ | known, stdout=file, stderr=file)
    try:
        wait_until_ready(address, server, log, seconds=240)  # most of it goes into seeding
        asked = {"candidate_config_version_id": CANDIDATE, "historical_window_days": 30}
        simulated = httpx.post(f"{address}/api/simulations", json=asked, timeout=60)
        assert simulated.status_code == 201, simulated.text
        assert simulated.json()["outputs"]["economics"]["candidate"]["revenue_usd"] == 7.8
        assert len(psutil.Process(server.pid).children()) == 2
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    finally:
        server.kill()
        server.wait(30)
    assert log.read_text().splitlines()[:2] == ["Seeded the Lumina demo.", f"AVS Brain on {address}"]

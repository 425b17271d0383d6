"""Servers that load an app once and fork their workers from it: gunicorn with --preload, and Celery's prefork pool."""

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from brain import Brain
from documents import document, pool, rails
from processes import STORES, write_app
from waiting import eventually

CAP = 100
TRIES = 130
PERCENTS = [{"percent": n, "action": "warn"} for n in range(1, 101)]

CLIENT = """
import json, os
from avs_brain_client import Client
from stores import store_of
SUBJECT, (url, folder, kind, redis_url) = json.loads(os.environ["GIVEN"])
client = Client(url, mode="stream", flush_seconds=0.05, directory=folder, counters=store_of(kind, folder, redis_url),
                **SUBJECT).start()
assert client.wait_until_loaded(60)

def spend():
    made = client.reserve("c", "vu_minute", 1)
    if made.decision.allow:
        client.commit(made)
    return made.decision.allow
"""
WEB = """
import os
from shared import client, spend

def app(environ, start_response):
    start_response("200 OK" if spend() else "429 Too Many Requests", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {client.status.state}".encode()]
"""
TASKS = """
import os
from celery import Celery
from shared import folder, spend
app = Celery("main", broker="filesystem://")
app.conf.broker_transport_options = {"data_folder_in": folder + "/broker", "data_folder_out": folder + "/broker",
                                     "processed_folder": folder + "/processed", "control_folder": folder + "/control"}
app.conf.worker_hijack_root_logger = False

@app.task
def work(number):
    line = f"{number} {spend()} {os.getpid()}\\n"
    with open(folder + "/done.txt", "a") as file:
        file.write(line)
"""


@contextmanager
def serving(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        yield server
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def assert_everything_arrived_once(brain: Brain) -> None:
    events = brain.events.values()
    reached = [event["context"]["percent"] for event in events if event["event_type"] == "rail_warning_shown"]
    assert sorted(reached) == list(range(1, 101))
    assert sorted(event["sequence"] for event in events) == list(range(1, len(events) + 1))


@pytest.fixture
def capped(brain: Brain) -> Brain:
    brain.activate(document(rails=rails(usage_thresholds=PERCENTS), pools=[pool(included=CAP, behavior="hard_stop")]))
    return brain


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_workers_that_gunicorn_forks_from_a_preloaded_app_share_one_cap(
    capped: Brain, tmp_path: Path, redis_url: str, kind: str
) -> None:
    """One of them is killed on the way: its successor is forked while the parent's threads are at work."""
    files = {"stores.py": STORES, "shared.py": CLIENT, "main.py": WEB}
    environment = write_app(tmp_path, files, [capped.url, str(tmp_path), kind, redis_url])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    options = ["--preload", "--workers", "3", "--bind", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", *options, "main:app"]
    statuses: Counter[int] = Counter()
    workers: set[bytes] = set()

    def ask(_: int) -> None:
        try:
            answer = httpx.get(url, timeout=60)
        except httpx.TransportError:
            statuses[0] += 1  # its worker was killed; whether it counted is not known to who asked
            return
        statuses[answer.status_code] += 1
        worker, state = answer.content.split()
        workers.add(worker)
        assert state == b"fresh"

    with serving(command, environment, tmp_path) as server, ThreadPoolExecutor(4) as askers:
        eventually(lambda: answers(url), 60)
        list(askers.map(ask, range(30)))
        os.kill(int(next(iter(workers))), signal.SIGKILL)
        list(askers.map(ask, range(TRIES)))
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0, (tmp_path / "server.log").read_text()
    assert CAP - statuses[0] - 1 <= statuses[200] <= CAP
    assert len(workers) > 1
    assert_everything_arrived_once(capped)


def answers(url: str) -> bool:
    try:
        return httpx.head(url, timeout=60).status_code in (200, 429)
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_workers_of_celery_share_one_cap(capped: Brain, tmp_path: Path, redis_url: str, kind: str) -> None:
    files = {"stores.py": STORES, "shared.py": CLIENT, "main.py": TASKS}
    environment = write_app(tmp_path, files, [capped.url, str(tmp_path), kind, redis_url])
    for name in ("broker", "processed", "control"):
        (tmp_path / name).mkdir()
    send = f"import main; [main.work.delay(number) for number in range({TRIES})]; main.app.close()"
    subprocess.run([sys.executable, "-c", send], env=environment, cwd=tmp_path, check=True, timeout=100)
    options = ["--pool", "prefork", "--concurrency", "3", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    command = [sys.executable, "-m", "celery", "-A", "main", "worker", *options]
    done = tmp_path / "done.txt"
    with serving(command, environment, tmp_path) as server:
        eventually(lambda: done.exists() and len(done.read_text().splitlines()) == TRIES, 90)
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    lines = [line.split() for line in done.read_text().splitlines()]
    assert sum(allowed == "True" for _, allowed, _ in lines) == CAP
    assert len({worker for _, _, worker in lines}) > 1
    assert_everything_arrived_once(capped)

"""The server is killed again and again under apps that enforce: they go on, in order, and nothing they say is lost.

Server and apps are processes of their own; the apps run the real client library, one in each of its modes.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock
from app.models.base import AnySession, db
from app.models.enforcement import EnforcementEvent
from app.models.transactions import write
from app.services.decisions import activation
from app.serving.worker import STOPPED_WITHIN
from simulation.canonical import canonical_bytes, parse_exact
from tests import factories as f
from tests.delivery.conftest import CONFIG
from tests.delivery.test_server import free_port, wait_until_ready
from tests.e2e.test_plane_off import CLIENT, children, eventually
from tests.present import present

pytestmark = pytest.mark.own_database

APP = "tests.e2e.enforcing_app"
ROOT = Path(__file__).resolve().parents[2]
MODES = ("poll", "longpoll", "stream")
KILLS = 3
MAX_CHECK_SECONDS = 2.0
"""A check that waited for a server that is down would take as long as its start, and longer."""
CONVERGED_SECONDS = 90
"""Several times the longest pause that a client makes between two attempts; on average it is a few seconds."""
AHEAD = timedelta(seconds=12)
DECIDED = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": "It holds."}


@dataclass
class Server:
    """The product on one port, which may be killed and started as often as one likes."""

    environment: dict[str, str]
    port: int
    log: Path
    process: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "app.serving", "--port", str(self.port), "--workers", "2"]
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(command, env=os.environ | self.environment, stdout=file, stderr=file)
        wait_until_ready(self.url, self.process, self.log)

    def kill(self) -> None:
        """All of its processes, with no time for anything."""
        if self.process is None or self.process.poll() is not None:
            return
        workers = children(self.process.pid)
        self.process.kill()  # first, for it would put others in their places
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> float:
        """As an operator stops it; the seconds until it was gone."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(60)
        return time.monotonic() - began

    def approve(self, config_version_id: str, effective_at: datetime) -> None:
        which = {"config_version_id": config_version_id, "simulation_run_id": f"sim_{config_version_id}"}
        when = {"effective_at": effective_at.isoformat().replace("+00:00", "Z")}
        answer = httpx.post(f"{self.url}/api/approve", json=DECIDED | which | when, timeout=60)
        assert answer.status_code == 201, answer.text

    def document(self) -> bytes:
        return httpx.get(self.url + CONFIG, params=f.SUBJECT, timeout=60).content


@dataclass
class Enforcing:
    """An app under way, and what it said when it stopped."""

    folder: Path
    process: subprocess.Popen[str]

    def seen(self) -> list[dict[str, Any]]:
        path = self.folder / "seen.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def decides_by(self) -> tuple[str | None, int | None]:
        """Config version and sequence of the newest document that a thread was given."""
        seen = self.seen()
        return (seen[-1]["config_version_id"], seen[-1]["sequence"]) if seen else (None, None)

    def versions(self) -> list[list[str]]:
        """What each of its threads decided by, in order."""
        threads: dict[int, list[str]] = defaultdict(list)
        for line in self.seen():
            if threads[line["thread"]][-1:] != [line["config_version_id"]]:
                threads[line["thread"]].append(line["config_version_id"])
        return list(threads.values())

    def first_by(self, config_version_id: str) -> float:
        """When it first decided by a version (seconds since 1970)."""
        return min(float(line["at"]) for line in self.seen() if line["config_version_id"] == config_version_id)

    def stop(self) -> dict[str, Any]:
        (self.folder / "stop").touch()
        out, problem = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, problem
        found: dict[str, Any] = json.loads(out)
        return found

    def sent(self) -> tuple[str, int, set[str]]:
        """Its client_id, the last number that it gave, and the ids of the events that the server took."""
        (path,) = self.folder.rglob("*events*")
        with sqlite3.connect(path) as queue:
            client_id, last = queue.execute("SELECT client_id, last FROM numbering").fetchone()
            names = {name for (name,) in queue.execute("SELECT event_id FROM sent")}
        return client_id, last, names


@contextmanager
def enforcing(server: Server, tmp_path: Path, mode: str) -> Iterator[Enforcing]:
    folder = tmp_path / mode
    folder.mkdir()
    given = json.dumps({"base_url": server.url, "directory": str(folder), "mode": mode, "subject": f.SUBJECT})
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{CLIENT}"}
    command = [sys.executable, "-m", APP, given]
    with (folder / "app.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield Enforcing(folder, process)
    finally:
        process.kill()
        process.wait(10)
        present(process.stdout).close()


@pytest.fixture
def server(app: Flask, session: AnySession, tmp_path: Path) -> Iterator[Server]:
    """With cfg_1 active and the next ones ready to be approved."""
    with write(session):
        f.foundation(session)
        f.active(session, "cfg_1")
        for number in range(2, 2 + 2 * KILLS):
            f.simulated(session, f"cfg_{number}")
    environment = {
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "AVS_DATA_DIR": str(app.config["DATA_DIR"]),
        "AVS_SECRET_KEY": "test",
    }
    found = Server(environment, free_port(), tmp_path / "server.log")
    found.start()
    yield found
    found.kill()


@pytest.fixture
def apps(server: Server, tmp_path: Path) -> Iterator[list[Enforcing]]:
    """One in each mode, all deciding by cfg_1."""
    with (
        enforcing(server, tmp_path, "poll") as poll,
        enforcing(server, tmp_path, "longpoll") as longpoll,
        enforcing(server, tmp_path, "stream") as stream,
    ):
        found = [poll, longpoll, stream]
        eventually(lambda: all(app.decides_by()[0] == "cfg_1" for app in found), server.log)
        yield found


def approved_without_server(config_version_id: str) -> None:
    """As `avs approve` does."""
    with write(db.session):
        run = f"sim_{config_version_id}"
        activation.approve(db.session, config_version_id, run, f.APPROVAL, actor=f.OPERATOR, now=clock.now())


def test_apps_outlive_a_server_that_is_killed_three_times_while_versions_change(
    server: Server, apps: list[Enforcing]
) -> None:
    asked_at: dict[str, float] = {}
    for kill in range(KILLS):
        asked_at[before := f"cfg_{2 + 2 * kill}"] = time.time()
        server.approve(before, clock.now())
        time.sleep(0.5)
        server.kill()
        asked_at[newest := f"cfg_{3 + 2 * kill}"] = time.time()
        approved_without_server(newest)
        server.start()
    ends = time.monotonic() + CONVERGED_SECONDS
    while not all(app.decides_by()[0] == newest for app in apps):
        assert time.monotonic() < ends, [app.decides_by() for app in apps]
        time.sleep(0.1)
    time.sleep(0.5)
    found = [app.stop() for app in apps]
    for app, said in zip(apps, found, strict=True):
        assert (said["raised"], said["refused"], said["waiting"]) == ([], 0, 0)
        assert said["longest"] < MAX_CHECK_SECONDS
        assert said["checks"] > 100
        for versions in app.versions():
            assert (versions[0], versions[-1]) == ("cfg_1", newest)
            assert all(_number(one) < _number(other) for one, other in pairwise(versions)), versions
            assert all(app.first_by(version) >= asked_at[version] for version in versions[1:])
    assert_every_event_arrived_once(apps)


def _number(config_version_id: str) -> int:
    return int(config_version_id.removeprefix("cfg_"))


def assert_every_event_arrived_once(apps: list[Enforcing]) -> None:
    columns = (EnforcementEvent.client_id, EnforcementEvent.sequence, EnforcementEvent.enforcement_event_id)
    numbers, names = defaultdict(list), defaultdict(list)
    for client_id, sequence, name in db.session.execute(sa.select(*columns).order_by(EnforcementEvent.sequence)):
        numbers[client_id].append(sequence)
        names[client_id].append(name)
    assert len(numbers) == len(apps)
    for client_id, last, sent in (app.sent() for app in apps):
        assert last > 20
        assert numbers[client_id] == list(range(1, last + 1))
        assert set(names[client_id]) == sent


def test_apps_that_were_told_to_come_back_do_so(server: Server, apps: list[Enforcing]) -> None:
    """A server that is stopped for a new version of the product, while apps poll, wait and listen."""
    assert server.stop() < STOPPED_WITHIN, "it was killed"
    server.start()
    server.approve("cfg_2", clock.now())
    eventually(lambda: all(app.decides_by()[0] == "cfg_2" for app in apps), server.log)
    for app in apps:
        outcome = app.stop()
        assert (outcome["raised"], outcome["refused"], outcome["waiting"]) == ([], 0, 0)
        assert outcome["longest"] < MAX_CHECK_SECONDS
    assert_every_event_arrived_once(apps)


def test_a_scheduled_version_begins_in_every_app_while_the_server_is_down(
    server: Server, apps: list[Enforcing]
) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + AHEAD
    server.approve("cfg_2", moment)
    eventually(lambda: all(app.decides_by() == ("cfg_1", 2) for app in apps), server.log)
    announced = parse_exact(server.document())["governance"]["delivery"]["next"]["document"]
    server.kill()
    assert datetime.now(UTC) < moment
    eventually(lambda: all(app.decides_by() == ("cfg_2", 3) for app in apps), server.log)
    for app in apps:
        assert app.first_by("cfg_2") >= moment.timestamp()
    server.start()
    assert server.document() == canonical_bytes(announced)
    for app in apps:
        found = app.stop()
        assert (found["raised"], found["refused"], found["waiting"]) == ([], 0, 0)
        assert app.versions() == [["cfg_1", "cfg_2"]] * 2
    assert_every_event_arrived_once(apps)

"""The place to publish to is in trouble, or the server dies between a decision and its publication."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.databases import DATABASE
from tests.faults.lumina import CANDIDATE, SUBJECT, WORKSPACE, approve, config, sending, simulate
from tests.faults.running import Server, eventually

OWN = f"UPDATE workspaces SET is_demo = 0 WHERE workspace_id = '{WORKSPACE}'"
"""The demo is never published; this makes its workspace an operator's own."""


@pytest.fixture
def published(server: Server, tmp_path: Path) -> Path:
    """The folder that the server publishes to."""
    folder = tmp_path / "published"
    server.environment["AVS_PUBLISH_URL"] = folder.as_uri()
    with sqlite3.connect(server.data_dir / DATABASE) as database:
        database.execute(OWN)
    return folder


def pointer(folder: Path) -> str | None:
    """The config version that the demo's subject is published with; None while there is none."""
    path = folder.joinpath("current", *SUBJECT.values()).with_suffix(".json")
    try:
        config_version_id: str = json.loads(path.read_text())["config_version_id"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    return config_version_id


def test_a_decision_is_published_once_its_place_can_be_written_again(server: Server, published: Path) -> None:
    server.start()
    eventually(lambda: pointer(published) is not None)
    before = pointer(published)
    aside = published.rename(published.with_name("aside"))
    published.write_text("in the way")
    with sending(server, "publishing") as usage:
        decision = approve(server, simulate(server).json()["simulation_run_id"])
        assert decision.status_code == 201, decision.text
        assert config(server).json()["config_version_id"] == CANDIDATE
    published.unlink()
    aside.rename(published)
    assert pointer(published) == before != CANDIDATE
    heal_seconds = eventually(lambda: pointer(published) == CANDIDATE, seconds=90)
    assert usage.acknowledged
    assert usage.lost() == set()
    print(f"publishing: {len(usage.acknowledged)} events, 1 decision, 0 lost, published {heal_seconds:.1f} s later")


def test_a_decision_is_published_after_the_server_died_with_it(server: Server, published: Path) -> None:
    server.start()
    simulation_run_id = simulate(server).json()["simulation_run_id"]
    decision = approve(server, simulation_run_id)
    server.kill()
    assert decision.status_code == 201, decision.text
    start_seconds = server.start()
    heal_seconds = eventually(lambda: pointer(published) == CANDIDATE)
    print(f"killed after a decision: published {heal_seconds:.1f} s after a start of {start_seconds:.1f} s")

"""Another program locks the databases while people work: requests wait a little, then say why, and apps go on."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from app.patience import REQUEST_SECONDS
from tests.faults.lumina import CANDIDATE, approve, config, sending, simulate
from tests.faults.publishing import until_published
from tests.faults.running import PATIENCE_SECONDS, Server
from tests.faults.troubles import (
    command_refused,
    has_event,
    ingest,
    lives_and_delivers,
    quiet,
    ready,
    refused,
    refused_on_screen,
    unready,
    upload,
)

BY_COMMAND = ("--approver", "Theresa", "--role", "CEO", "--rationale", "It holds.")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program writes to the database and does not come to an end."""
    holder = sqlite3.connect(path, isolation_level=None, timeout=PATIENCE_SECONDS)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.rollback()
        holder.close()


def test_a_locked_database_is_refused_after_a_while_and_nothing_acknowledged_is_lost(server: Server) -> None:
    server.start()
    simulation_run_id = simulate(server).json()["simulation_run_id"]
    assert config(server).status_code == 200
    with sending(server, "locked") as usage, ThreadPoolExecutor(4) as hands:
        with locked(server.data_dir / "avs.db"):
            began = time.monotonic()
            command = hands.submit(command_refused, server, "approve", CANDIDATE, simulation_run_id, *BY_COMMAND)
            simulation = hands.submit(simulate, server)
            assert "The control database is locked" in refused(approve(server, simulation_run_id), "storage_busy")
            waited = time.monotonic() - began
            assert REQUEST_SECONDS - 1 < waited < REQUEST_SECONDS + PATIENCE_SECONDS
            refused(simulation.result(), "storage_busy")
            refused_on_screen(upload(server))
            assert server.get("/decision-log").status_code == 200
            lives_and_delivers(server)
            unready(server, "control_database", "storage_busy")
            usage.wait_for_more()
            assert command.result().startswith("Error: The control database is locked")
        heal_seconds = ready(server)
        with locked(server.data_dir / "usage" / "index.sqlite"):
            assert "The usage store is locked" in refused(ingest(server, "late"), "storage_busy")
            lives_and_delivers(server)
        decision = approve(server, simulation_run_id)
        assert decision.status_code == 201, decision.text
    assert not has_event(server, "late")
    assert config(server).json()["config_version_id"] == CANDIDATE
    until_published(server)
    assert usage.lost() == set()
    quiet(server, "storage_busy")
    print(
        f"locked: {len(usage.acknowledged)} events acknowledged, 0 lost, refused after {waited:.1f} s, "
        f"ready again after {heal_seconds:.1f} s"
    )

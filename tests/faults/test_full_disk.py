"""The disk fills up while people work, until room is made: what needs it is refused, the rest goes on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.disks import Disk, small_disk
from tests.faults.lumina import CANDIDATE, approve, config, sending, simulate
from tests.faults.publishing import publish_to, until_published
from tests.faults.running import Server, breakable, eventually
from tests.faults.troubles import (
    USAGE_FILE,
    command_refused,
    has_event,
    ingest,
    lives_and_delivers,
    new_workspace,
    quiet,
    ready,
    refused,
    refused_on_screen,
    settled,
    unready,
    upload,
)

ROOM_MB = 64
"""What a disk has beside the demo: more than a server of two workers needs, and little enough to be filled at once."""


@pytest.fixture
def disk(seeded: Path, tmp_path: Path) -> Iterator[Disk]:
    size = sum(path.stat().st_size for path in seeded.rglob("*") if path.is_file())
    with small_disk(tmp_path / "disk", size // 2**20 + ROOM_MB) as disk:
        shutil.copytree(seeded, disk.folder / "data")
        yield disk


@pytest.fixture
def server(disk: Disk, tmp_path: Path) -> Iterator[Server]:
    with breakable(Server(disk.folder / "data", tmp_path / "server.log")) as server:
        publish_to(server, tmp_path / "published")
        yield server


def test_a_full_disk_refuses_what_needs_it_and_loses_nothing_acknowledged(
    server: Server, disk: Disk, tmp_path: Path
) -> None:
    (tmp_path / "usage.csv").write_text(USAGE_FILE)
    server.start()
    simulation_run_id = simulate(server).json()["simulation_run_id"]
    assert config(server).status_code == 200
    with sending(server, "full") as usage:
        eventually(lambda: len(usage.acknowledged) > 100)
        disk.fill(server)
        eventually(lambda: ingest(server, "full_1").status_code == 503)
        assert "no room" in refused(ingest(server, "full_1"), *disk.codes) or not disk.is_mounted
        refused(approve(server, simulation_run_id), *disk.codes)
        refused(simulate(server), *disk.codes)
        refused_on_screen(new_workspace(server))
        refused_on_screen(upload(server))
        for page in ("/decision-log", "/setup/workspace", f"/configs/{CANDIDATE}/review"):
            assert server.get(page).status_code == 200, page
        lives_and_delivers(server)
        unready(server, "usage_store", *disk.codes)
        if disk.is_mounted:
            importing = ("usage", "import", str(tmp_path / "usage.csv"), "--workspace", "ws_1049")
            assert "has no room left" in command_refused(server, *importing)
        before = len(usage.acknowledged)
        disk.free(server)
        heal_seconds = ready(server)
        settled(lambda: approve(server, simulation_run_id), 201)
        eventually(lambda: len(usage.acknowledged) > before)
    assert simulate(server).status_code == 201
    assert not has_event(server, "full_1")
    assert config(server).json()["config_version_id"] == CANDIDATE
    assert upload(server).status_code == 303
    until_published(server)
    assert usage.refused
    assert usage.lost() == set()
    for code in disk.codes[:1]:
        quiet(server, code, times=4)  # small writes may fit for a moment: an outage of a store is told in parts then
    print(
        f"full disk: {len(usage.acknowledged)} events acknowledged, 0 lost, {usage.refused} batches refused, "
        f"ready again after {heal_seconds:.1f} s"
    )

"""The folder of the usage events is damaged under the product: what is wrong is said, and nothing is lost or wrong."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from tests.faults.lumina import CANDIDATE, WORKSPACE, approve, sending, simulate, usage_event
from tests.faults.publishing import until_published
from tests.faults.running import AVS, Server, eventually, run_avs

LATE = "2026-04-10T08:00:00Z"
"""When the events lie that the tests send: after the seed's newest."""
PUT_BACK = "Put the file back from a backup"


def usage_folder(server: Server) -> Path:
    return server.data_dir / "usage"


def event_files(server: Server) -> list[Path]:
    """The files of the workspace, the newest month last."""
    return sorted(usage_folder(server).glob(f"workspace_id={WORKSPACE}/month=*/*.parquet"))


def dataset(server: Server) -> dict[str, object]:
    """What a simulation of all usage covers now; the fingerprint is in it."""
    answer = simulate(server)
    assert answer.status_code in (200, 201), answer.text
    document: dict[str, object] = answer.json()["dataset"]
    return document


def lose_index(folder: Path) -> None:
    for path in folder.glob("index.sqlite*"):
        path.unlink()


@pytest.fixture
def running(server: Server) -> Server:
    server.start()
    return server


def test_a_lost_index_an_older_one_and_one_from_a_backup_are_made_anew_at_the_next_start(running: Server) -> None:
    folder, before = usage_folder(running), dataset(running)
    backup = running.data_dir / "backup.sqlite"
    running.stop()
    shutil.copy(folder / "index.sqlite", backup)
    with_more = _with_more_usage(running)
    healed = {"lost": _healed(running, lose_index, with_more), "older": _healed(running, _restore(backup), with_more)}
    assert with_more != before
    receipt = running.post("/api/usage-events", [usage_event("more_1"), usage_event("more_2")]).json()
    assert (receipt["accepted"], receipt["duplicates"]) == (0, 2)
    batch = running.get("/api/usage-imports", workspace_id=WORKSPACE, limit="1").json()["items"][0]
    undone = running.post(f"/api/usage-imports/{batch['usage_import_id']}/undo", {"confirm": True})
    assert undone.status_code in (200, 422), undone.text
    run = simulate(running).json()
    assert approve(running, run["simulation_run_id"]).status_code == 201
    until_published(running)
    print("index " + ", ".join(f"{name}: up in {seconds:.1f} s" for name, seconds in healed.items()))


def _with_more_usage(server: Server) -> dict[str, object]:
    server.start()
    answer = server.post("/api/usage-events", [usage_event("more_1"), usage_event("more_2")])
    assert answer.json()["accepted"] == 2
    return dataset(server)


def _restore(backup: Path) -> Callable[[Path], None]:
    def restore(folder: Path) -> None:
        lose_index(folder)
        shutil.copy(backup, folder / "index.sqlite")

    return restore


def _healed(server: Server, damage: Callable[[Path], None], expected: dict[str, object]) -> float:
    """The seconds of a start after the damage; nothing is set aside or deleted, and every event counts as before."""
    server.kill()
    files = event_files(server)
    damage(usage_folder(server))
    seconds = server.start()
    assert "was made anew from" in server.said()
    assert event_files(server) == files
    assert dataset(server) == expected
    return seconds


def test_a_damaged_file_is_named_by_every_door_and_counts_again_when_it_is_back(running: Server) -> None:
    run = simulate(running).json()
    before = run["dataset"]
    path = event_files(running)[-1]
    whole = path.read_bytes()
    damages: dict[str, Callable[[], object]] = {
        "is missing": path.unlink,
        "is cut or grown": lambda: path.write_bytes(whole[: len(whole) // 2]),
        "is not what was written": lambda: path.write_bytes(whole[:-100] + bytes(100)),
    }
    for said, damage in damages.items():
        damage()
        _every_door_says(running, path, said, run["simulation_run_id"])
        path.write_bytes(whole)
        began = time.monotonic()
        assert dataset(running) == before
        heal_seconds = time.monotonic() - began
        eventually(lambda: running.get("/readyz").json()["checks"]["usage_files"]["state"] == "ready")
    print(f"damaged file: {len(damages)} kinds, each said by 8 doors, counted again in {heal_seconds:.2f} s")


def _page(server: Server, path: str) -> str:
    """A screen as an operator of the workspace sees it."""
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=60) as browser:
        browser.get("/", params={"workspace": WORKSPACE})
        return browser.get(path).text


def _every_door_says(server: Server, path: Path, said: str, simulation_run_id: str) -> None:
    refused = simulate(server)
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (409, "usage_files_damaged")
    assert problem["files"][0]["path"] == str(path.relative_to(usage_folder(server)))
    run = server.get(f"/api/simulations/{simulation_run_id}").json()
    texts = {
        "API": problem["detail"],
        "run": run["dataset_change"]["problem"],
        "usage": _page(server, "/usage"),
        "review": _page(server, f"/configs/{CANDIDATE}/review"),
        "approve": _page(server, f"/configs/{CANDIDATE}/approve"),
        "simulate": _page(server, f"/configs/{CANDIDATE}/simulate"),
        "command line": run_avs(server.data_dir, "simulate", CANDIDATE).stderr,
    }
    for door, text in texts.items():
        assert path.name in text, (door, text[:2000])
        assert PUT_BACK in text, door
    checked = run_avs(server.data_dir, "usage", "check")
    assert checked.returncode == 1
    assert f"{path.name}" in checked.stdout
    assert said in checked.stdout
    assert run["outputs"] is not None
    assert "Traceback" not in server.said()


def test_a_lost_file_can_be_taken_out_and_taken_in_again(running: Server) -> None:
    before = dataset(running)
    path = event_files(running)[-1]
    kept = path.rename(running.data_dir / "kept.parquet")
    name = str(path.relative_to(running.data_dir))
    taken_out = run_avs(running.data_dir, "usage", "take-out", "--yes", name)
    assert taken_out.returncode == 0, taken_out.stderr
    assert dataset(running) != before
    running.stop()
    kept.rename(path)
    running.start()
    assert "Set aside 1 file of usage" in running.said()
    assert not path.exists()
    assert "set aside because the index does not know of them" in running.get("/readyz").text
    for page in ("/", "/usage"):
        assert "--take-in" in _page(running, page), page
    began = time.monotonic()
    taken_in = run_avs(running.data_dir, "usage", "reindex", "--take-in")
    heal_seconds = time.monotonic() - began
    assert "events taken in" in taken_in.stdout, taken_in.stderr
    assert dataset(running) == before
    assert run_avs(running.data_dir, "usage", "check").returncode == 0
    print(f"lost file taken out and in again: {heal_seconds:.1f} s")


def test_a_killed_reindex_and_a_killed_import_lose_nothing_that_was_acknowledged(running: Server) -> None:
    with sending(running, "importing") as usage:
        _kill_at_work(running, "usage", "import", str(_csv(running.data_dir)), "--workspace", WORKSPACE)
        _kill_at_work(running, "usage", "reindex")
        _kill_at_work(running, "usage", "reindex")
        assert simulate(running).status_code in (200, 201)
        running.kill()
    heal_seconds = running.start()
    assert usage.acknowledged
    assert usage.lost() == set()
    imported = run_avs(running.data_dir, "usage", "import", str(_csv(running.data_dir)), "--workspace", WORKSPACE)
    assert imported.returncode == 0, imported.stderr
    assert run_avs(running.data_dir, "usage", "check").returncode == 0
    print(f"import and reindex killed: {len(usage.acknowledged)} acknowledged, 0 lost, up in {heal_seconds:.1f} s")


def _csv(folder: Path, rows: int = 20_000) -> Path:
    path = folder / "more.csv"
    if not path.exists():
        lines = (
            f"imported_{number},{LATE},video_render_completed,cust_fault,ai_video_smb,{number}"
            for number in range(rows)
        )
        head = "event_id,ts,event_type,customer_id,segment,output_minutes"
        path.write_text("\n".join([head, *lines]))
    return path


def _kill_at_work(server: Server, *arguments: str) -> None:
    """Begin a command and kill it in the middle of its work: it has usage open, and a moment more."""
    known = os.environ | {"AVS_DATA_DIR": str(server.data_dir)}
    process = subprocess.Popen([AVS, *arguments], env=known, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: process.poll() is not None or _has_usage_open(process.pid, server))
    assert process.poll() is None, "it ended before it could be killed"
    time.sleep(0.2)
    process.kill()
    process.wait()


def _has_usage_open(pid: int, server: Server) -> bool:
    try:
        paths = {Path(file.path) for file in psutil.Process(pid).open_files()}
    except psutil.NoSuchProcess:
        return False
    return any(usage_folder(server) in path.parents or path.suffix == ".csv" for path in paths)

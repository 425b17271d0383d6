"""Counters in a file that is deleted, replaced, locked, garbled or full: said, never silent, exact after it."""

import json
import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from avs_brain_client import Client, Clock
from avs_brain_client.counters.sqlite import SqliteCounters
from brain import Brain
from conftest import Connect
from documents import UNIT, document, pool
from processes import run
from waiting import eventually

STOPS: dict[str, Any] = {"pools": [pool(included=100, behavior="hard_stop")]}


def counting(brain: Brain, connect: Connect, counters: Path | SqliteCounters, **options: Any) -> Client:
    brain.activate(document(**STOPS))
    store = SqliteCounters(counters) if isinstance(counters, Path) else counters
    client = connect(counters=store, **options)
    client.refresh()
    return client


def counts_again(client: Client) -> bool:
    counters = client.status.counters
    return counters.state == "ok" and counters.kept == 0


def used_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        bodies = [json.loads(body) for (body,) in database.execute("SELECT body FROM accounts")]
    return sum(int(n) for body in bodies for periods in body["used"].values() for n in periods.values()) // 10**12


def test_a_file_that_was_deleted_is_put_back_whole_for_everybody(
    brain: Brain, connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "shared" / "counters.sqlite"
    client, other = (counting(brain, connect, path, directory=tmp_path / name) for name in ("one", "two"))
    client.record("c", UNIT, 40, event_id="evt_1")
    other.record("c", UNIT, 30)
    shutil.rmtree(path.parent)
    assert not client.check("c", UNIT, 31).allow
    assert client.record("c", UNIT, 40, event_id="evt_1").duplicate
    other.record("c", UNIT, 1)
    client.record("c", UNIT, 1)
    assert used_in(path) == 72
    assert "deleted" in str(client.status.counters.problem)


def test_a_file_that_was_replaced_by_an_earlier_copy_is_the_one_that_counts(
    brain: Brain, connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "counters.sqlite"
    client = counting(brain, connect, path)
    client.record("c", UNIT, 10)
    with closing(sqlite3.connect(path)) as database, closing(sqlite3.connect(tmp_path / "copy")) as copy:
        database.backup(copy)
    client.record("c", UNIT, 10)
    for part in ("-wal", "-shm"):
        Path(f"{path}{part}").unlink(missing_ok=True)
    os.replace(tmp_path / "copy", path)
    client.record("c", UNIT, 1)
    assert used_in(path) == 11


@pytest.mark.parametrize("begun", [True, False])
def test_a_garbled_file_is_set_aside_and_said(brain: Brain, connect: Connect, tmp_path: Path, begun: bool) -> None:
    path = tmp_path / "counters.sqlite"
    store = SqliteCounters(path)
    client = counting(brain, connect, store)
    if begun:
        client.record("c", UNIT, 60)
    store.close()
    path.write_bytes(b"no database" * 10_000)
    client.record("c", UNIT, 10)
    eventually(lambda: counts_again(client), 30)
    assert used_in(path) == (70 if begun else 10)
    assert "set aside" in str(client.status.counters.problem)
    assert [aside for aside in tmp_path.glob("counters.sqlite.damaged-*") if aside.stat().st_size > 100_000]


def test_where_no_file_can_be_made_an_app_begins_and_each_rail_does_as_it_says(
    brain: Brain, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way of a directory")  # not by rights: they say nothing to root
    client = counting(brain, connect, tmp_path / "file" / "counters.sqlite")
    decision = client.check("c", UNIT)
    assert (decision.allow, decision.reason_code) == (False, "counters_unavailable")
    assert client.record("c", UNIT, 5).kept
    client.check("c", UNIT)
    assert client.status.counters.state == "snapshot"
    assert [problem.code for problem in client.status.problems] == ["counters_unavailable"]
    assert len(warnings_in(caplog)) == 1
    (tmp_path / "file").unlink()
    eventually(lambda: counts_again(client), 30)
    assert client.usage("c").units[UNIT].used == 5


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said about counters that is more than a piece of information."""
    return [
        record.message
        for record in caplog.records
        if record.levelno >= logging.WARNING and "counters" in record.message
    ]


FULL = """
import logging, resource, time
from avs_brain_client.counters.sqlite import SqliteCounters
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
url, folder = ARGUMENTS
client = Client(url, mode="manual", directory=folder + "/avs", counters=SqliteCounters(folder + "/c.sqlite"), **SUBJECT)
said = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger("avs_brain_client").addHandler(handler)
client.refresh()
client.record("c", "vu_minute", 1)
size = os.path.getsize(folder + "/c.sqlite-wal")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
kept = [client.record("c", "vu_minute", 1).kept for _ in range(20)]
allowed, state = client.check("c", "vu_minute", 79).allow, client.status.counters.state
problems = [problem.code for problem in client.status.problems]
lines = sum("counters" in line for line in said)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
ends = time.monotonic() + 60
while (client.status.counters.state, client.status.counters.kept) != ("ok", 0) and time.monotonic() < ends:
    time.sleep(0.05)
used = str(client.usage("c").units["vu_minute"].used)
print(json.dumps([any(kept), allowed, state, problems, lines, used]))
"""


def test_a_full_disk_keeps_what_it_cannot_count(brain: Brain, tmp_path: Path) -> None:
    brain.activate(document(**STOPS))
    kept, allowed, state, problems, lines, used = json.loads(run(FULL, brain.url, str(tmp_path)))
    assert (kept, allowed, state, used) == (True, True, "snapshot", "21")
    assert (problems, lines) == (["counters_unavailable"], 1)


def test_a_process_that_begins_during_a_lock_goes_on_when_it_is_over(
    brain: Brain, connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "counters.sqlite"
    first = counting(brain, connect, path, clock=Clock())
    first.record("c", UNIT, 90)
    with closing(sqlite3.connect(path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN EXCLUSIVE")
        second = counting(brain, connect, path, directory=tmp_path / "second", clock=Clock())
        assert second.record("c", UNIT, 5).kept
        assert first.record("c", UNIT, 2).kept
        assert not first.check("c", UNIT, 9).allow
        intruder.execute("ROLLBACK")
    eventually(lambda: counts_again(first) and counts_again(second), 30)
    assert first.usage("c").units[UNIT].used == 97

"""Several processes, one cap: whatever they share, together they never use more than is allowed."""

from pathlib import Path

import pytest

from avs_brain_client import Client, Clock
from avs_brain_client.counters.redis import RedisCounters
from avs_brain_client.counters.sqlite import SqliteCounters
from brain import Brain
from conftest import Connect
from documents import UNIT, document, pool
from processes import run, start

APP = """
import random, threading
from avs_brain_client.counters.sqlite import SqliteCounters
from avs_brain_client.counters.redis import RedisCounters
url, folder, kind, where = ARGUMENTS
patient = {"timeout_ms": 30_000}
store = SqliteCounters(where, **patient) if kind == "sqlite" else RedisCounters(where, prefix=folder, **patient)
client = Client(url, mode="manual", directory=folder, counters=store, **SUBJECT)
client.refresh()
done = []
def work():
    for _ in range(12):
        reservation = client.reserve("c", "vu_minute", 2)
        if reservation.decision.allow:
            client.commit(reservation, random.choice([1, 2]))
            done.append(1)
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(done))
"""


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_processes_that_share_counters_never_overshoot_a_cap(
    brain: Brain, connect: Connect, tmp_path: Path, redis_url: str, kind: str
) -> None:
    brain.activate(document(pools=[pool(included=100, behavior="hard_stop")]))
    where = str(tmp_path / "counters.sqlite") if kind == "sqlite" else redis_url
    arguments = (brain.url, str(tmp_path), kind, where)
    apps = [start(APP, *arguments) for _ in range(3)]
    done = sum(int(app.communicate(timeout=120)[0]) for app in apps)
    store = (
        SqliteCounters(where, timeout_ms=30_000)
        if kind == "sqlite"
        else RedisCounters(where, prefix=str(tmp_path), timeout_ms=30_000)
    )
    client = connect(counters=store, directory=tmp_path, clock=Clock())
    client.refresh()
    used = client.usage("c").units[UNIT].used
    assert used in (99, 100)
    assert done >= 50
    client.flush()
    store.close()
    assert len(brain.events) == 1


FORKED = """
from avs_brain_client.counters.sqlite import SqliteCounters
url, folder = ARGUMENTS
counters = SqliteCounters(folder + "/counters.sqlite", timeout_ms=30_000)
client = Client(url, mode="manual", directory=folder, counters=counters, **SUBJECT)
client.refresh()
client.record("c", "vu_minute", 1)
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        for _ in range(20):
            client.record("c", "vu_minute", 1)
        os._exit(0)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
print(codes, client.usage("c").units["vu_minute"].used)
"""


def test_counters_and_queue_work_after_a_fork(brain: Brain, tmp_path: Path) -> None:
    brain.activate(document())
    assert run(FORKED, brain.url, str(tmp_path)).strip() == "[0, 0, 0] 61"


def test_two_clients_share_a_folder(brain: Brain, connect: Connect) -> None:
    brain.activate(document("cfg_1", sequence=1))
    first, second = connect(), connect()
    first.refresh()
    brain.activate(document("cfg_2", sequence=2))
    second.refresh()
    held = first._config._held
    assert held is not None
    first._config._save(held.stored)
    third: Client = connect()
    assert third.status.config_version_id == "cfg_2"

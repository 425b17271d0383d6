"""Forks: whatever a process is busy with at that moment, its children go on, and together they count exactly."""

import json
from pathlib import Path

import pytest

from brain import Brain
from conftest import Connect
from documents import document, pool, rails
from processes import STORES, run, run_files

EACH_PERCENT = rails(usage_thresholds=[{"percent": n, "action": "warn"} for n in range(1, 101)])


BUSY_PARENT = (
    STORES
    + """
import faulthandler, threading, time
faulthandler.dump_traceback_later(100, exit=True)
url, folder, kind, redis_url = ARGUMENTS
client = Client(url, mode="poll", poll_seconds=0.05, flush_seconds=0.02, directory=folder,
                counters=store_of(kind, folder, redis_url), **SUBJECT).start()
assert client.wait_until_loaded(60)
stop = threading.Event()

def work():
    while not stop.is_set():
        client.record("busy", "vu_minute", 1)
        client.check("busy", "vu_minute")
        client._config._save(client._config._held.stored)
        client.status

threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]

def child(number):
    allowed = 0
    for _ in range(15):
        made = client.reserve("c", "vu_minute", 1)
        if made.decision.allow:
            client.commit(made)
            allowed += 1
    client.record("own", "vu_minute", 1, event_id=f"child {number}")
    names = {thread.name for thread in threading.enumerate()}
    asked = client._config._held.confirmed_ns
    while client._config._held.confirmed_ns == asked:  # its own thread asks for the config
        time.sleep(0.01)
    assert {"avs-events", "avs-config"} <= names, names
    client.close()
    return allowed

children = []
for number in range(8):
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = child(number)
        except BaseException:
            import traceback; traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    children.append(pid)
    time.sleep(0.02)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
stop.set()
[thread.join() for thread in threads]
print(json.dumps(codes))
client.close()
"""
)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_children_of_a_busy_parent_neither_hang_nor_overshoot_nor_lose_events(
    brain: Brain, tmp_path: Path, redis_url: str, kind: str
) -> None:
    """Threads of the parent hold locks, write files and wait for the network at the moment of every fork."""
    brain.activate(document(rails=EACH_PERCENT, pools=[pool(included=100, behavior="hard_stop")]))
    codes = json.loads(run(BUSY_PARENT, brain.url, str(tmp_path), kind, redis_url))
    if kind == "memory":
        assert codes == [15] * 8
    else:
        assert sum(codes) == 100
    reached = [event["context"]["percent"] for event in brain.events.values() if event["customer_id"] == "c"
               and event["event_type"] == "rail_warning_shown"]  # fmt: skip
    most = 15 if kind == "memory" else 100
    assert sorted(reached) == list(range(1, most + 1))
    numbers = [event["sequence"] for event in brain.events.values()]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert len({event["client_id"] for event in brain.events.values()}) == 1


POOL = """
import json, multiprocessing, os, sys
from avs_brain_client import Client
from stores import store_of

def connect():
    return Client(url, mode="stream", flush_seconds=60, directory=folder if kept else None,
                  counters=store_of(kind, folder, redis_url), **SUBJECT).start()

SUBJECT, (url, folder, kind, redis_url, method, kept) = json.loads(os.environ["GIVEN"])
client = connect()  # spawned children import this module and get one of their own; forked ones have this one

def work(number):
    assert client.wait_until_loaded(60)
    made = client.reserve("c", "vu_minute", 1)
    if made.decision.allow:
        client.commit(made)
    return made.decision.allow

def child(queue, numbers):
    queue.put(sum(map(work, numbers)))

if __name__ == "__main__":
    assert client.wait_until_loaded(60)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    children = [context.Process(target=child, args=(queue, range(20))) for _ in range(3)]
    [one.start() for one in children]
    done = [queue.get(timeout=100) for _ in children]
    [one.join(100) for one in children]
    print(sum(done), [one.exitcode for one in children])
"""


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_children_share_one_cap_and_send_what_they_reported(
    brain: Brain, connect: Connect, tmp_path: Path, redis_url: str, method: str, kind: str
) -> None:
    brain.activate(document(rails=EACH_PERCENT, pools=[pool(included=50, behavior="hard_stop")]))
    given = [brain.url, str(tmp_path), kind, redis_url, method, method != "fork"]
    out = run_files(tmp_path, {"stores.py": STORES, "main.py": POOL}, given)
    assert out.split(maxsplit=1) == ["50", "[0, 0, 0]\n"]
    percents = {event["context"]["percent"] for event in brain.events.values() if "percent" in event["context"]}
    assert percents == set(range(1, 101))

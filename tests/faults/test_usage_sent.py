"""An app that enforces and is killed again and again: AVS Brain simulates on what the app counted, to the digit.

App and server are processes of their own; the server is killed too, while the app goes on.
"""

import json
import os
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from simulation.canonical import Json, parse_exact
from tests.faults.lumina import SEGMENT, WORKSPACE
from tests.faults.running import Server, eventually, run_avs

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"
CUSTOMER, UNIT = "cust_exact", "vu_usable_hd_minute"
KILLS = 20
APP = """
import json, sys
from decimal import Decimal
from pathlib import Path
from avs_brain_client import Client
from avs_brain_client.counters.sqlite import SqliteCounters

url, folder, last, subject = json.loads(sys.argv[1])
counters = SqliteCounters(Path(folder) / "counters.sqlite")
client = Client(url, directory=folder, counters=counters, send_usage=True, flush_seconds=0.02, mode="poll", **subject)
with client:
    assert client.wait_until_loaded(60)
    for number in range(last + 1, 10_000_000):
        client.record("cust_exact", "vu_usable_hd_minute", Decimal("0.25"), event_id=f"render_{number}")
        made = client.reserve("cust_exact", "vu_usable_hd_minute", 2)
        client.commit(made, Decimal("1.125"))
        client.record_event({"event_type": "video_render_completed", "customer_id": "cust_exact", "resolution": "HD",
                             "render_mode": "production", "output_minutes": 0.1, "event_id": f"event_{number}"})
        print(number, flush=True)
        if sys.argv[2] == "once":
            break
    while sys.argv[2] == "once" and client.status.events_waiting:
        client.flush()
print(json.dumps([str(client.usage("cust_exact").units["vu_usable_hd_minute"].used), client.status.events_refused]))
"""


def app(server: Server, folder: Path, last: int, how: str) -> subprocess.Popen[str]:
    subject = {"workspace_id": WORKSPACE, "segment": SEGMENT, "stage": "learning", "target_environment": "sandbox"}
    given = json.dumps([server.url, str(folder), last, subject])
    environment = os.environ | {"PYTHONPATH": str(CLIENT)}
    return subprocess.Popen([sys.executable, "-c", APP, given, how], env=environment, stdout=subprocess.PIPE, text=True)


def killed_after(process: subprocess.Popen[str], rounds: int) -> int:
    """The last round that it is known to have done, 0 when none."""
    assert process.stdout is not None
    for _ in range(rounds):
        process.stdout.readline()
    process.kill()
    return max([0, *(int(line) for line in process.communicate()[0].split())])


def usage_in_avs_brain(data_dir: Path) -> Decimal:
    """The minutes of the customer that AVS Brain has."""
    told = run_avs(data_dir, "usage", "stats", "--workspace", WORKSPACE, "--json")
    assert told.returncode == 0, told.stderr
    return sum((_minutes(row) for row in _rows(parse_exact(told.stdout))), Decimal(0))


def _rows(found: Json) -> list[Json]:
    rows = found if isinstance(found, list) else next(value for value in found.values() if isinstance(value, list))
    return [row for row in rows if row["customer_id"] == CUSTOMER]


def _minutes(row: Json) -> Decimal:
    return Decimal(str(row["sums"]["output_minutes"]))


def test_after_20_deaths_the_usage_in_avs_brain_is_what_the_counters_counted(server: Server, tmp_path: Path) -> None:
    server.start()
    folder, chance, last = tmp_path / "app", random.Random(20), 0
    for death in range(KILLS):
        if death == KILLS // 2:
            server.kill()
        last = max(last, killed_after(app(server, folder, last, "ever"), chance.randint(1, 3)))
        if death == KILLS // 2:
            server.start()
    ending = app(server, folder, last, "once")
    used, refused = json.loads(ending.communicate(timeout=120)[0].splitlines()[-1])
    assert ending.returncode == 0
    assert refused == 0
    eventually(lambda: usage_in_avs_brain(server.data_dir) == Decimal(used))
    assert Decimal(used) >= KILLS

"""The last-known-good config on disk: whole or not at all, newest wins, and a full disk stops nobody."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from avs_brain_client.cache import DiskCache, Stored
from brain import Brain
from conftest import Connect
from documents import SUBJECT, UNIT, document, rails
from processes import ENVIRONMENT


def stored(sequence: int, body: bytes = b"{}", confirmed_at_us: int = 0) -> Stored:
    return Stored(body, "signature", "etag", (sequence, 0), confirmed_at_us, {"keys": []})


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "deep" / "file.json")
    assert cache.load() is None
    cache.save(stored(1, b"\x00\xff"))
    assert cache.load() == stored(1, b"\x00\xff")


def test_an_older_config_never_replaces_a_newer_one(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "file.json")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: cache.save(stored(n)), [*range(1, 40), *range(40, 0, -1)]))
    assert cache.load() == stored(40)


def test_a_later_confirmation_replaces_an_earlier_one(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "file.json")
    cache.save(stored(1, confirmed_at_us=5))
    cache.save(stored(1, confirmed_at_us=4))
    assert cache.load() == stored(1, confirmed_at_us=5)


def test_no_temporary_file_is_left_behind(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "file.json")
    for number in range(5):
        cache.save(stored(number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.json", "file.lock"]


WRITER = """
import sys
from avs_brain_client.cache import DiskCache, Stored
from pathlib import Path
cache = DiskCache(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), 200, 2):
    cache.save(Stored(str(number).encode() * 5000, "signature", "etag", (number, 0), 0, {"keys": []}))
"""


def test_two_processes_that_share_a_file_never_leave_it_broken_or_older(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(start)], env=ENVIRONMENT) for start in (0, 1)
    ]
    seen = [0]
    while any(writer.poll() is None for writer in writers):
        found = DiskCache(path).load()
        if path.exists() and found is not None:
            assert found.body == str(found.order[0]).encode() * 5000
            seen.append(found.order[0])
    assert [writer.wait() for writer in writers] == [0, 0]
    assert seen == sorted(seen)
    final = DiskCache(path).load()
    assert final is not None
    assert final.order == (199, 0)


FULL_DISK = """
import json, resource, sys
from avs_brain_client import Client
base_url, folder, subject = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
most_bytes, already = map(int, sys.argv[4:])

def disk_holds(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

def start():
    return Client(base_url, mode="manual", directory=folder, **subject)

client = start() if already else None
disk_holds(most_bytes)
client = client or start()
client.refresh()
for _ in range(12):
    client.record("c", "vu_minute")
print(json.dumps([client.check("c", "vu_minute").reason_code, client.status.state, client.status.events_waiting]))
disk_holds(resource.RLIM_INFINITY)
print(client.flush())
"""


@pytest.mark.parametrize("already_running", [0, 1])
@pytest.mark.parametrize("most_bytes", [0, 1024, 20_000])
def test_a_full_disk_stops_neither_decisions_nor_counting_nor_loses_events(
    brain: Brain, tmp_path: Path, most_bytes: int, already_running: int
) -> None:
    """No file can grow beyond the limit: the kernel refuses every further write, as on a full disk."""
    brain.activate(document(rails=rails(usage_thresholds=[{"percent": 100, "action": "warn"}])))
    arguments = [brain.url, str(tmp_path), json.dumps(SUBJECT), str(most_bytes), str(already_running)]
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    decided, sent = done.stdout.splitlines()
    assert json.loads(decided) == ["usage_threshold", "fresh", 1]
    assert sent == "1"
    assert [event["event_type"] for event in brain.events.values()] == ["rail_warning_shown"]
    assert "disk" in done.stderr or "memory only" in done.stderr or "cannot be written" in done.stderr


def test_a_folder_that_cannot_be_written_is_survived(brain: Brain, connect: Connect, tmp_path: Path) -> None:
    brain.activate(document())
    blocked = tmp_path / "a file"
    blocked.write_text("not a folder")
    client = connect(directory=blocked / "inside")
    client.refresh()
    assert client.check("c", UNIT).remaining == 10

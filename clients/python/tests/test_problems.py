"""What is lost or wrong is said: in the status from when it began until it is over, and once in the log."""

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avs_brain_client import Client, DocumentRefused, TokenRefused, UnknownUnit, Unreachable
from avs_brain_client.paths import cache_path, queue_path
from brain import Brain
from conftest import Connect, SetClock
from documents import SUBJECT, UNIT, document, pool, rails, unit
from processes import ENVIRONMENT, run, start
from waiting import codes

EACH_PERCENT = rails(usage_thresholds=[{"percent": n, "action": "warn"} for n in range(1, 101)])


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def loaded(brain: Brain, connect: Connect) -> Callable[..., Client]:
    """A client with the document in force."""

    def client(**options: Any) -> Client:
        brain.activate(document(units=[unit(), unit("vu_free")], pools=[pool(included=100)], rails=EACH_PERCENT))
        found = connect(**options)
        found.refresh()
        return found

    return client


def test_a_server_that_is_away_is_one_problem_with_its_beginning_however_often_it_is_asked(
    brain: Brain, loaded: Callable[..., Client], clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    client = loaded()
    brain.stop()
    began = clock.wall
    for _ in range(3):
        with pytest.raises(Unreachable):
            client.refresh()
        clock.pass_seconds(1)
    (problem,) = client.status.problems
    assert (problem.code, int(problem.since.timestamp() * 1_000_000)) == ("unreachable", began)
    assert client.status.problem == problem.text
    assert len(warnings(caplog)) == 1
    brain.start()
    client.refresh()
    assert codes(client) == []


def test_a_token_that_is_refused_is_told_apart_from_a_server_that_is_away(
    brain: Brain, loaded: Callable[..., Client]
) -> None:
    client = loaded(token="wrong")
    brain.token = "right"
    with pytest.raises(TokenRefused):
        client.refresh()
    client.record("c", UNIT, 1)
    with pytest.raises(TokenRefused):
        client.flush()
    assert codes(client) == ["events_not_sent", "token_refused"]
    brain.token = "wrong"
    client.refresh()
    assert client.flush() == 1
    assert codes(client) == []


def test_a_client_that_never_had_a_config_says_so(brain: Brain, connect: Connect) -> None:
    client = connect()
    with pytest.raises(Unreachable):
        client.refresh()
    assert codes(client) == ["never_loaded", "unreachable"]
    brain.activate(document())
    client.refresh()
    assert codes(client) == []


def test_a_config_that_is_refused_says_so_and_the_one_before_goes_on(
    brain: Brain, loaded: Callable[..., Client]
) -> None:
    client = loaded()
    brain.spoil = lambda answer: (answer[0] + b" ", answer[1], "other")
    with pytest.raises(DocumentRefused):
        client.refresh()
    assert codes(client) == ["config_refused"]
    assert client.check("c", UNIT).config_version_id == "cfg_1"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"body": 1}', b"\xff\xfe"],
    ids=["empty", "cut", "list", "null", "wrong type", "no text"],
)
def test_a_cached_config_that_cannot_be_read_is_set_aside(
    brain: Brain, connect: Connect, tmp_path: Path, content: bytes
) -> None:
    path = cache_path(tmp_path / "avs", connect()._subject)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    client = connect()
    assert codes(client) == ["cache_damaged"]
    assert path.with_name(f"{path.name}.damaged").read_bytes() == content
    brain.activate(document())
    client.refresh()
    assert codes(client) == []


OF_ITS_TYPE: dict[str, object] = {
    "body": "text",
    "signature": "text",
    "etag": "text",
    "order": [],
    "confirmed_at_us": 1,
    "jwks": {},
}
VALUES: tuple[object, ...] = (None, True, [], {}, "text", 1.5)
OF_ANOTHER_TYPE = [
    pytest.param(name, value, id=f"{value}-{name}")
    for value in VALUES
    for name, fitting in OF_ITS_TYPE.items()
    if type(value) is not type(fitting)
]


@pytest.mark.parametrize(("name", "value"), OF_ANOTHER_TYPE)
def test_a_cached_config_with_a_value_of_another_type_is_set_aside(
    brain: Brain, loaded: Callable[..., Client], connect: Connect, name: str, value: object
) -> None:
    client = loaded()
    path = cache_path(Path(client._config._cache.path).parent, client._subject) if client._config._cache else Path()
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps({**content, name: value}))
    again = connect()
    assert codes(again) == ["cache_damaged"]
    assert again.state == "never_loaded"
    again.refresh()
    assert again.check("c", UNIT).config_version_id == "cfg_1"


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:100] = b"\0" * 100
    path.write_bytes(content)


def test_a_queue_that_is_damaged_at_the_start_is_set_aside_and_a_new_one_begun(
    brain: Brain, loaded: Callable[..., Client], connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = loaded()
    client.record("c", UNIT, 1)
    path = client._queue.path
    assert path is not None
    client._queue.close()
    damage(path)
    again = connect()
    again.refresh()
    assert codes(again) == ["queue_damaged"]
    assert len(list(path.parent.glob(f"{path.name}.damaged-*"))) == 1
    again.record("d", UNIT, 1)
    assert again.flush() == 1
    assert len([text for text in warnings(caplog) if "damaged" in text]) == 1


def test_a_queue_that_is_damaged_on_the_way_is_set_aside_and_nothing_raises(
    brain: Brain, loaded: Callable[..., Client]
) -> None:
    client = loaded()
    client.record("c", UNIT, 1)
    path = client._queue.path
    assert path is not None
    client._queue.close()
    damage(path)
    client.record("d", UNIT, 1)
    assert client.status.events_waiting >= 1
    client.flush()
    client.flush()
    assert [event["customer_id"] for event in brain.events.values()] == ["d"]
    assert codes(client) == ["queue_damaged"]


def test_a_queue_where_nothing_can_be_written_is_in_memory_and_says_so(
    brain: Brain, loaded: Callable[..., Client], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    client = loaded(directory=tmp_path / "file" / "inside")
    assert codes(client) == ["cache_not_written", "queue_in_memory"]
    client.record("c", UNIT, 1)
    assert client.flush() == 1


FULL_DISK = """
import resource
url, folder = ARGUMENTS
client = Client(url, mode="manual", directory=folder, **SUBJECT)
client.refresh()
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
for number in range(20):
    client.record("c", "vu_minute", 1)
codes = [problem.code for problem in client.status.problems]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(codes, client.flush(), [problem.code for problem in client.status.problems])
"""


def test_a_full_disk_is_a_problem_until_there_is_room_again(brain: Brain, tmp_path: Path) -> None:
    brain.activate(document(pools=[pool(included=100)], rails=EACH_PERCENT))
    assert run(FULL_DISK, brain.url, str(tmp_path)).strip() == "['queue_not_written'] 20 []"


def test_more_events_than_memory_keeps_are_counted_as_lost(
    brain: Brain, loaded: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = loaded()
    locked = sqlite3.OperationalError("database or disk is full")

    def full(*_: object) -> None:
        raise locked

    monkeypatch.setattr(client._queue, "release", full)
    monkeypatch.setattr("avs_brain_client.reporting.MOST_OVERFLOW", 3)
    client.record("c", UNIT, 5)
    assert codes(client) == ["events_lost", "queue_not_written"]
    assert "2 events are lost" in client.status.problems[0].text


def test_events_that_avs_brain_refuses_are_set_aside_and_named(brain: Brain, loaded: Callable[..., Client]) -> None:
    client = loaded()
    brain.refuse = lambda event: event["customer_id"] == "c"
    client.record("c", UNIT, 1)
    client.record("d", UNIT, 1)
    assert client.flush() == 1
    assert (codes(client), client.status.events_refused) == (["events_refused"], 1)


@pytest.mark.parametrize(
    ("environment", "option", "allowed"),
    [
        ("production", None, False),
        ("sandbox", None, True),
        ("production", "allow", True),
        ("sandbox", "deny", False),
    ],
)
def test_an_unknown_unit_is_denied_in_production_unless_the_app_says_otherwise(
    brain: Brain, connect: Connect, environment: str, option: str | None, allowed: bool
) -> None:
    subject = {**SUBJECT, "target_environment": environment}
    brain.activate({**document(), "subject_resolution": subject})
    client = connect(target_environment=environment, unknown_unit=option)
    client.refresh()
    decision = client.check("c", "vu_mistyped")
    assert (decision.allow, decision.reason_code) == (allowed, "unit_not_in_config")
    assert decision.action == (None if allowed else "block")
    assert client.reserve("c", "vu_mistyped").decision == decision
    assert codes(client) == ["unknown_unit"]
    assert "'vu_mistyped'" in client.status.problems[0].text


def test_an_unknown_unit_raises_where_that_is_asked_for(loaded: Callable[..., Client]) -> None:
    client = loaded(unknown_unit="raise")
    for call in (client.check, client.reserve):
        with pytest.raises(UnknownUnit, match="vu_mistyped"):
            call("c", "vu_mistyped")
    assert client.check("c", UNIT).allow


def test_what_was_used_of_an_unknown_unit_is_counted_and_said(loaded: Callable[..., Client]) -> None:
    client = loaded()
    assert client.record("c", "vu_mistyped", 2).counted
    assert codes(client) == ["unknown_unit"]


def test_a_unit_without_a_pool_is_known_and_limited_by_nothing(loaded: Callable[..., Client]) -> None:
    client = loaded()
    assert client.check("c", "vu_free", 10**6).allow
    assert codes(client) == []


ENDING = """
url, folder, how = ARGUMENTS
client = Client(url, mode="stream", flush_seconds=3600, directory=folder or None, **SUBJECT).start()
assert client.wait_until_loaded(60)
client.record("c", "vu_minute", 3)
if how == "raise":
    raise RuntimeError("on purpose")
if how == "exit":
    sys.exit(3)
if how == "thread":
    import threading
    threading.Thread(target=lambda: client.record("d", "vu_minute", 3)).start()
"""


@pytest.mark.parametrize(("how", "count"), [("end", 3), ("raise", 3), ("exit", 3), ("thread", 6)])
@pytest.mark.parametrize("kept", [True, False], ids=["on disk", "in memory"])
def test_events_are_sent_when_the_process_ends_of_itself(
    brain: Brain, tmp_path: Path, how: str, count: int, kept: bool
) -> None:
    brain.activate(document(pools=[pool(included=100)], rails=EACH_PERCENT))
    ending = start(ENDING, brain.url, str(tmp_path) if kept else "", how)
    ending.communicate(timeout=120)
    assert len(brain.events) == count


def test_a_server_that_says_nothing_holds_the_end_of_a_process_up_for_a_bounded_time_only(
    brain: Brain, tmp_path: Path
) -> None:
    """The server is stopped in the middle: it takes connections and never answers."""
    brain.activate(document(pools=[pool(included=100)], rails=EACH_PERCENT))
    script = tmp_path / "silent.py"
    script.write_text(SILENT)
    silent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert silent.stdout is not None
    port = silent.stdout.readline().strip()
    try:
        first = run(KEEPS, brain.url, f"http://127.0.0.1:{port}", str(tmp_path / "avs"))
        assert first.strip() == "3"
    finally:
        silent.send_signal(signal.SIGKILL)
        silent.communicate()
    assert brain.events == {}
    path = queue_path(tmp_path / "avs", Client(brain.url, mode="manual", **SUBJECT)._subject)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM waiting").fetchone() == (3,)
    database.close()
    assert os.path.exists(path)


SILENT = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(600)
"""
KEEPS = """
url, silent, folder = ARGUMENTS
first = Client(url, mode="manual", directory=folder, **SUBJECT)
first.refresh()
first.close()
client = Client(silent, mode="manual", directory=folder, flush_seconds=3600, **SUBJECT).start()
client.record("c", "vu_minute", 3)
print(client.status.events_waiting)
"""

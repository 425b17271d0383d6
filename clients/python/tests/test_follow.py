"""Following the config in the background: by poll, long poll and stream, through a server that comes and goes."""

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest

from avs_brain_client import Client, Clock
from avs_brain_client.follow import LONGEST_BACKOFF_SECONDS, Backoff
from brain import Brain
from conftest import NOW, Connect, SetClock
from documents import UNIT, document, pool
from waiting import codes, eventually

MODES = ["poll", "longpoll", "stream"]
VERSIONS = {"cfg_1": 10, "cfg_2": 20, "cfg_3": 30}


@pytest.fixture
def follow(connect: Connect) -> Connect:
    def client(**options: object) -> Client:
        return connect(clock=Clock(), poll_seconds=0.05, flush_seconds=0.05, **options).start()

    return client


def activate(brain: Brain, number: int) -> None:
    name = f"cfg_{number}"
    brain.activate(document(name, pools=[pool(included=VERSIONS[name])], sequence=number))


@pytest.mark.parametrize("mode", MODES)
def test_a_new_version_arrives_by_itself(brain: Brain, follow: Connect, mode: str) -> None:
    activate(brain, 1)
    client = follow(mode=mode)
    assert client.wait_until_loaded(20)
    assert client.check("c", UNIT).config_version_id == "cfg_1"
    activate(brain, 2)
    eventually(lambda: client.check("c", UNIT).config_version_id == "cfg_2")
    assert client.status.state == "fresh"


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_starts_first_waits_for_avs_brain(brain: Brain, follow: Connect, mode: str) -> None:
    brain.stop()
    client = follow(mode=mode)
    assert not client.wait_until_loaded(0.1)
    assert client.check("c", UNIT).reason_code == "never_loaded"
    eventually(lambda: "unreachable" in codes(client))
    activate(brain, 1)
    brain.start()
    assert client.wait_until_loaded(20)


@pytest.mark.parametrize("mode", MODES)
def test_no_client_answers_wrong_or_waits_while_the_server_dies_and_returns(
    brain: Brain, follow: Connect, mode: str
) -> None:
    activate(brain, 1)
    clients = [follow(mode=mode, directory=None) for _ in range(3)]
    assert all(client.wait_until_loaded(20) for client in clients)
    answers: Counter[tuple[str | None, object]] = Counter()
    slowest, ended = [0.0], threading.Event()

    def load(client: Client) -> None:
        while not ended.is_set():
            began = time.perf_counter()
            found = client.check("c", UNIT)
            slowest[0] = max(slowest[0], time.perf_counter() - began)
            answers[found.config_version_id, found.remaining] += 1
            time.sleep(0.0005)

    threads = [threading.Thread(target=load, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    brain.stop()
    time.sleep(0.2)
    activate(brain, 2)
    brain.start()
    eventually(lambda: all(client.status.config_version_id == "cfg_2" for client in clients))
    brain.stop()
    activate(brain, 3)
    brain.start()
    eventually(lambda: all(client.status.config_version_id == "cfg_3" for client in clients))
    ended.set()
    for thread in threads:
        thread.join()
    assert set(answers) <= set(VERSIONS.items())
    assert slowest[0] < 1.0


def test_a_bad_document_on_the_stream_is_survived(brain: Brain, follow: Connect) -> None:
    activate(brain, 1)
    client = follow(mode="stream")
    assert client.wait_until_loaded(20)
    brain.spoil = lambda answer: (answer[0] + b" ", answer[1], answer[2])
    activate(brain, 2)
    eventually(lambda: "config_refused" in codes(client))
    assert client.check("c", UNIT).config_version_id == "cfg_1"
    brain.spoil = lambda answer: answer
    eventually(lambda: client.check("c", UNIT).config_version_id == "cfg_2")


def test_a_server_that_does_not_hold_long_polls_is_polled(
    brain: Brain, follow: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate(brain, 1)
    monkeypatch.setattr(brain, "wait_for_another", lambda etag, seconds: None)
    client = follow(mode="longpoll")
    assert client.wait_until_loaded(20)
    time.sleep(0.5)
    assert brain.asked.count("/api/runtime/config") < 30


def test_streams_that_end_at_once_are_polled_instead(brain: Brain, follow: Connect) -> None:
    activate(brain, 1)
    brain.streams = False
    client = follow(mode="stream")
    assert client.wait_until_loaded(20)
    activate(brain, 2)
    eventually(lambda: client.check("c", UNIT).config_version_id == "cfg_2")


def test_a_clock_that_jumps_is_noticed_by_itself(brain: Brain, connect: Connect, clock: SetClock) -> None:
    brain.activate(document(pools=[pool(behavior="hard_stop")]))
    client = connect(flush_seconds=0.02)
    client.refresh()
    client.record("c", UNIT, 10)
    assert not client.check("c", UNIT).allow
    client.start()
    clock.set_wall(NOW + timedelta(days=30))
    eventually(lambda: client.check("c", UNIT).allow)


def test_backoff_doubles_its_bound_up_to_a_limit_and_starts_again() -> None:
    bounds: list[float] = []

    def upper(low: float, high: float) -> float:
        assert low == 0
        bounds.append(high)
        return high

    backoff = Backoff(upper)
    for _ in range(12):
        backoff.failed()
    assert bounds[:4] == [1, 2, 4, 8]
    assert bounds[-1] == LONGEST_BACKOFF_SECONDS
    backoff.succeeded()
    assert backoff.failed() == 1


def test_backoff_is_spread_over_the_whole_interval() -> None:
    pauses = []
    for _ in range(400):
        backoff = Backoff()
        pauses.append(backoff.failed())
    assert min(pauses) < 0.1 < 0.9 < max(pauses) <= 1.0

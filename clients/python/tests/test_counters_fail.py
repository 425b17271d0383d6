"""Counters that do not answer: decisions go on for a while, nothing stalls, nothing is lost, nothing counts twice."""

import json
import logging
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from avs_brain_client import Client, Clock
from avs_brain_client.counters.redis import RedisCounters
from brain import Brain
from conftest import Connect, SetClock
from documents import STAGE_THRESHOLDS, UNIT, document, pool, rails
from processes import start
from servers import RedisServer
from waiting import eventually

STOPS: dict[str, Any] = {"pools": [pool(included=100, behavior="hard_stop")]}
TIMEOUT_MS = 250


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def counters(server: RedisServer) -> Iterator[RedisCounters]:
    with closing(RedisCounters(server.url, view_ms=0, timeout_ms=TIMEOUT_MS)) as store:
        yield store


def counting(brain: Brain, connect: Connect, store: object, config: dict[str, Any], **options: Any) -> Client:
    brain.activate(document(**config))
    client = connect(counters=store, **options)
    client.refresh()
    return client


def counts_again(client: Client) -> bool:
    counters = client.status.counters
    return counters.state == "ok" and counters.kept == 0


def test_a_redis_that_hangs_stalls_one_request_and_no_other(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters
) -> None:
    client = counting(brain, connect, counters, STOPS)
    client.record("c", UNIT, 1)
    server.signal(signal.SIGSTOP)
    assert client.record("c", UNIT, 1).kept
    began = time.monotonic()
    for _ in range(100):
        client.check("c", UNIT)
        assert client.record("c", UNIT, 1).kept or counts_again(client)
    assert time.monotonic() - began < 100 * TIMEOUT_MS / 1000
    assert client.status.counters.state == "snapshot"
    server.signal(signal.SIGCONT)
    eventually(lambda: counts_again(client), 30)
    assert client.usage("c").units[UNIT].used == 102
    assert not client.record("c", UNIT, 1).kept


def test_32_threads_that_wait_for_a_hanging_redis_do_not_wait_one_after_another(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters
) -> None:
    client = counting(brain, connect, counters, STOPS)
    client.record("c", UNIT, 1)
    server.signal(signal.SIGSTOP)
    began = time.monotonic()
    with ThreadPoolExecutor(32) as threads:
        kept = list(threads.map(lambda _: client.record("c", UNIT, 1).kept, range(32)))
    assert time.monotonic() - began < 32 * TIMEOUT_MS / 1000
    server.signal(signal.SIGCONT)
    eventually(lambda: counts_again(client), 30)
    assert all(kept)
    assert client.usage("c").units[UNIT].used == 33


def test_what_was_reserved_and_committed_meanwhile_is_exact_after_it(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters
) -> None:
    client = counting(brain, connect, counters, STOPS)
    client.record("c", UNIT, 90)
    before = client.reserve("c", UNIT, 4)
    server.signal(signal.SIGSTOP)
    assert client.commit(before, 3).kept
    meanwhile = client.reserve("c", UNIT, 5)
    assert meanwhile.decision.allow
    assert not client.reserve("c", UNIT, 5).decision.allow
    assert client.commit(meanwhile).kept
    assert client.commit(meanwhile).duplicate
    server.signal(signal.SIGCONT)
    eventually(lambda: counts_again(client), 30)
    use = client.usage("c").units[UNIT]
    assert [use.used, use.reserved] == [98, 0]
    assert client.commit(meanwhile).duplicate
    assert not client.reserve("c", UNIT, 3).decision.allow
    assert client.reserve("c", UNIT, 2).decision.allow


def test_an_event_that_is_told_twice_in_an_outage_counts_once(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters
) -> None:
    client = counting(brain, connect, counters, STOPS)
    client.record("c", UNIT, 1, event_id="evt_1")
    server.signal(signal.SIGSTOP)
    client.record("c", UNIT, 1, event_id="evt_1")
    assert client.record("c", UNIT, 5, event_id="evt_2").kept
    assert client.record("c", UNIT, 5, event_id="evt_2").duplicate
    event = {"event_type": "render", "customer_id": "c", "minutes": 7, "event_id": "evt_3"}
    assert client.record_event(event).kept
    server.signal(signal.SIGCONT)
    eventually(lambda: counts_again(client), 30)
    assert client.record_event(event).duplicate
    assert client.usage("c").units[UNIT].used == 13


def test_a_redis_that_was_killed_and_came_back_empty_goes_on_where_it_was(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters
) -> None:
    client = counting(brain, connect, counters, STOPS)
    client.record("c", UNIT, 60)
    server.kill()
    assert client.record("c", UNIT, 30).kept
    assert not client.check("c", UNIT, 11).allow
    server.start()
    eventually(lambda: counts_again(client), 30)
    assert client.usage("c").units[UNIT].used == 90
    assert not client.reserve("c", UNIT, 11).decision.allow
    assert "lost" in str(client.status.counters.problem)


def test_what_fires_by_what_was_kept_is_reported_once(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters
) -> None:
    limits = rails(usage_thresholds=STAGE_THRESHOLDS)
    client = counting(brain, connect, counters, {**STOPS, "rails": limits})
    client.record("c", UNIT, 60)
    server.signal(signal.SIGSTOP)
    assert client.record("c", UNIT, 15).fired == ()
    client.record("c", UNIT, 1)
    server.signal(signal.SIGCONT)
    eventually(lambda: counts_again(client), 30)
    client.flush()
    assert [event["event_type"] for event in brain.events.values()] == ["rail_warning_shown"]


def test_threads_that_go_on_through_an_outage_lose_and_double_nothing(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters
) -> None:
    client = counting(brain, connect, counters, {"pools": [pool(included=10**6)]})
    client.record("c", UNIT, 1)
    finish, done = threading.Event(), []

    def work() -> None:
        counted = 0
        while not finish.is_set():
            client.record("c", UNIT, 1)
            reservation = client.reserve("c", UNIT, 2)
            client.commit(reservation, 1)
            counted += 2
            time.sleep(0.005)  # apps wait for something else, too
        done.append(counted)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        server.signal(signal.SIGSTOP)
        eventually(lambda: client.status.counters.kept > 20, 120)
        server.signal(signal.SIGCONT)
        eventually(lambda: client.status.counters.state == "ok", 120)
    finish.set()
    for thread in threads:
        thread.join()
    client.flush()
    eventually(lambda: counts_again(client), 120)
    assert client.usage("c").units[UNIT].used == 1 + sum(done)


KILLED = """
from avs_brain_client.counters.redis import RedisCounters
url, folder, redis_url = ARGUMENTS
client = Client(url, mode="manual", directory=folder, counters=RedisCounters(redis_url), **SUBJECT)
client.refresh()
client.record("c", "vu_minute", 1)
print("counting", flush=True)
sys.stdin.readline()
kept = [client.record("c", "vu_minute", 1).kept for _ in range(20)]
print(json.dumps(all(kept)), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_an_app_kept_is_counted_though_the_app_was_killed(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters, tmp_path: Path
) -> None:
    brain.activate(document(**STOPS))
    app = start(KILLED, brain.url, str(tmp_path / "avs"), server.url, stdin=True)
    assert app.stdout is not None
    assert app.stdin is not None
    assert app.stdout.readline() == "counting\n"
    server.signal(signal.SIGSTOP)
    app.stdin.write("\n")
    app.stdin.flush()
    assert json.loads(app.stdout.readline())
    app.communicate(timeout=60)
    server.signal(signal.SIGCONT)
    for _ in range(2):
        client = connect(counters=counters, clock=Clock())
        client.refresh()
        client.flush()
        assert client.usage("c").units[UNIT].used == 21


def test_an_outage_is_said_once_when_it_begins_and_once_when_it_is_over(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters, caplog: pytest.LogCaptureFixture
) -> None:
    client = counting(brain, connect, counters, STOPS)
    client.record("c", UNIT, 1)
    assert client.status.counters.since is None
    with caplog.at_level(logging.INFO, "avs_brain_client"):
        server.kill()
        for _ in range(20):
            client.record("c", UNIT, 1)
            client.check("c", UNIT)
        status = client.status.counters
        assert (status.state, status.kept, status.kept_in_memory) == ("snapshot", 20, 0)
        assert status.since is not None
        assert "Redis" in str(status.problem)
        server.start()
        eventually(lambda: counts_again(client), 30)
    said = [
        record.message for record in caplog.records if "counters" in record.message and "lost" not in record.message
    ]
    assert len(said) == 2, said
    assert "do not answer" in said[0]
    assert said[1] == "Over: counters_unavailable."


OPEN = dict.fromkeys(["monthly_spend_cap_usd", "usage_thresholds", "absolute_usage_caps", "hard_stop"], "open")
ABSOLUTE = {**rails(), "absolute_usage_caps": [{"value_unit_id": UNIT, "max_quantity": 5, "action": "block"}]}
GOVERNED: dict[str, dict[str, Any]] = {
    "monthly_spend_cap_usd": {"rails": rails(monthly_spend_cap_usd=5, at_cap_action="throttle")},
    "usage_thresholds": {"rails": rails(usage_thresholds=STAGE_THRESHOLDS)},
    "absolute_usage_caps": {"rails": ABSOLUTE},
    "hard_stop": {"pools": [pool(behavior="hard_stop")]},
}


@pytest.mark.parametrize("rail", GOVERNED)
@pytest.mark.parametrize("word", ["open", "closed", None])
def test_when_snapshots_are_too_old_each_rail_does_as_the_document_says(
    brain: Brain, connect: Connect, clock: SetClock, tmp_path: Path, rail: str, word: str | None
) -> None:
    config: dict[str, Any] = {**GOVERNED[rail]}
    if word is not None:
        others = dict.fromkeys(OPEN, "closed" if word == "open" else "open")
        config["on_counters_unavailable"] = {**others, rail: word}
    server = RedisServer(tmp_path)
    server.start()
    store = RedisCounters(server.url, view_ms=0)
    try:
        client = counting(brain, connect, store, config, snapshot_seconds=30)
        client.record("c", UNIT, 1)
    finally:
        server.kill()
    assert client.check("c", UNIT).allow
    assert client.check("c", UNIT).reason_code == "included"
    for customer, seconds in (("somebody new", 0), ("c", 31)):
        clock.pass_seconds(seconds)
        allowed = (word or ("open" if rail == "usage_thresholds" else "closed")) == "open"
        decisions = [client.check(customer, UNIT), client.reserve(customer, UNIT).decision]
        assert {(d.allow, d.action, d.reason_code) for d in decisions} == {
            (allowed, None if allowed else "block", "counters_unavailable")
        }
    assert client.status.counters.state == "unavailable"
    store.close()


def test_without_a_directory_what_is_kept_is_bounded_and_said(
    brain: Brain, connect: Connect, server: RedisServer, counters: RedisCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    from avs_brain_client import CountersUnavailable

    monkeypatch.setattr("avs_brain_client.journal.MOST_IN_MEMORY", 3)
    client = counting(brain, connect, counters, STOPS, directory=None)
    client.record("c", UNIT, 1)
    server.signal(signal.SIGSTOP)
    assert [client.record("c", UNIT, 1).kept for _ in range(3)] == [True] * 3
    assert client.status.counters.kept_in_memory == 3
    with pytest.raises(CountersUnavailable, match="not kept"):
        client.record("c", UNIT, 1)
    server.signal(signal.SIGCONT)
    eventually(lambda: counts_again(client), 30)
    assert client.usage("c").units[UNIT].used == 4

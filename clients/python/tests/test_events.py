"""Enforcement events: queued on disk, numbered without gaps, none lost and none counted twice, whatever dies when."""

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from avs_brain_client import Unreachable
from avs_brain_client.events import EventQueue, Outgoing, event_id
from brain import Brain
from conftest import Connect
from documents import UNIT, document, pool, rails
from processes import DIE_AFTER, run, start

EACH_PERCENT = rails(usage_thresholds=[{"percent": n, "action": "warn"} for n in range(1, 101)])


def event(number: int) -> Outgoing:
    return Outgoing(f"enf_{number}", '{"n":1.50}', ("ws/production", "c", f"0:{number}"))


@pytest.fixture
def queue(tmp_path: Path) -> Any:
    found = EventQueue(tmp_path / "events.sqlite")
    yield found
    found.close()


def test_events_are_numbered_from_1_without_gaps_across_restarts(tmp_path: Path) -> None:
    numbers, names = [], set()
    for restart in range(3):
        queue = EventQueue(tmp_path / "events.sqlite")
        queue.release([event(restart * 2), event(restart * 2 + 1), event(0)])
        numbers += [item.sequence for item in queue.waiting(10)]
        names.add(queue.client_id)
        queue.done(queue.waiting(10))
        queue.close()
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert len(names) == 1


def test_an_id_that_waits_or_was_sent_is_not_taken_again(queue: EventQueue) -> None:
    queue.release([event(1), event(1)])
    assert len(queue) == 1
    queue.done(queue.waiting(10))
    queue.release([event(1)])
    assert len(queue) == 0


def test_what_is_held_waits_for_its_count(queue: EventQueue) -> None:
    queue.hold([event(1), event(2)])
    assert len(queue) == 0
    queue.settle(lambda namespace, customer, mark: mark == "0:1")
    assert [item.event_id for item in queue.waiting(10)] == ["enf_1"]


def test_an_event_settled_while_its_count_was_under_way_is_released_once(queue: EventQueue) -> None:
    queue.hold([event(1)])
    queue.settle(lambda *_: True)
    queue.release([event(1)])
    assert len(queue) == 1


def test_an_event_whose_count_was_given_up_is_forgotten(queue: EventQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.hold([event(1)])
    later = time.time() + 121
    monkeypatch.setattr("time.time", lambda: later)
    queue.settle(lambda *_: False)
    queue.settle(lambda *_: True)
    assert len(queue) == 0


def test_the_same_happening_has_the_same_id_everywhere() -> None:
    assert event_id("ws", "c", 1, "x") == event_id("ws", "c", 1, "x") != event_id("ws", "c", 2, "x")


def test_an_event_says_what_happened_with_exact_numbers(brain: Brain, connect: Connect) -> None:
    brain.activate(document(rails=rails(usage_thresholds=[{"percent": 70, "action": "warn"}])))
    client = connect()
    client.refresh()
    client.record("cust_1", UNIT, 7)
    client.flush()
    (sent,) = brain.events.values()
    assert sent["context"] == {
        "percent": 70,
        "action": "warn",
        "value_unit_id": UNIT,
        "pool_id": "pool_core",
        "used_quantity": 7,
        "included_quantity": 10,
    }
    names = ("workspace_id", "customer_id", "config_version_id", "occurred_at", "event_type", "sequence")
    assert [sent[name] for name in names] == [
        "ws_1", "cust_1", "cfg_1", "2026-01-15T00:00:00Z", "rail_warning_shown", 1,
    ]  # fmt: skip
    assert sent["client_id"] == client._queue.client_id


def test_events_can_be_sent_without_numbers(brain: Brain, connect: Connect) -> None:
    brain.activate(document(rails=rails(usage_thresholds=[{"percent": 70, "action": "warn"}])))
    client = connect(numbered_events=False)
    client.refresh()
    client.record("c", UNIT, 7)
    client.flush()
    assert not {"client_id", "sequence"} & set(*brain.events.values())


def test_a_block_is_reported_once_however_often_the_customer_tries(brain: Brain, connect: Connect) -> None:
    brain.activate(document(pools=[pool(behavior="hard_stop")]))
    client = connect()
    client.refresh()
    client.record("c", UNIT, 10)
    for _ in range(5):
        assert not client.check("c", UNIT).allow
        assert not client.reserve("c", UNIT).decision.allow
    client.flush()
    assert [(e["event_type"], e["context"]["reason_code"]) for e in brain.events.values()] == [
        ("hard_cap_blocked", "hard_stop")
    ]


def test_reaching_a_blocking_threshold_and_being_refused_by_it_is_one_event(brain: Brain, connect: Connect) -> None:
    brain.activate(document(rails=rails(usage_thresholds=[{"percent": 100, "action": "block"}])))
    client = connect()
    client.refresh()
    client.record("c", UNIT, 10)
    assert not client.check("c", UNIT).allow
    client.flush()
    assert [e["event_type"] for e in brain.events.values()] == ["hard_cap_blocked"]


def test_a_graduation_is_reported_once_for_ever(brain: Brain, connect: Connect, clock: Any) -> None:
    exploration = {"enabled": True, "qualifying_events": ["labs"], "expires_after_days": 30, "graduation_signal": "use"}
    brain.activate(document(pools=[pool("pool_trial", 2, is_exploration_pool=True), pool()], exploration=exploration))
    client = connect()
    client.refresh()
    client.record_event({"event_type": "labs", "customer_id": "c"})
    client.record("c", UNIT, 5)
    for _ in range(3):
        clock.pass_seconds(30 * 86_400)
        client.record("c", UNIT, 5)
    client.flush()
    assert [e["event_type"] for e in brain.events.values()] == ["exploration_graduated"]


def test_events_wait_while_avs_brain_is_down(brain: Brain, connect: Connect) -> None:
    brain.activate(document(rails=EACH_PERCENT, pools=[pool(included=100)]))
    client = connect()
    client.refresh()
    brain.stop()
    client.record("c", UNIT, 30)
    with pytest.raises(Unreachable):
        client.flush()
    assert client.status.events_waiting == 30
    brain.start()
    assert client.flush() == 30
    assert len(brain.events) == 30


def test_an_answer_that_gets_lost_does_not_make_two_events(brain: Brain, connect: Connect) -> None:
    brain.activate(document(rails=EACH_PERCENT, pools=[pool(included=100)]))
    client = connect()
    client.refresh()
    client.record("c", UNIT, 10)
    brain.lose_answers = True
    with pytest.raises(Unreachable):
        client.flush()
    brain.lose_answers = False
    assert client.flush() == 10
    assert [len(batch) for batch in brain.batches] == [10, 10]
    assert len(brain.events) == 10


def test_an_event_that_is_refused_does_not_hold_up_the_others(brain: Brain, connect: Connect) -> None:
    brain.activate(document(rails=rails(usage_thresholds=[{"percent": 70, "action": "warn"}])))
    client = connect()
    client.refresh()
    brain.refuse = lambda event: event["customer_id"] == "not an id"
    for customer in ("c1", "not an id", "c2"):
        client.record(customer, UNIT, 7)
    assert client.flush() == 2
    assert (client.status.events_waiting, client.status.events_refused) == (0, 1)


def test_a_quality_signal_that_says_no_is_reported(brain: Brain, connect: Connect) -> None:
    brain.activate(document())
    client = connect()
    client.refresh()
    client.quality_failed("c", UNIT, "csat", 2)
    client.flush()
    assert [e["event_type"] for e in brain.events.values()] == ["quality_proxy_failed"]


APP = (
    DIE_AFTER
    + """
from avs_brain_client.counters.sqlite import SqliteCounters
url, folder, instant, after = ARGUMENTS
client = Client(url, mode="manual", directory=folder, counters=SqliteCounters(folder + "/counters.sqlite"), **SUBJECT)
client.refresh()

if instant == "held":
    die_after(client._queue, "hold", after)
elif instant == "counted":
    die_after(client._books._ledger, "update", after)
elif instant == "queued":
    die_after(client._queue, "release", after)
elif instant == "sent":
    die_after(client._brain, "send_events", after)
for number in range(1, 101):
    client.record("c", "vu_minute", 1, event_id=f"evt_{number}")
    if number % 10 == 0:
        client.flush()
    print(number, flush=True)
client.flush()
print(client.usage("c").units["vu_minute"].used)
"""
)


def assert_everything_arrived_once(brain: Brain, printed: str) -> None:
    assert printed.split()[-1] == "100"
    assert sorted(event["context"]["percent"] for event in brain.events.values()) == list(range(1, 101))
    assert sorted(event["sequence"] for event in brain.events.values()) == list(range(1, 101))
    assert len({event["client_id"] for event in brain.events.values()}) == 1


@pytest.mark.parametrize("instant", ["held", "counted", "queued", "sent"])
def test_killed_at_the_worst_instant_nothing_is_lost_and_nothing_counts_twice(
    brain: Brain, tmp_path: Path, instant: str
) -> None:
    """The app does what apps do: it begins again, and repeats what it does not know to be done."""
    brain.activate(document(rails=EACH_PERCENT, pools=[pool(included=100)]))
    for after in (1, 4):
        dying = start(APP, brain.url, str(tmp_path), instant, after)
        dying.communicate(timeout=120)
        assert dying.returncode == -signal.SIGKILL
    assert_everything_arrived_once(brain, run(APP, brain.url, str(tmp_path), "never", 0))


def test_killed_at_random_instants_nothing_is_lost_and_nothing_counts_twice(brain: Brain, tmp_path: Path) -> None:
    brain.activate(document(rails=EACH_PERCENT, pools=[pool(included=100)]))
    chance = random.Random(7)
    for _ in range(4):
        dying = start(APP, brain.url, str(tmp_path), "never", 0)
        for _ in range(chance.randint(1, 30)):
            assert dying.stdout is not None
            dying.stdout.readline()
        time.sleep(chance.random() * 0.01)
        dying.kill()
        dying.communicate()
    assert_everything_arrived_once(brain, run(APP, brain.url, str(tmp_path), "never", 0))


def test_a_server_that_knows_no_numbers_is_sent_the_events_without_them(brain: Brain, connect: Connect) -> None:
    brain.activate(document(rails=EACH_PERCENT, pools=[pool(included=100)]))
    brain.knows_numbers = False
    client = connect()
    client.refresh()
    client.record("c", UNIT, 3)
    assert client.flush() == 3
    assert client.status.events_refused == 0

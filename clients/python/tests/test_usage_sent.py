"""Two writes become one: what is recorded and committed reaches AVS Brain as usage, exactly once, whatever dies."""

import signal
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from avs_brain_client import Client, NeverLoaded, Unreachable
from brain import Brain
from conftest import NOW, Connect, SetClock
from documents import EXPORT, UNIT, document, pool, unit
from processes import DIE_AFTER, run, start
from waiting import codes

FILTERED = unit(filters={"resolution": "HD", "final": True, "mode": ["fast", "slow"]})
COUNTED = unit("vu_renders", event_type="export", aggregation={"type": "count"})
DISTINCT = unit("vu_projects", event_type="open", aggregation={"type": "distinct_count", "field": "project"})


def units_document(*units: dict[str, Any]) -> dict[str, Any]:
    names = [item["value_unit_id"] for item in units]
    return document(units=list(units), pools=[pool(f"pool_{name}", 100, value_unit_id=name) for name in names])


@pytest.fixture
def sending(brain: Brain, connect: Connect) -> Callable[..., Client]:
    """A client that sends usage, with units of its own."""

    def client(*units: dict[str, Any], **options: Any) -> Client:
        brain.activate(units_document(*(units or (unit(),))))
        found = connect(**{"send_usage": True, **options})
        found.refresh()
        return found

    return client


def test_a_record_is_the_usage_event_that_the_unit_counts(brain: Brain, sending: Callable[..., Client]) -> None:
    client = sending()
    client.record("c", UNIT, Decimal("2.5"), event_id="render_1")
    client.flush()
    ((event_id, event),) = brain.usage.items()
    assert event == {
        "event_id": event_id,
        "ts": "2026-01-15T00:00:00Z",
        "event_type": "render",
        "workspace_id": "ws_1",
        "customer_id": "c",
        "segment": "smb",
        "minutes": Decimal("2.5"),
    }


def test_nothing_is_sent_unless_it_is_asked_for(brain: Brain, sending: Callable[..., Client]) -> None:
    client = sending(send_usage=False)
    client.record("c", UNIT, 1)
    client.record("c", UNIT, 2, send_usage=True)
    client.flush()
    assert [event["minutes"] for event in brain.usage.values()] == [2]
    with pytest.raises(ValueError, match="send_usage=True"):
        client.record("c", UNIT, 1, dimensions={"minutes": 1})


def test_the_same_record_is_sent_once(brain: Brain, sending: Callable[..., Client]) -> None:
    client = sending()
    for _ in range(3):
        client.record("c", UNIT, 1, event_id="render_1")
        client.flush()
    client.record("c", UNIT, 1)
    client.record("c", UNIT, 1)
    client.flush()
    assert len(brain.sent_usage) == len(brain.usage) == 3


def test_filters_with_one_value_are_derived_and_others_are_asked_for(
    brain: Brain, sending: Callable[..., Client]
) -> None:
    client = sending(FILTERED)
    with pytest.raises(ValueError, match="mode is one of fast, slow: say which in dimensions"):
        client.record("c", UNIT, 1)
    client.record("c", UNIT, 1, dimensions={"mode": "slow", "note": "x"})
    client.flush()
    (event,) = brain.usage.values()
    assert {name: event[name] for name in ("resolution", "final", "mode", "note", "minutes")} == {
        "resolution": "HD",
        "final": True,
        "mode": "slow",
        "note": "x",
        "minutes": 1,
    }
    assert client.usage("c").units[UNIT].used == 1


@pytest.mark.parametrize(
    ("unit_id", "quantity", "dimensions", "problem"),
    [
        ("vu_renders", 2, {}, "record 1 for each"),
        ("vu_projects", 1, {}, "use record_event"),
        (UNIT, 2, {"minutes": 3}, "would count 3 of vu_minute"),
        ("vu_unheard_of", 1, {}, "event_type is missing"),
    ],
    ids=["several of a count", "distinct values", "another quantity", "an unknown unit"],
)
def test_what_would_be_counted_otherwise_in_avs_brain_is_refused_before_it_is_counted(
    brain: Brain, sending: Callable[..., Client], unit_id: str, quantity: int, dimensions: Any, problem: str
) -> None:
    client = sending(unit(), COUNTED, DISTINCT)
    with pytest.raises(ValueError, match=problem):
        client.record("c", unit_id, quantity, dimensions=dimensions)
    assert client.flush() == 0
    assert {use.used for use in client.usage("c").units.values()} == {0}


def test_an_event_that_two_units_count_is_left_to_record_event(brain: Brain, sending: Callable[..., Client]) -> None:
    client = sending(unit(), unit(EXPORT))
    with pytest.raises(ValueError, match=f"for {EXPORT} too: use record_event"):
        client.record("c", UNIT, 1)
    client.record_event({"event_type": "render", "customer_id": "c", "minutes": 1.5, "event_id": "e"})
    client.flush()
    assert [(name, event["minutes"]) for name, event in brain.usage.items()] == [("e", Decimal("1.5"))]
    assert {use.used for use in client.usage("c").units.values()} == {Decimal("1.5")}


def test_a_commit_is_sent_in_the_period_that_it_was_reserved_in(
    brain: Brain, sending: Callable[..., Client], clock: SetClock
) -> None:
    client = sending()
    made = client.reserve("c", UNIT, 5, seconds=10**7)
    clock.set_wall(NOW + timedelta(days=60))
    for _ in range(2):
        client.commit(made, 3)
    client.flush()
    (event,) = brain.usage.values()
    assert (event["ts"], event["minutes"]) == ("2026-01-31T00:00:00Z", 3)


def test_without_a_config_nothing_says_what_is_sent(connect: Connect) -> None:
    client = connect(send_usage=True)
    with pytest.raises(NeverLoaded):
        client.record("c", UNIT, 1)


def test_usage_waits_while_avs_brain_is_down(brain: Brain, sending: Callable[..., Client]) -> None:
    client = sending()
    brain.stop()
    client.record("c", UNIT, 1)
    with pytest.raises(Unreachable):
        client.flush()
    assert client.status.events_waiting == 1
    brain.start()
    assert client.flush() == 1


def test_usage_whose_answer_got_lost_is_sent_again_under_the_same_id(
    brain: Brain, sending: Callable[..., Client]
) -> None:
    client = sending()
    client.record("c", UNIT, 1)
    brain.lose_answers = True
    with pytest.raises(Unreachable):
        client.flush()
    brain.lose_answers = False
    client.flush()
    assert (len(brain.sent_usage), len(brain.usage)) == (2, 1)


def test_usage_that_avs_brain_rejects_is_set_aside_and_does_not_hold_up_the_rest(
    brain: Brain, sending: Callable[..., Client]
) -> None:
    client = sending()
    brain.refuse = lambda event: event["customer_id"] == "b"
    for customer in "abc":
        client.record(customer, UNIT, 1)
    assert client.flush() == 2
    assert (client.status.events_waiting, client.status.events_refused) == (0, 1)
    assert codes(client) == ["events_refused"]
    brain.refuse = lambda event: True
    client.record("d", UNIT, 1)
    client.flush()
    assert client.status.events_refused == 2


APP = (
    DIE_AFTER
    + """
from avs_brain_client.counters.sqlite import SqliteCounters
url, folder, instant, after = ARGUMENTS
client = Client(url, mode="manual", directory=folder, counters=SqliteCounters(folder + "/counters.sqlite"),
                send_usage=True, **SUBJECT)
client.refresh()

if instant == "held":
    die_after(client._queue, "hold_new", after)
elif instant == "counted":
    die_after(client._books._ledger, "update", after)
elif instant == "queued":
    die_after(client._queue, "release", after)
elif instant == "sent":
    die_after(client._brain, "send_usage", after)
for number in range(1, 31):
    client.record("c", "vu_minute", 1, event_id=f"evt_{number}")
    client.commit(client.reserve("c", "vu_minute", 3), 2)
    if number % 10 == 0:
        client.flush()
client.flush()
print(client.usage("c").units["vu_minute"].used, client.status.events_waiting)
"""
)


@pytest.mark.parametrize("instant", ["held", "counted", "queued", "sent"])
def test_killed_at_the_worst_instant_avs_brain_has_what_the_counters_have(
    brain: Brain, tmp_path: Path, instant: str
) -> None:
    """The app repeats the records that it does not know to be done; what it committed it cannot commit again."""
    brain.activate(document(pools=[pool(included=1000)]))
    for after in (1, 3, 4) if instant != "sent" else (1, 2):
        dying = start(APP, brain.url, str(tmp_path), instant, after)
        dying.communicate(timeout=120)
        assert dying.returncode == -signal.SIGKILL
    used, waiting = run(APP, brain.url, str(tmp_path), "never", 0).split()
    assert waiting == "0"
    assert sum(event["minutes"] for event in brain.usage.values()) == Decimal(used)
    assert Decimal(used) >= 90

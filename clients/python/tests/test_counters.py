"""Counting, the same in every store: exact, once, and never beyond a cap, however many ask at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import TypeVar

import pytest

from avs_brain_client import Client, CounterStore
from brain import Brain
from conftest import Connect, SetClock
from documents import EXPORT, UNIT, document, pool, rails, unit

THREADS = 32
Result = TypeVar("Result")


@pytest.fixture
def client(brain: Brain, connect: Connect, store: CounterStore) -> Client:
    brain.activate(document(pools=[pool(included=100, behavior="hard_stop")]))
    found = connect(counters=store)
    found.refresh()
    return found


def in_parallel(work: Callable[[int], Result], times: int = THREADS) -> list[Result]:
    """Call it from as many threads, all starting at once."""
    start = Barrier(times)

    def run(number: int) -> Result:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_32_threads_that_reserve_never_overshoot_a_cap(client: Client) -> None:
    def work(_: int) -> int:
        done = 0
        for _ in range(8):
            reservation = client.reserve("c", UNIT, 1)
            if reservation.decision.allow:
                client.commit(reservation)
                done += 1
        return done

    assert sum(in_parallel(work)) == 100
    assert client.usage("c").units[UNIT].used == 100
    assert not client.check("c", UNIT).allow


def test_what_is_released_or_came_to_less_can_be_used_by_others(client: Client) -> None:
    first, second = client.reserve("c", UNIT, 60), client.reserve("c", UNIT, 40)
    assert not client.reserve("c", UNIT, 1).decision.allow
    client.release(first)
    client.commit(second, Decimal("0.5"))
    use = client.usage("c").units[UNIT]
    assert (use.used, use.reserved) == (Decimal("0.5"), Decimal(0))
    assert client.check("c", UNIT).remaining == Decimal("99.5")


def test_a_reservation_lapses_and_its_commit_still_counts(client: Client, clock: SetClock) -> None:
    reservation = client.reserve("c", UNIT, 100, seconds=60)
    assert not client.check("c", UNIT).allow
    clock.pass_seconds(61)
    assert client.check("c", UNIT).allow
    client.commit(reservation, 30)
    assert client.usage("c").units[UNIT].used == 30


def test_a_commit_counts_once_and_a_release_afterwards_nothing(client: Client) -> None:
    reservation = client.reserve("c", UNIT, 5)
    assert not client.commit(reservation, 3).duplicate
    assert client.commit(reservation, 3).duplicate
    client.release(reservation)
    assert client.usage("c").units[UNIT].used == 3


def test_the_same_event_from_32_threads_counts_once(client: Client) -> None:
    recorded = in_parallel(lambda _: client.record("c", UNIT, 7, event_id="evt_1"))
    assert [r.duplicate for r in recorded].count(False) == 1
    assert client.usage("c").units[UNIT].used == 7


def test_one_event_id_counts_for_each_unit_of_a_request(brain: Brain, connect: Connect, store: CounterStore) -> None:
    brain.activate(document(units=[unit(), unit(EXPORT)], pools=[pool(), pool("pool_export", value_unit_id=EXPORT)]))
    client = connect(counters=store)
    client.refresh()
    client.record("c", UNIT, 500, event_id="request_1")
    client.record("c", EXPORT, 1, event_id="request_1")
    assert {name: use.used for name, use in client.usage("c").units.items()} == {UNIT: 500, EXPORT: 1}


def test_an_event_id_is_still_known_after_89_days(client: Client, clock: SetClock) -> None:
    assert not client.record("c", UNIT, event_id="evt_1").duplicate
    clock.pass_seconds(89 * 86_400)
    assert client.record("c", UNIT, event_id="evt_1").duplicate


def test_nothing_is_rounded_however_small_or_large(client: Client) -> None:
    client.record("c", UNIT, Decimal("0.000000000001"))
    client.record("c", UNIT, Decimal("99999999999999.999999999999"))
    assert client.usage("c").units[UNIT].used == Decimal(10) ** 14


def test_two_clients_share_a_store(client: Client, connect: Connect, store: CounterStore, clock: SetClock) -> None:
    other = connect(counters=store)
    other.refresh()
    assert other.check("c", UNIT, 100).allow
    client.record("c", UNIT, 100)
    clock.pass_seconds(0.1)
    assert not other.check("c", UNIT).allow


def test_sandbox_and_production_are_counted_apart(brain: Brain, connect: Connect, store: CounterStore) -> None:
    production, sandbox = connect(counters=store), connect(counters=store, target_environment="sandbox")
    production.record("c", UNIT, 7)
    assert sandbox._ledger.read("c").of_unit(UNIT) == {}


def test_distinct_values_count_once_per_period(brain: Brain, connect: Connect, store: CounterStore) -> None:
    aggregation = {"type": "distinct_count", "field": "project"}
    brain.activate(document(units=[unit(aggregation=aggregation)]))
    client = connect(counters=store)
    client.refresh()
    in_parallel(
        lambda n: client.record_event({"event_type": "render", "customer_id": "c", "project": f"p{n % 3}"}), times=8
    )
    assert client.usage("c").units[UNIT].used == 3


def test_a_threshold_fires_once_per_customer_and_period(
    brain: Brain, connect: Connect, store: CounterStore, clock: SetClock
) -> None:
    brain.activate(document(rails=rails(usage_thresholds=[{"percent": 50, "action": "warn"}])))
    client = connect(counters=store)
    client.refresh()
    fired = [f for r in in_parallel(lambda _: client.record("c", UNIT, 1)) for f in r.fired]
    assert [(f.action, f.context["used_quantity"]) for f in fired] == [("warn", 5)]
    clock.pass_seconds(30 * 86_400)
    assert len(client.record("c", UNIT, 5).fired) == 1
    client.flush()
    assert [event["event_type"] for event in brain.events.values()] == ["rail_warning_shown"] * 2

"""Accounts in Redis: changed by one script, exact however many ask at once, and the same for every language."""

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
import redis

from avs_brain_client import Client, Clock
from avs_brain_client.counters.redis import RedisCounters
from avs_brain_client.counters.redis_wire import SCRIPT
from avs_brain_client.periods import FixedCalendar
from brain import Brain
from conftest import Connect, SetClock
from documents import EXPORT, STAGE_THRESHOLDS, UNIT, document, pool, rails, unit
from processes import start
from test_counters import in_parallel

HERE = Path(__file__).parent
BEFORE, PERIOD = FixedCalendar().key(-1), FixedCalendar().key(0)
CLIENTS = HERE.parent.parent
UNITS = {"units": [unit(), unit(EXPORT)], "pools": [pool(), pool("pool_export", value_unit_id=EXPORT)]}


@pytest.fixture
def counters(redis_url: str, tmp_path: Path) -> Iterator[RedisCounters]:
    with closing(RedisCounters(redis_url, prefix=tmp_path.name, timeout_ms=30_000)) as store:
        yield store


@pytest.fixture
def direct(redis_url: str) -> Iterator["redis.Redis"]:
    """Redis as an administrator sees it."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as connection:
        yield connection


def connected(brain: Brain, connect: Connect, store: RedisCounters, **config: object) -> Client:
    brain.activate(document(**config))  # type: ignore[arg-type]
    client = connect(counters=store)
    client.refresh()
    return client


def key(tmp_path: Path, customer: str = "c") -> str:
    return f"{tmp_path.name}:ws_1/production:{{{customer}}}"


def commands(direct: "redis.Redis", name: str) -> int:
    """How often the server ran it."""
    return int(direct.info("commandstats").get(f"cmdstat_{name}", {"calls": 0})["calls"])


def test_every_package_carries_the_same_script() -> None:
    copies = [path for path in CLIENTS.rglob("account.lua") if "node_modules" not in path.parts]
    assert len(copies) >= 2
    assert {path.read_bytes() for path in copies} == {SCRIPT}


def test_what_redis_holds_is_what_the_document_describes(
    brain: Brain, connect: Connect, counters: RedisCounters, direct: "redis.Redis", tmp_path: Path, clock: SetClock
) -> None:
    client = connected(brain, connect, counters, **UNITS)
    client.record("c", UNIT, Decimal("1.5"), event_id="evt_1")
    first = client.reserve("c", UNIT, 2, seconds=60)
    client.reserve("c", UNIT, 3, seconds=90)
    account = {str(name): str(value) for name, value in direct.hgetall(f"{key(tmp_path)}:account").items()}
    until = clock.wall + 60_000_000
    assert account.pop("epoch")
    assert account.pop(f"hold:{first.reservation_id}") == f"{until} {PERIOD} 2000000000000 {UNIT}"
    assert [name for name in account if name.startswith("hold:")]
    account = {name: value for name, value in account.items() if not name.startswith("hold:")}
    assert account == {
        "changes": "3",
        "live": PERIOD,
        "units": json.dumps([UNIT]),
        "frame": account["frame"],
        f"used:{PERIOD}:{UNIT}": "1500000000000",
        f"held:{PERIOD}:{UNIT}": "5000000000000",
    }
    frame = json.loads(account["frame"])
    assert (frame["began"], frame["fired"], frame["approved"]) == ({"render": clock.wall}, [], [])
    assert direct.zscore(f"{key(tmp_path)}:lapses", first.reservation_id) == until
    assert direct.pttl(f"{key(tmp_path)}:e:{UNIT}:evt_1") > 0


def test_an_account_of_the_earlier_form_is_read_and_written_anew_once(
    brain: Brain, connect: Connect, counters: RedisCounters, direct: "redis.Redis", tmp_path: Path, clock: SetClock
) -> None:
    before = {
        "used": {UNIT: {"0": 3 * 10**12, "-1": 10**12}},
        "began": {"render": 5},
        "holds": {"r": [UNIT, 0, 2 * 10**12, clock.wall + 10**9]},
        "fired": [],
        "approved": [],
    }
    direct.hset(key(tmp_path), mapping={"version": "abc", "body": json.dumps(before)})
    client = connected(brain, connect, counters)
    assert client.check("c", UNIT).remaining == 5
    client.record("c", UNIT, 1)
    use = client.usage("c").units[UNIT]
    assert [use.used, use.reserved] == [4, 2]
    assert not direct.exists(key(tmp_path))
    assert direct.hget(f"{key(tmp_path)}:account", f"used:{BEFORE}:{UNIT}") == str(10**12)


def test_counting_on_is_one_call_each(
    brain: Brain, connect: Connect, counters: RedisCounters, direct: "redis.Redis"
) -> None:
    client = connected(brain, connect, counters, pools=[pool(included=1000, behavior="hard_stop")])
    client.commit(client.reserve("c", UNIT))
    client.record("c", UNIT)
    calls, readings = commands(direct, "evalsha"), commands(direct, "hgetall")
    for _ in range(20):
        client.record("c", UNIT)
        client.commit(client.reserve("c", UNIT))
    assert (commands(direct, "evalsha"), commands(direct, "hgetall")) == (calls + 60, readings)
    assert client.usage("c").units[UNIT].used == 42


def test_the_numbers_are_exact_where_those_of_the_script_language_are_not(
    brain: Brain, connect: Connect, counters: RedisCounters
) -> None:
    client = connected(brain, connect, counters, pools=[pool(included=1)])
    quantities = [Decimal("0.000000000001"), Decimal("99999999999999.999999999999"), Decimal("9007199254740.993")]
    for quantity in quantities * 3:
        client.record("c", UNIT, quantity)
        client.commit(client.reserve("c", UNIT, quantity))
    assert client.usage("c").units[UNIT].used == 6 * sum(quantities)
    assert client.usage("c").units[UNIT].reserved == 0


def test_sums_that_take_off_more_than_they_added_are_kept(
    brain: Brain, connect: Connect, counters: RedisCounters
) -> None:
    aggregation = {"type": "sum", "field": "minutes", "minus": "credit"}
    client = connected(brain, connect, counters, units=[unit(aggregation=aggregation)])
    events = [{"minutes": 1, "credit": 0}, {"minutes": 0, "credit": 4}, {"minutes": 1, "credit": 0}]
    for event in events:
        client.record_event({"event_type": "render", "customer_id": "c", **event})
    account = counters.ledger("ws_1/production").read("c")
    assert account.used[UNIT] in ({PERIOD: -2 * 10**12}, {PERIOD: 2 * 10**12})


def test_another_unit_that_is_billed_leaves_less_of_the_cap(
    brain: Brain, connect: Connect, counters: RedisCounters
) -> None:
    limits = rails(monthly_spend_cap_usd=100, at_cap_action="block")
    pools = [pool(included=0), pool("pool_export", included=0, value_unit_id=EXPORT)]
    client = connected(brain, connect, counters, units=[unit(), unit(EXPORT)], pools=pools, rails=limits)
    other = connect(counters=RedisCounters(counters._url, prefix=counters._prefix, timeout_ms=30_000))
    other.refresh()
    clients = (client, other)

    def work(number: int) -> Decimal:
        mine, done = clients[number % 2], Decimal(0)
        for _ in range(12):
            reservation = mine.reserve("c", (UNIT, EXPORT)[number // 2 % 2], Decimal("1.5"))
            if reservation.decision.allow:
                mine.commit(reservation)
                done += Decimal("1.5")
        return done

    assert sum(in_parallel(work, 8)) == 99
    assert client.usage("c").spend_usd == 99


def test_what_lapses_is_free_for_everybody(
    brain: Brain, connect: Connect, counters: RedisCounters, clock: SetClock
) -> None:
    client = connected(brain, connect, counters, pools=[pool(included=10, behavior="hard_stop")])
    other = connect(counters=RedisCounters(counters._url, prefix=counters._prefix, timeout_ms=30_000))
    other.refresh()
    client.commit(client.reserve("c", UNIT))
    other.commit(other.reserve("c", UNIT))
    client.reserve("c", UNIT, 8, seconds=60)
    assert not other.reserve("c", UNIT).decision.allow
    clock.pass_seconds(61)
    reserved = other.reserve("c", UNIT, 3)
    assert reserved.decision.allow
    assert reserved.decision.remaining == 8
    assert client.usage("c").units[UNIT].reserved == 3


PROCESS = """
from avs_brain_client.counters.redis import RedisCounters
url, redis_url, prefix, times = ARGUMENTS
client = Client(url, **SUBJECT, mode="manual", counters=RedisCounters(redis_url, prefix=prefix, timeout_ms=30000))
client.refresh()
done, fired = 0, []
for _ in range(times):
    reservation = client.reserve("c", "vu_minute")
    if reservation.decision.allow:
        fired += [f.key for f in client.commit(reservation).fired]
        done += 1
print(json.dumps([done, fired]))
"""


def test_4_processes_reach_thresholds_once_and_never_overshoot_the_cap(
    brain: Brain, connect: Connect, counters: RedisCounters, redis_url: str, tmp_path: Path
) -> None:
    limits = rails(usage_thresholds=STAGE_THRESHOLDS)
    brain.activate(document(pools=[pool(included=500, behavior="hard_stop")], rails=limits))
    processes = [start(PROCESS, brain.url, redis_url, tmp_path.name, 200) for _ in range(4)]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    told = [json.loads(out) for out, _ in outputs]
    assert sum(done for done, _ in told) == 500
    assert sorted(key for _, fired in told for key in fired) == [
        "threshold:100:block", "threshold:70:warn", "threshold:90:throttle",
    ]  # fmt: skip
    today = connect(counters=counters, clock=Clock())
    today.refresh()
    assert today.usage("c").units[UNIT].used == 500


def test_a_customer_whose_data_redis_lost_goes_on_from_what_was_seen(
    brain: Brain, connect: Connect, counters: RedisCounters, direct: "redis.Redis", tmp_path: Path
) -> None:
    client = connected(brain, connect, counters, pools=[pool(included=10, behavior="hard_stop")])
    client.record("c", UNIT, 7)
    for name in direct.scan_iter(f"{tmp_path.name}:*"):
        direct.delete(name)
    assert client.usage("c").units[UNIT].used == 7
    assert not client.reserve("c", UNIT, 4).decision.allow
    client.record("c", UNIT, 2)
    assert direct.hget(f"{key(tmp_path)}:account", f"used:{PERIOD}:{UNIT}") == str(9 * 10**12)

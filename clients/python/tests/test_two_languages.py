"""A Python and a Node process on one Redis: one account, one cap, one event, whoever counts."""

import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest
import redis

import node
import processes
from avs_brain_client import Clock
from avs_brain_client.counters.redis import RedisCounters
from brain import Brain
from conftest import Connect
from documents import UNIT, document, pool, rails
from servers import redis_server

PYTHON = """
import random, time
from pathlib import Path
from avs_brain_client.counters.redis import RedisCounters
url, redis_url, prefix, gate = ARGUMENTS
client = Client(url, mode="manual", counters=RedisCounters(redis_url, prefix=prefix, timeout_ms=30_000), **SUBJECT)
client.refresh()
client.usage("c")
print("ready", flush=True)
while not Path(gate).exists():
    time.sleep(0.001)
for _ in range(100):
    client.record("d", "vu_minute", 1)
done = 0
for _ in range(150):
    reservation = client.reserve("c", "vu_minute", 2)
    if reservation.decision.allow:
        client.commit(reservation, random.choice([1, 2]))
        done += 1
print(done)
"""
NODE = """
const [url, redisUrl, prefix, gate] = ARGUMENTS;
const counters = new RedisCounters(redisUrl, { prefix, timeoutMs: 30_000 });
const client = new Client({ baseUrl: url, mode: "manual", counters, ...SUBJECT });
await client.refresh();
await client.usage("c");
const { existsSync } = await import("node:fs");
say("ready");
while (!existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 1));
for (let at = 0; at < 100; at += 1) await client.record("d", "vu_minute", 1);
let done = 0;
for (let at = 0; at < 150; at += 1) {
  const reservation = await client.reserve("c", "vu_minute", 2);
  if (reservation.decision.allow) {
    await client.commit(reservation, 1 + Math.round(Math.random()));
    done += 1;
  }
}
say(done);
await counters.close();
"""


@pytest.fixture(scope="module")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.built(tmp_path_factory.mktemp("typescript"))


def test_python_and_node_share_one_cap_exactly(
    brain: Brain, connect: Connect, redis_url: str, tmp_path: Path, typescript: Path
) -> None:
    brain.activate(document(pools=[pool(included=400, behavior="hard_stop")]))
    gate = tmp_path / "gate"
    arguments = brain.url, redis_url, tmp_path.name, str(gate)
    pythons = [processes.start(PYTHON, *arguments) for _ in range(2)]
    nodes = [node.start(typescript, NODE, *arguments) for _ in range(2)]
    for app in (*pythons, *nodes):
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n", app.communicate()
    gate.touch()
    done = [int(node.ended(app)) for app in (*pythons, *nodes)]
    client = connect(counters=RedisCounters(redis_url, prefix=tmp_path.name, timeout_ms=30_000), clock=Clock())
    client.refresh()
    used = client.usage("c").units[UNIT].used
    assert used in (399, 400)
    assert sum(done) >= 200
    assert client.usage("d").units[UNIT].used == 400


PLAN = {
    "platform_fee_usd": 100,
    "prepaid": {"amount_usd": 50, "price_usd": 40},
    "unit_prices": [
        {
            "value_unit_id": UNIT,
            "model": "graduated",
            "tiers": [{"up_to": 100, "unit_price_usd": 1}, {"up_to": None, "unit_price_usd": Decimal("0.5")}],
        }
    ],
    "overrides": [{"customer_id": "c", "included_quantity": {"pool_core": 90}}],
}
"""Of a cap of 440 USD the fee and the credits leave 300; with the credits 350 pay for 100 units and 500 more."""


def test_python_and_node_share_one_cap_by_a_price_plan_exactly(
    brain: Brain, connect: Connect, redis_url: str, tmp_path: Path, typescript: Path
) -> None:
    limits = rails(monthly_spend_cap_usd=440, at_cap_action="block")
    brain.activate({**document(pools=[pool(included=10)], rails=limits), "rating_agility": {"price_plan": PLAN}})
    gate = tmp_path / "gate"
    arguments = brain.url, redis_url, tmp_path.name, str(gate)
    apps = [processes.start(PYTHON, *arguments), node.start(typescript, NODE, *arguments)]
    apps += [processes.start(PYTHON, *arguments), node.start(typescript, NODE, *arguments)]
    for app in apps:
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n", app.communicate()
    gate.touch()
    done = [int(node.ended(app)) for app in apps]
    client = connect(counters=RedisCounters(redis_url, prefix=tmp_path.name, timeout_ms=30_000), clock=Clock())
    client.refresh()
    statement = client.usage("c")
    assert sum(done) >= 345
    assert statement.units[UNIT].used in (689, 690)
    assert statement.spend_usd in (Decimal("439.5"), 440)


COUNT = """
const [url, redisUrl, prefix] = ARGUMENTS;
const counters = new RedisCounters(redisUrl, { prefix, timeoutMs: 30_000 });
const client = new Client({ baseUrl: url, mode: "manual", counters, ...SUBJECT });
await client.refresh();
const again = await client.record("c", "vu_minute", 3, { eventId: "one" });
const { used } = (await client.usage("c")).units.get("vu_minute");
const crossed = await client.record("c", "vu_minute", "4.5", { eventId: "two" });
await client.flush();
say(JSON.stringify([again.duplicate, String(used), crossed.fired.length]));
await counters.close();
"""


def test_what_one_language_counted_the_other_knows(
    brain: Brain, connect: Connect, redis_url: str, tmp_path: Path, typescript: Path
) -> None:
    brain.activate(document(rails=rails(usage_thresholds=[{"percent": 70, "action": "warn"}])))
    store = RedisCounters(redis_url, prefix=tmp_path.name, timeout_ms=30_000)
    client = connect(counters=store, clock=Clock())
    client.refresh()
    client.record("c", UNIT, 3, event_id="one")
    told = node.ended(node.start(typescript, COUNT, brain.url, redis_url, tmp_path.name))
    assert told == '[true,"3",1]\n'
    assert client.record("c", UNIT, 4, event_id="two").duplicate
    assert client.record("c", UNIT, 1).fired == ()
    assert str(client.usage("c").units[UNIT].used) == "8.5"
    assert [event["event_type"] for event in brain.events.values()] == ["rail_warning_shown"]


AWAY = """
const [url, redisUrl, prefix] = ARGUMENTS;
const counters = new RedisCounters(redisUrl, { prefix, timeoutMs: 200 });
const options = { baseUrl: url, mode: "manual", counters, log: () => undefined, snapshotSeconds: 0, ...SUBJECT };
const client = new Client(options);
await client.refresh();
const { kept } = await client.record("c", "vu_minute", 1);
const { allow, reasonCode } = await client.check("c", "vu_minute", 1);
const { counters: { state }, problems } = client.status;
say(JSON.stringify([kept, allow, reasonCode, state, problems.map((problem) => problem.code)]));
"""


@pytest.mark.parametrize(("hard_stop", "allow"), [("closed", "false"), ("open", "true")])
def test_node_does_as_the_document_says_while_redis_is_away_and_ends(
    brain: Brain, tmp_path: Path, typescript: Path, hard_stop: str, allow: str
) -> None:
    fails = {"hard_stop": hard_stop}
    brain.activate(document(pools=[pool(behavior="hard_stop")], on_counters_unavailable=fails))
    told = node.ended(node.start(typescript, AWAY, brain.url, "redis://127.0.0.1:1", tmp_path.name))
    assert told == f'[true,{allow},"counters_unavailable","unavailable",["counters_unavailable"]]\n'


STALLED = """
const [url, redisUrl, prefix, directory] = ARGUMENTS;
const counters = new RedisCounters(redisUrl, { prefix, timeoutMs: 200 });
const options = { baseUrl: url, directory, mode: "manual", counters, log: () => undefined, ...SUBJECT };
const client = new Client(options);
await client.refresh();
await client.record("c", "vu_minute", 1);
const pause = () => new Promise((resolve) => setTimeout(resolve, 2));
let [counted, kept] = [1, 0];
say("ready");
for (; kept < 50; counted += 1) {
  if ((await client.record("c", "vu_minute", 1)).kept) kept += 1;
  await pause();
}
say("kept");
while (client.status.counters.kept > 0 || client.status.counters.state !== "ok") await pause();
const reservation = await client.reserve("c", "vu_minute", 1);
await client.commit(reservation);
const { used } = (await client.usage("c")).units.get("vu_minute");
say(JSON.stringify([String(used) === String(counted + 1), client.status.problems.length]));
await counters.close();
"""


def test_what_node_records_while_redis_is_stopped_is_counted_once_when_it_goes_on(
    brain: Brain, tmp_path: Path, typescript: Path
) -> None:
    brain.activate(document())
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as url:
        app = node.start(typescript, STALLED, brain.url, url, tmp_path.name, str(tmp_path))
        assert app.stdout is not None
        assert app.stdout.readline() == "ready\n", app.communicate()
        with redis.Redis.from_url(url) as connection:
            process_id = int(connection.info("server")["process_id"])
        os.kill(process_id, signal.SIGSTOP)
        try:
            assert app.stdout.readline() == "kept\n", app.communicate()
        finally:
            os.kill(process_id, signal.SIGCONT)
        assert node.ended(app) == "[true,0]\n"

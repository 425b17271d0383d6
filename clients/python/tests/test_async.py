"""The face for asyncio: the event loop goes on whatever the counters, the disk or AVS Brain wait for."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from avs_brain_client import AsyncClient, Client, Clock, CounterStore
from avs_brain_client.counters.redis import RedisCounters
from avs_brain_client.counters.sqlite import SqliteCounters
from brain import Brain
from conftest import Connect
from documents import UNIT, document, pool
from servers import redis_server

TURNS = 200
"""How often the loop must come round while a call waits: once would do, if nothing stalled it."""


@pytest.fixture
def capped(brain: Brain) -> Brain:
    brain.activate(document(pools=[pool(included=10, behavior="hard_stop")]))
    return brain


def loaded(connect: Connect, store: CounterStore | None = None) -> Client:
    client = connect(counters=store, clock=Clock())
    client.refresh()
    return client


async def turns_while(waiting: "asyncio.Task[object]") -> int:
    """Let the loop come round while a task waits; how often it did."""
    turns = 0
    while turns < TURNS and not waiting.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_everything_may_be_awaited_and_means_the_same(capped: Brain, connect: Connect, store: CounterStore) -> None:
    async def app() -> None:
        async with AsyncClient(loaded(connect, store)) as client:
            assert await client.wait_until_loaded(30)
            assert (await client.record("c", UNIT, 3, event_id="a")).counted
            assert (await client.record("c", UNIT, 3, event_id="a")).duplicate
            await client.record_event({"event_type": "render", "customer_id": "c", "minutes": 1})
            made = await client.reserve("c", UNIT, 5)
            assert client.check("c", UNIT, 2).reason_code == "hard_stop"
            await client.commit(made, 4)
            await client.release(await client.reserve("c", UNIT, 1))
            assert (await client.check_counted("c", UNIT, 3)).action == "block"
            assert client.check("c", UNIT, 2).allow
            assert (await client.usage("c")).units[UNIT].used == 8
            await client.approve("c", UNIT, approved_by="Ada")
            await client.quality_failed("c", UNIT, "csat", 1)
            assert (await client.status()).events_waiting == 3
            assert await client.flush() == 3
            assert client.state == "fresh"
            assert client.document is not None

    asyncio.run(app())


def test_parallel_tasks_never_overshoot_a_cap(capped: Brain, connect: Connect, store: CounterStore) -> None:
    async def spend(client: AsyncClient) -> bool:
        made = await client.reserve("c", UNIT, 1)
        if made.decision.allow:
            await client.commit(made)
        return made.decision.allow

    async def app() -> list[bool]:
        async with AsyncClient(loaded(connect, store)) as client:
            return await asyncio.gather(*(spend(client) for _ in range(40)))

    assert sum(asyncio.run(app())) == 10


def test_a_check_learns_what_other_processes_counted(capped: Brain, connect: Connect, tmp_path: Path) -> None:
    """It goes by what was seen last, never waits, and has it looked at again meanwhile."""
    path = tmp_path / "counters.sqlite"
    other = loaded(connect, SqliteCounters(path))

    async def app() -> None:
        async with AsyncClient(loaded(connect, SqliteCounters(path))) as client:
            assert client.check("c", UNIT, 10).allow
            other.record("c", UNIT, 10)
            while client.check("c", UNIT, 1).allow:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(app(), 30))


def test_the_loop_goes_on_while_redis_is_stopped(capped: Brain, connect: Connect, tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        pid = int(redis.Redis.from_url(url).info("server")["process_id"])

        async def app() -> None:
            client = AsyncClient(loaded(connect, RedisCounters(url, timeout_ms=20_000)))
            await client.record("c", UNIT, 1)
            with stopped(pid):
                waiting = asyncio.ensure_future(client.record("c", UNIT, 1))
                for _ in range(50):
                    assert client.check("c", UNIT).allow
                assert await turns_while(waiting) == TURNS
            await waiting
            assert (await client.usage("c")).units[UNIT].used == 2
            await client.close()

        asyncio.run(app())


def test_the_loop_goes_on_while_another_process_has_sqlite_locked(
    capped: Brain, connect: Connect, tmp_path: Path
) -> None:
    store = SqliteCounters(tmp_path / "counters.sqlite")
    held, let_go = threading.Event(), threading.Event()

    def lock() -> None:
        other = SqliteCounters(tmp_path / "counters.sqlite")
        with other._file.writing():
            held.set()
            let_go.wait(60)
        other.close()

    async def app() -> None:
        client = AsyncClient(loaded(connect, store))
        locking = threading.Thread(target=lock)
        locking.start()
        held.wait(60)
        waiting = asyncio.ensure_future(client.record("c", UNIT, 1))
        assert await turns_while(waiting) == TURNS
        let_go.set()
        assert (await waiting).counted
        locking.join()
        await client.close()

    asyncio.run(app())


def test_a_child_of_a_process_with_a_loop_has_one_of_its_own(capped: Brain, connect: Connect, tmp_path: Path) -> None:
    client = AsyncClient(loaded(connect, SqliteCounters(tmp_path / "counters.sqlite")))
    asyncio.run(client.record("c", UNIT, 1))
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(60)
            asyncio.run(client.record("c", UNIT, 1))
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    assert asyncio.run(client.usage("c")).units[UNIT].used == 2

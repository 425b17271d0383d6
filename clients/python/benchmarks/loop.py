"""The event loop's longest gap while Redis is stopped and 50 tasks want to record, check and reserve.

    python benchmarks/loop.py            # from clients/python

Beside it the gap of the same loop with nothing to do, which is what the machine alone costs.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import redis

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "src")]

from avs_brain_client import AsyncClient, Client, CountersUnavailable  # noqa: E402
from avs_brain_client.counters.redis import RedisCounters  # noqa: E402
from brain import Brain  # noqa: E402
from documents import SUBJECT, UNIT, document, pool  # noqa: E402
from servers import redis_server  # noqa: E402

TASKS = 50
STOPPED_SECONDS = 3.0
PAUSE_SECONDS = 0.001


async def longest_gap(seconds: float) -> float:
    """In milliseconds, of a task that wants to run every millisecond."""
    longest, last, ends = 0.0, time.perf_counter(), time.perf_counter() + seconds
    while last < ends:
        await asyncio.sleep(PAUSE_SECONDS)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest * 1000


async def busy(client: AsyncClient, number: int, stop: asyncio.Event) -> None:
    while not stop.is_set():
        client.check(f"c{number}", UNIT)
        with suppress(CountersUnavailable):
            await client.record(f"c{number}", UNIT, 1)
            await client.release(await client.reserve(f"c{number}", UNIT, 1))


async def measure(url: str, base_url: str) -> dict[str, float]:
    pid = int(redis.Redis.from_url(url).info("server")["process_id"])
    client = AsyncClient(Client(base_url, mode="manual", counters=RedisCounters(url), **SUBJECT))
    await client.refresh()
    gaps, stop = {"nothing to do": await longest_gap(STOPPED_SECONDS)}, asyncio.Event()
    tasks = [asyncio.ensure_future(busy(client, number, stop)) for number in range(TASKS)]
    gaps["Redis answers"] = await longest_gap(STOPPED_SECONDS)
    os.kill(pid, signal.SIGSTOP)
    gaps["Redis is stopped"] = await longest_gap(STOPPED_SECONDS)
    os.kill(pid, signal.SIGCONT)
    stop.set()
    await asyncio.gather(*tasks)
    await client.close()
    return gaps


def main() -> None:
    brain = Brain()
    brain.activate(document(pools=[pool(included=10**9)]))
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        gaps = asyncio.run(measure(url, brain.url))
    brain.stop()
    for name, gap in gaps.items():
        print(f"{name:<20} {gap:8.1f} ms")


if __name__ == "__main__":
    main()

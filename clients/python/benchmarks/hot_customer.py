"""One hot customer on Redis: several processes that count the same account, as often as they can.

    python benchmarks/hot_customer.py            # from clients/python

Counts per second of wall clock, all processes together, of `check` then `record`, and of `reserve` then `commit`; what
the account holds afterwards must be what they counted. Beside them how much processor time one of them costs its app.
"""

import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tests")]

from avs_brain_client import Client  # noqa: E402
from avs_brain_client.counters.redis import RedisCounters  # noqa: E402
from brain import Brain  # noqa: E402
from documents import STAGE_THRESHOLDS, SUBJECT, UNIT, document, pool, rails  # noqa: E402
from servers import redis_server  # noqa: E402

PROCESSES, COUNTS = 4, 5_000
TARGET_RATE = 5_000


def check_and_record(client: Client) -> None:
    """Look, then count."""
    if client.check("hot", UNIT).allow:
        client.record("hot", UNIT)


def reserve_and_commit(client: Client) -> None:
    """Set aside, then count."""
    client.commit(client.reserve("hot", UNIT))


def connected(brain_url: str, redis_url: str) -> Client:
    """A client whose timeouts are long enough for a machine that is busy with nothing else."""
    counters = RedisCounters(redis_url, timeout_ms=10_000)
    client = Client(brain_url, **SUBJECT, mode="manual", counters=counters)
    client.refresh()
    return client


def work(brain_url: str, redis_url: str, count: Callable[[Client], None], together: Barrier) -> None:
    """What each process does: wait for the others twice, before and after."""
    client = connected(brain_url, redis_url)
    count(client)
    together.wait()
    began = time.process_time()
    for _ in range(COUNTS):
        count(client)
    spent = (time.process_time() - began) / COUNTS
    together.wait()
    print(f"    one process: {spent * 1e6:.0f} µs of its processor each", file=sys.stderr)
    client.close()


def measured(brain_url: str, redis_url: str, count: Callable[[Client], None]) -> float:
    """Counts per second of all processes together."""
    together = multiprocessing.Barrier(PROCESSES + 1)
    arguments = (brain_url, redis_url, count, together)
    processes = [multiprocessing.Process(target=work, args=arguments) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    together.wait()
    began = time.perf_counter()
    together.wait()
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    return PROCESSES * COUNTS / seconds


def main() -> None:
    logging.disable(logging.CRITICAL)
    brain = Brain()
    limits = rails(usage_thresholds=STAGE_THRESHOLDS, monthly_spend_cap_usd=100, at_cap_action="block")
    brain.activate(document(pools=[pool(included=10**9)], rails=limits))
    print(f"Load before: {os.getloadavg()[0]:.1f}\n")
    print("| one customer on Redis, 4 processes | counts/s |\n|---|---:|")
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as url:
        rates = []
        for name, count in (("check + record", check_and_record), ("reserve + commit", reserve_and_commit)):
            rates.append(measured(brain.url, url, count))
            print(f"| {name} | {rates[-1]:,.0f} |", flush=True)
        client = connected(brain.url, url)
        exact = client.usage("hot").units[UNIT].used == 2 * PROCESSES * (COUNTS + 1)
        client.close()
    brain.stop()
    met = exact and max(rates) >= TARGET_RATE
    print(f"\nExact: {exact}. Target: {TARGET_RATE:,} per second: {'met' if met else 'missed'}.")
    sys.exit(not met)


if __name__ == "__main__":
    main()

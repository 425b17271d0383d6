"""`client.check` beside the GrowthBook and Unleash SDKs answering one flag, in one run and one process.

    python benchmarks/check.py            # from clients/python, with `pip install growthbook UnleashClient`

Rates are decisions per second of processor time of one core, the best of several rounds; wall-clock rates beside them
show what else the machine was doing. Latencies are of single calls, the timer's own cost included.
"""

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tests")]

from avs_brain_client import Client  # noqa: E402
from brain import Brain  # noqa: E402
from documents import STAGE_THRESHOLDS, SUBJECT, UNIT, document, pool, rails  # noqa: E402

CUSTOMERS = [f"cust_{number}" for number in range(1_000)]
ROUNDS, CALLS = 7, 100_000
SAMPLES = 200_000
TARGET_RATE, TARGET_P99_US = 500_000, 5.0

Ask = Callable[[str], object]


class Result(NamedTuple):
    """One contender: decisions per second (processor, wall clock) and latencies in microseconds."""

    name: str
    rate: float
    wall_rate: float
    p50: float
    p99: float


def measure(name: str, ask: Ask) -> Result:
    """The best round's rates, and latencies over all samples."""
    rounds = [_round(ask) for _ in range(ROUNDS)]
    latencies = _latencies(ask)
    return Result(
        name,
        max(r for r, _ in rounds),
        max(w for _, w in rounds),
        latencies[SAMPLES // 2],
        latencies[SAMPLES * 99 // 100],
    )


def _round(ask: Ask) -> tuple[float, float]:
    wall, spent = time.perf_counter(), time.thread_time()
    for _ in range(CALLS // len(CUSTOMERS)):
        for customer in CUSTOMERS:
            ask(customer)
    return CALLS / (time.thread_time() - spent), CALLS / (time.perf_counter() - wall)


def _latencies(ask: Ask) -> list[float]:
    clock, found = time.perf_counter_ns, []
    for number in range(SAMPLES):
        customer = CUSTOMERS[number % len(CUSTOMERS)]
        began = clock()
        ask(customer)
        found.append((clock() - began) / 1000)
    return sorted(found)


@contextmanager
def avs(quantity: int | Decimal = 1) -> Iterator[Ask]:
    """Three thresholds, a spend cap, and customers who have used some of their allowance."""
    brain = Brain()
    limits = rails(usage_thresholds=STAGE_THRESHOLDS, monthly_spend_cap_usd=100, at_cap_action="block")
    brain.activate(document(pools=[pool(included=1_000_000)], rails=limits))
    client = Client(brain.url, **SUBJECT, mode="manual")
    client.refresh()
    for number, customer in enumerate(CUSTOMERS):
        client.record(customer, UNIT, number)
    check = client.check
    yield lambda customer: check(customer, UNIT, quantity)
    client.close()
    brain.stop()


def avs_considered() -> AbstractContextManager[Ask]:
    """Decided anew each time, as the first time after a change of the account: a Decimal never takes the short way."""
    return avs(Decimal(1))


@contextmanager
def growthbook() -> Iterator[Ask]:
    """One feature with one targeting rule, evaluated for one user."""
    from growthbook import GrowthBook

    rules = [{"condition": {"plan": "pro"}, "force": True}]
    book = GrowthBook(
        attributes={"id": "c", "plan": "pro"}, features={"render": {"defaultValue": False, "rules": rules}}
    )
    yield lambda customer: book.is_on("render")
    book.destroy()


@contextmanager
def unleash() -> Iterator[Ask]:
    """One toggle with the userWithId strategy, evaluated with a context."""
    from UnleashClient import UnleashClient
    from UnleashClient.cache import FileCache

    with tempfile.TemporaryDirectory() as folder:
        cache = FileCache("benchmark", directory=folder)
        strategy = {"name": "userWithId", "parameters": {"userIds": ",".join(CUSTOMERS[:10])}}
        toggle = {"name": "render", "enabled": True, "strategies": [strategy]}
        cache.bootstrap_from_dict({"version": 1, "features": [toggle]})
        client = UnleashClient(
            "http://127.0.0.1:1", "benchmark", cache=cache, disable_metrics=True, disable_registration=True
        )
        client.initialize_client(fetch_toggles=False)
        yield lambda customer: client.is_enabled("render", {"userId": customer})
        client.destroy()


CONTENDERS = {
    "avs-brain-client check": avs,
    "avs-brain-client check, decided anew": avs_considered,
    "GrowthBook is_on": growthbook,
    "Unleash is_enabled": unleash,
}


def main() -> None:
    logging.disable(logging.CRITICAL)
    print("| | decisions/s of one core | decisions/s, wall clock | p50 µs | p99 µs |")
    print("|---|---:|---:|---:|---:|")
    results = []
    for name, contender in CONTENDERS.items():
        try:
            with contender() as ask:
                results.append(measure(name, ask))
        except ImportError as missing:
            print(f"| {name} | not installed: {missing.name} | | | |")
            continue
        found = results[-1]
        print(
            f"| {name} | {found.rate:,.0f} | {found.wall_rate:,.0f} | {found.p50:.2f} | {found.p99:.2f} |", flush=True
        )
    own = results[0]
    met = own.rate >= TARGET_RATE and own.p99 < TARGET_P99_US
    print(f"\nTarget: {TARGET_RATE:,} per second and core, p99 under {TARGET_P99_US} µs: {'met' if met else 'missed'}.")
    sys.exit(not met)


if __name__ == "__main__":
    main()

"""What a decision, a count and a reservation cost, beside the GrowthBook and Unleash SDKs answering one flag: one run,
one process.

    python benchmarks/check.py            # from clients/python, with `pip install growthbook UnleashClient`

Rates are of processor time of one core, the best of several rounds; wall-clock rates beside them show what else the
machine was doing. Latencies are of single calls, the timer's own cost included, and say more of the client the quieter
the machine is. A decision is new when the customer's account has changed since the one before: every customer records
something between two rounds of checks, outside the time that is measured.
"""

import importlib
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tests"), str(HERE)]


from avs_brain_client import Client, CounterStore, __version__  # noqa: E402
from avs_brain_client.counters.sqlite import SqliteCounters  # noqa: E402
from brain import Brain  # noqa: E402
from documents import EXPORT, STAGE_THRESHOLDS, SUBJECT, UNIT, document, pool, rails, unit  # noqa: E402

CUSTOMERS = [f"cust_{number}" for number in range(1_000)]
ROUNDS, TURNS = 7, 20
"""Rounds of which the best counts; in each, how often all customers are asked for."""

Ask = Callable[[str], object]


class Goal(NamedTuple):
    """At least `rate` a second, and 99 of 100 calls within `p99_us`."""

    rate: float = 0
    p99_us: float = float("inf")


class Result(NamedTuple):
    """Per second of processor and of wall clock, and latencies in microseconds."""

    name: str
    rate: float
    wall_rate: float
    p50_us: float
    p99_us: float

    def meets(self, goal: Goal) -> bool:
        return self.rate >= goal.rate and self.p99_us < goal.p99_us


def measure(name: str, ask: Ask, prepare: Callable[[], object] = lambda: None) -> Result:
    """`prepare` runs before all customers are asked for, unmeasured."""
    rounds = [_round(ask, prepare) for _ in range(ROUNDS)]
    latencies = sorted(_latencies(ask, prepare))
    return Result(
        name,
        max(rate for rate, _ in rounds),
        max(rate for _, rate in rounds),
        latencies[len(latencies) // 2],
        latencies[len(latencies) * 99 // 100],
    )


def _round(ask: Ask, prepare: Callable[[], object]) -> tuple[float, float]:
    wall = spent = 0.0
    for _ in range(TURNS):
        prepare()
        began_wall, began = time.perf_counter(), time.thread_time()
        for customer in CUSTOMERS:
            ask(customer)
        spent += time.thread_time() - began
        wall += time.perf_counter() - began_wall
    calls = TURNS * len(CUSTOMERS)
    return calls / spent, calls / wall


def _latencies(ask: Ask, prepare: Callable[[], object]) -> Iterator[float]:
    clock = time.perf_counter_ns
    for _ in range(TURNS * 5):
        prepare()
        for customer in CUSTOMERS:
            began = clock()
            ask(customer)
            yield (clock() - began) / 1000


PRICE_PLAN = {
    "platform_fee_usd": 49,
    "minimum_commit_usd": 100,
    "prepaid": {"amount_usd": 50, "price_usd": 40, "expires_after_days": 90},
    "unit_prices": [
        {
            "value_unit_id": UNIT,
            "model": "graduated",
            "tiers": [{"up_to": 1_000, "unit_price_usd": 2, "flat_fee_usd": 5}, {"up_to": None, "unit_price_usd": 1}],
        }
    ],
    "overrides": [{"customer_id": name, "platform_fee_usd": 0} for name in CUSTOMERS[::10]],
}
"""Fee, commit, credits and tiers; every tenth customer has a contract."""


@contextmanager
def enforcing(counters: CounterStore | None = None) -> Iterator[Client]:
    """Two units, three thresholds, a spend cap, and customers who have used some of their allowance."""
    limits = rails(usage_thresholds=STAGE_THRESHOLDS, monthly_spend_cap_usd=100, at_cap_action="block")
    pools = [pool(included=1_000_000), pool("pool_export", 1_000_000, value_unit_id=EXPORT)]
    config = document(units=[unit(), unit(EXPORT, event_type="export")], pools=pools, rails=limits)
    with client_of(config, counters) as client:
        yield client


@contextmanager
def by_price_plan() -> Iterator[Client]:
    """A config of two units by a price plan, all use of them beyond the allowance."""
    limits = rails(monthly_spend_cap_usd=10**9, at_cap_action="block")
    pools = [pool(included=1), pool("pool_export", 1, value_unit_id=EXPORT)]
    config = document(units=[unit(), unit(EXPORT, event_type="export")], pools=pools, rails=limits)
    with client_of({**config, "rating_agility": {"price_plan": PRICE_PLAN}}) as client:
        yield client


@contextmanager
def client_of(config: dict[str, Any], counters: CounterStore | None = None) -> Iterator[Client]:
    brain = Brain()
    brain.activate(config)
    client = Client(brain.url, **SUBJECT, mode="manual", counters=counters)
    client.refresh()
    for customer in CUSTOMERS:
        for name in (UNIT, EXPORT, UNIT):
            client.record(customer, name, 1)
            client.check(customer, name)
    yield client
    client.close()
    brain.stop()


def in_memory() -> Iterator[tuple[Result, Goal]]:
    with enforcing() as client:
        check, record, reserve, commit = client.check, client.record, client.reserve, client.commit

        def record_all() -> None:
            for customer in CUSTOMERS:
                record(customer, UNIT)

        def check_and_record(customer: str) -> None:
            check(customer, UNIT)
            record(customer, UNIT)

        yield measure("`check`, decided anew", lambda c: check(c, UNIT), record_all), Goal(250_000, 10)
        yield measure("`check`, nothing happened since", lambda c: check(c, UNIT)), Goal()
        yield measure("`check` and `record`", check_and_record), Goal(100_000)
        yield measure("`reserve` and `commit`", lambda c: commit(reserve(c, UNIT))), Goal(60_000)


def by_plan_in_memory() -> Iterator[tuple[Result, Goal]]:
    with by_price_plan() as client:

        def check_and_record(customer: str) -> None:
            client.check(customer, UNIT)
            client.record(customer, UNIT)

        yield measure("`check` and `record`, by a price plan, in overage", check_and_record), Goal()


def in_sqlite() -> Iterator[tuple[Result, Goal]]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteCounters(Path(folder) / "counters.sqlite", synchronous="NORMAL")
        with enforcing(store) as client:

            def check_and_record(customer: str) -> None:
                client.check(customer, UNIT)
                client.record(customer, UNIT)

            yield measure("`check` and `record`, SQLite (NORMAL)", check_and_record), Goal(20_000)
        store.close()


@contextmanager
def growthbook() -> Iterator[Ask]:
    """One feature with one targeting rule, evaluated for one user."""
    book_type = importlib.import_module("growthbook").GrowthBook
    rules = [{"condition": {"plan": "pro"}, "force": True}]
    book = book_type(
        attributes={"id": "c", "plan": "pro"}, features={"render": {"defaultValue": False, "rules": rules}}
    )
    yield lambda customer: book.is_on("render")
    book.destroy()


@contextmanager
def unleash() -> Iterator[Ask]:
    """One toggle with the userWithId strategy, evaluated with a context."""
    unleash_client = importlib.import_module("UnleashClient")

    with tempfile.TemporaryDirectory() as folder:
        cache = importlib.import_module("UnleashClient.cache").FileCache("benchmark", directory=folder)
        strategy = {"name": "userWithId", "parameters": {"userIds": ",".join(f"cust_{n}" for n in range(10))}}
        toggle = {"name": "render", "enabled": True, "strategies": [strategy]}
        cache.bootstrap_from_dict({"version": 1, "features": [toggle]})
        client = unleash_client.UnleashClient(
            "http://127.0.0.1:1", "benchmark", cache=cache, disable_metrics=True, disable_registration=True
        )
        client.initialize_client(fetch_toggles=False)
        yield lambda customer: client.is_enabled("render", {"userId": customer})
        client.destroy()


CONTENDERS = {"growthbook": ("is_on", growthbook), "UnleashClient": ("is_enabled", unleash)}


def named(package: str, call: str) -> str:
    return f"{package} {version(package)} `{call}`"


def others() -> Iterator[tuple[Result, Goal]]:
    for package, (call, contender) in CONTENDERS.items():
        try:
            with contender() as ask:
                yield measure(named(package, call), ask), Goal()
        except ImportError as missing:
            print(f"| {package} | not installed: {missing.name} | | | | |")


def main() -> None:
    logging.disable(logging.CRITICAL)
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"avs-brain-client {__version__}, Python {platform.python_version()}, load average before: {load}\n")
    print("| | a second of one core | a second, wall clock | p50 µs | p99 µs | goal |")
    print("|---|---:|---:|---:|---:|---|")
    missed = []
    for measured in (in_memory, by_plan_in_memory, in_sqlite, others):
        for result, goal in measured():
            met = result.meets(goal)
            missed += [] if met else [result.name]
            print(f"{line(result)} {verdict(goal, met=met)} |", flush=True)
    print(f"\nLoad average after: {'/'.join(f'{value:.1f}' for value in os.getloadavg())}.")
    print(f"Missed: {', '.join(missed)}." if missed else "Every goal is met.")
    sys.exit(bool(missed))


def line(result: Result) -> str:
    rates = f"{result.rate:,.0f} | {result.wall_rate:,.0f}"
    return f"| {result.name} | {rates} | {result.p50_us:.2f} | {result.p99_us:.2f} |"


def verdict(goal: Goal, *, met: bool) -> str:
    if not goal.rate:
        return ""
    within = f", p99 < {goal.p99_us:.0f}" if goal.p99_us < float("inf") else ""
    return f"{goal.rate:,.0f}{within}: {'met' if met else 'missed'}"


if __name__ == "__main__":
    main()

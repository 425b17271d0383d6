"""What the tests share: a running AVS Brain, clients of it, and a clock that tests set."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from avs_brain_client import Client, Clock, CounterStore, MemoryCounters
from avs_brain_client.clock import microseconds
from avs_brain_client.counters.redis import RedisCounters
from avs_brain_client.counters.sqlite import SqliteCounters
from brain import Brain
from documents import SUBJECT
from servers import redis_server

NOW = datetime(2026, 1, 15, tzinfo=timezone.utc)


class SetClock(Clock):
    """Stands still until it is told; `wall` can jump without `monotonic` knowing."""

    def __init__(self, now: datetime = NOW) -> None:
        self.wall, self.monotonic = microseconds(now), 10**15

    def wall_us(self) -> int:
        return self.wall

    def monotonic_ns(self) -> int:
        return self.monotonic

    def pass_seconds(self, seconds: float) -> None:
        self.wall += int(seconds * 1_000_000)
        self.monotonic += int(seconds * 1_000_000_000)

    def set_wall(self, now: datetime) -> None:
        self.wall = microseconds(now)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def brain() -> Iterator[Brain]:
    found = Brain()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CounterStore]:
    """Each counter store in turn, empty."""
    stores: dict[str, Callable[[], CounterStore]] = {
        "memory": MemoryCounters,
        "sqlite": lambda: SqliteCounters(tmp_path / "counters.sqlite", timeout_ms=30_000),
        "redis": lambda: RedisCounters(request.getfixturevalue("redis_url"), prefix=tmp_path.name, timeout_ms=30_000),
    }
    with contextlib.closing(stores[request.param]()) as found:
        yield found


Connect = Callable[..., Client]


@pytest.fixture
def connect(brain: Brain, clock: SetClock, tmp_path: Path) -> Iterator[Connect]:
    """Make a client of the brain: manual, with the test's clock and folder, unless told otherwise."""
    made: list[Client] = []

    def client(**options: Any) -> Client:
        options = {"mode": "manual", "clock": clock, "directory": tmp_path / "avs", **options}
        made.append(Client(brain.url, **{**SUBJECT, **options}))
        return made[-1]

    yield client
    for found in made:
        found.close()

"""What the tests run in processes of their own: writers that are killed, writers that meet."""

import importlib
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from app.services.usage import importer
from app.services.usage.formats import Rows
from app.services.usage.index import names_of_files
from app.services.usage.origins import Arrival
from app.services.usage.store import EventStore
from app.services.usage.validate import validate
from tests.services.usage.conftest import POLICY, event, put

OLD = [event(f"old{number}", output_minutes=number) for number in range(3)]
NEW = [event(f"new{number}", ts=f"2026-0{number + 1}-01T00:00:00Z", output_minutes=number) for number in range(3)]
SWEPT_AT = datetime(2026, 6, 1, tzinfo=UTC)


def ingest(store: EventStore) -> None:
    put(store, *NEW)
    store.flush("ws_1")


def compact(store: EventStore) -> None:
    with store.maintaining():
        store.compact("ws_1", fan_in=2)


def import_file(store: EventStore) -> None:
    importer.import_file(store, store.root.parent / "new.csv", POLICY)


def undo(store: EventStore) -> None:
    store.undo("bat_old", SWEPT_AT)


def withdraw(store: EventStore) -> None:
    store.withdraw("ws_1", [item["event_id"] for item in OLD])


def replace(store: EventStore) -> None:
    store.replace(validate(Rows.counted([item | {"output_minutes": 77} for item in OLD]), POLICY))


def sweep(store: EventStore) -> None:
    for days in range(2):
        store.sweep(SWEPT_AT + timedelta(days=days), timedelta(days=1))


def reindex(store: EventStore) -> None:
    store.reindex()


def take_out(store: EventStore) -> None:
    with store.index.reading() as connection:
        path = sorted(names_of_files(connection))[0]
    store.take_out(path, SWEPT_AT)


def take_in(store: EventStore) -> None:
    store.take_in(SWEPT_AT)


ACTIONS: dict[str, Callable[[EventStore], None]] = {
    "ingest": ingest, "compact": compact, "import": import_file, "sweep": sweep,
    "undo": undo, "withdraw": withdraw, "replace": replace,
    "reindex": reindex, "take_out": take_out, "take_in": take_in,
}  # fmt: skip


def die(root: Path, action: str, point: str, when: str) -> None:
    """Do an action and be killed before or after the first call of a function of it."""
    owner, name = _resolve(point)
    original = getattr(owner, name)

    def deadly(*arguments: Any, **options: Any) -> None:
        if when == "after":
            original(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)
    ACTIONS[action](EventStore(root))


def _resolve(point: str) -> tuple[Any, str]:
    """`store.EventStore._commit_flush` → the class and the method's name."""
    module, *path, name = point.split(".")
    owner: Any = importlib.import_module(module if module in ("os", "shutil") else f"app.services.usage.{module}")
    for part in path:
        owner = getattr(owner, part)
    return owner, name


def ingest_overlapping(root: Path, seed: int) -> int:
    """40 batches of 25 of the same 500 events, in an order of this process's own, with flushes and sweeps between."""
    store = EventStore(root, flush_rows=100)
    chance = random.Random(seed)
    accepted = 0
    for number in range(40):
        batch = [event(f"e{chance.randrange(500):03}", output_minutes=1) for _ in range(25)]
        accepted += put(store, *batch).accepted
        if number % 10 == 9:
            store.flush("ws_1")
            store.sweep(SWEPT_AT, timedelta(days=1))
    store.close()
    return accepted


def ingest_and_undo(root: Path, seed: int) -> list[str]:
    """20 batches of 10 events each, every other one undone again, with flushes between; returns the ids that stay."""
    store, kept = EventStore(root, flush_rows=50), list[str]()
    for number in range(20):
        names = [f"p{seed}n{number:02}e{place}" for place in range(10)]
        arrival = Arrival(f"bat_{seed}_{number}", "HTTP", SWEPT_AT)
        store.ingest(Rows.counted([event(name, output_minutes=1) for name in names]), POLICY, arrival)
        if number % 2:
            store.undo(arrival.usage_import_id, SWEPT_AT)
        else:
            kept += names
        if number % 5 == 0:
            store.flush("ws_1")
            store.sweep(SWEPT_AT, timedelta(days=1))
    store.close()
    return kept


def processes() -> ForkServerContext:
    """Processes that are forked from a clean one which has already imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "pandas"])
    return context

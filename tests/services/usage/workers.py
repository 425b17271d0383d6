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
from app.services.usage.store import EventStore
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


def sweep(store: EventStore) -> None:
    for days in range(2):
        store.sweep(SWEPT_AT + timedelta(days=days), timedelta(days=1))


ACTIONS: dict[str, Callable[[EventStore], None]] = {
    "ingest": ingest, "compact": compact, "import": import_file, "sweep": sweep,
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


def processes() -> ForkServerContext:
    """Processes that are forked from a clean one which has already imported what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "pandas"])
    return context

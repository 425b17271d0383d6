"""The delivery plane in front of a real product on a real database, which the test writes to on its own connection."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from flask import Flask

from app.delivery.plane import DeliveryPlane
from app.models.base import AnySession, db
from app.models.transactions import write
from app.server import delivering
from tests import factories as f
from tests.delivery import asgi

CONFIG, STREAM, KEYS = "/api/runtime/config", "/api/runtime/stream", "/api/runtime/keys"


def approve(config_version_id: str, later: int = 60, **approval: Any) -> None:
    """Simulate and approve a config on this thread's session: another connection than the plane's."""
    with write(db.session):
        f.simulated(db.session, config_version_id)
        f.approve(db.session, config_version_id, later=later, **approval)


Result = TypeVar("Result")


class Loop:
    """An event loop on a thread of its own; what runs there sees the app context of who asked."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(120)

    def close(self) -> None:
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@dataclass
class Plane:
    """The plane and the loop it runs on; header names are written with underscores."""

    app: DeliveryPlane
    runner: Loop

    def get(self, path: str, query: dict[str, str] | None = None, method: str = "GET", **headers: str) -> asgi.Exchange:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.runner.run(asgi.answer(self.app, path, query or {}, named, method))

    def config(self, **headers: str) -> asgi.Exchange:
        return self.get(CONFIG, f.SUBJECT, **headers)


@pytest.fixture
def runner() -> Iterator[Loop]:
    found = Loop()
    yield found
    found.close()


@pytest.fixture
def plane(app: Flask, session: AnySession, runner: Loop) -> Iterator[Plane]:
    """With `cfg_1` active."""
    with write(session):
        f.foundation(session)
    approve("cfg_1", later=0)
    yield from _running(app, runner)


def _running(app: Flask, runner: Loop) -> Iterator[Plane]:
    found = Plane(delivering(app), runner)
    yield found
    runner.run(found.app.close())

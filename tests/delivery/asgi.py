"""Speaks ASGI to the delivery plane the way a server does: requests, disconnects, chunks as they come."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

App = Callable[..., Awaitable[None]]
PATIENCE_SECONDS = 60


@dataclass
class Exchange:
    """One request under way: its status and headers once they are there, its chunks as they arrive."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Future[None] = field(init=False)
    body: bytes = b""
    asked: bool = False

    async def receive(self) -> dict[str, Any]:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        elif message.get("body"):
            self.body += message["body"]
            self.chunks.put_nowait(message["body"])

    async def event(self) -> dict[str, str]:
        """The next server-sent event; comments are passed over."""
        while True:
            text = (await asyncio.wait_for(self.chunks.get(), PATIENCE_SECONDS)).decode()
            fields = dict(line.split(": ", 1) for line in text.splitlines() if line and not line.startswith(":"))
            if "data" in fields:
                return fields

    async def leave(self) -> None:
        self.left.set()
        await asyncio.wait_for(self.task, PATIENCE_SECONDS)


def begin(app: App, path: str, query: dict[str, str], headers: dict[str, str], method: str = "GET") -> Exchange:
    """Send a request; the exchange's task ends with the answer."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(query).encode(),
        "headers": [
            (name.lower().encode(), value.encode()) for name, value in ({"host": "127.0.0.1:2"} | headers).items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    exchange = Exchange()
    exchange.task = asyncio.ensure_future(app(scope, exchange.receive, exchange.send))
    return exchange


async def answer(app: App, path: str, query: dict[str, str], headers: dict[str, str], method: str = "GET") -> Exchange:
    """A whole exchange."""
    exchange = begin(app, path, query, headers, method)
    await exchange.task
    return exchange

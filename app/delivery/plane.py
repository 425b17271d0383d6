"""The delivery plane: an ASGI callable in front of the product that answers customer apps from memory.

`GET /api/runtime/config` (with 304, encodings and `wait`) and `GET /api/runtime/stream` are answered here. Everything
else, and every request here that is not plainly right, goes on to the product, which says what is wrong with it.
"""

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from app.delivery.documents import Document, Documents, Subject
from app.delivery.hub import Hub, digest_of
from app.services.delivery.current import MAX_WAIT_SECONDS
from rules.enums import Stage, TargetEnvironment

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONFIG, STREAM = "/api/runtime/config", "/api/runtime/stream"
SUBJECT = ("workspace_id", "segment", "stage", "target_environment")
HEARTBEAT_SECONDS = 15.0
HEARTBEAT = b": hb\n\n"
STREAM_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class DeliveryPlane:
    """Wraps the product's own ASGI callable; `token` is what every request must present, None when all may read."""

    def __init__(self, product: App, documents: Documents, token: str | None) -> None:
        self.product, self.documents = product, documents
        self._hub = Hub(documents)
        self._token = None if token is None else token.encode()
        self._answers = {CONFIG: self._config, STREAM: self._stream}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        answer = self._answers.get(scope["path"])
        if answer is None or scope["type"] != "http" or scope["method"] != "GET":
            await self.product(scope, receive, send)
            return
        asked = _asked(scope["query_string"], scope["path"])
        headers = dict(scope["headers"])
        if asked is None or not self._may_read(headers):
            await self.product(scope, receive, send)
            return
        await answer(asked, headers, scope, receive, send)

    async def _config(
        self, asked: "Asked", headers: dict[bytes, bytes], scope: Scope, receive: Receive, send: Send
    ) -> None:
        subject, wait = asked
        document = await self.documents.get(subject)
        if wait and document is not None and _matches(headers.get(b"if-none-match", b""), document):
            gone = asyncio.ensure_future(_disconnected(receive))
            try:
                document = await self._hub.changed(subject, digest_of(document), wait, gone) or document
            finally:
                gone.cancel()
        if document is None:
            await self.product(scope, receive, send)
            return
        variant = document.variant(_encoding(headers.get(b"accept-encoding", b"")))
        condition = headers.get(b"if-none-match", b"")
        if condition == variant.etag or _matches(condition, document):
            await _send(send, 304, variant.not_modified, b"")
        else:
            await _send(send, 200, variant.headers, variant.body)

    async def _stream(
        self, asked: "Asked", headers: dict[bytes, bytes], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """One event for the document now, unless `Last-Event-ID` names it, and one for each that follows."""
        subject, _ = asked
        if await self.documents.get(subject) is None:
            await self.product(scope, receive, send)
            return
        last = headers.get(b"last-event-id", b"").decode("latin-1")
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
            await _part(send, HEARTBEAT)
            while not gone.done():
                document = await self._hub.changed(subject, last, HEARTBEAT_SECONDS, gone)
                last = last if document is None else digest_of(document)
                if not gone.done():
                    await _part(send, HEARTBEAT if document is None else document.event)
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    def _may_read(self, headers: dict[bytes, bytes]) -> bool:
        if self._token is None:
            return True
        scheme, _, presented = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"basic":
            presented = _password(presented)
        return hmac.compare_digest(presented, self._token)

    async def close(self) -> None:
        """Stop watching and leave the database."""
        await self._hub.close()
        await self.documents.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.close()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return


Asked = tuple[Subject, float]
"""A subject, and how many seconds the client is ready to wait for another document."""


@lru_cache(maxsize=10_000)
def _asked(query: bytes, path: str) -> Asked | None:
    """None for any query that is not plainly right: the product explains those."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(pairs)
    wait = given.pop("wait", "0") if path == CONFIG else "0"
    if len(given) != len(pairs) - ("wait" in dict(pairs) and path == CONFIG) or set(given) != set(SUBJECT):
        return None
    closed = given["stage"] in tuple(Stage) and given["target_environment"] in tuple(TargetEnvironment)
    if not closed or not wait.isdecimal() or int(wait) > MAX_WAIT_SECONDS or not all(given.values()):
        return None
    workspace_id, segment, stage, environment = (given[name] for name in SUBJECT)
    return (workspace_id, segment, stage, environment), float(wait)


@lru_cache(maxsize=1_000)
def _encoding(accepted: bytes) -> bytes:
    """The best of what a client takes: br, gzip, or as it is (empty)."""
    offers = {}
    for part in accepted.lower().split(b","):
        name, _, parameter = part.partition(b";")
        offers[name.strip()] = parameter.strip() not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return next((name for name in (b"br", b"gzip") if offers.get(name)), b"")


def _matches(condition: bytes, document: Document) -> bool:
    """Whether If-None-Match names the document in any of its encodings."""
    if not condition:
        return False
    digest = document.current.digest.encode()
    tags = (part.strip().removeprefix(b"W/").strip(b'"') for part in condition.split(b","))
    return condition.strip() == b"*" or any(tag.partition(b"-")[0] == digest for tag in tags)


def _password(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except ValueError:
        return b""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _part(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})

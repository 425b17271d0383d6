"""The delivery plane: an ASGI callable in front of the product that answers customer apps from memory.

It answers `GET /api/runtime/config` (with 304, encodings and `wait`), `GET /api/runtime/stream`, and `/healthz` and
`/readyz`, which have to be answered whatever the product is busy with. Every other request, and each of these that is
not plainly valid, goes to the product, which explains what is wrong with it.
"""

import asyncio
import base64
import hmac
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

from app.answer_headers import PAIRS
from app.delivery.documents import Document, Documents, Header, Subject
from app.delivery.envelope import enveloped, said, speaks_known_version
from app.delivery.hub import Hub, digest_of
from app.delivery.warmth import Warmth
from app.errors import PROBLEM_TYPE, Unavailable
from app.hosts import TrustedHosts, is_admitted
from app.models.config_version import SUBJECT_FIELDS
from app.services.delivery.current import MAX_WAIT_SECONDS
from rules.enums import Stage, TargetEnvironment
from simulation.canonical import Json, JsonObject, canonical_bytes

Message = dict[str, Json]
"""An ASGI message: `type` and what that type carries."""
Scope = dict[str, Json]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Mapping[bytes, bytes]

CONFIG, STREAM = "/api/runtime/config", "/api/runtime/stream"
HEALTH, READY = "/healthz", "/readyz"
PROBES = frozenset({HEALTH, READY})
ALIVE: JsonObject = {"status": "ok"}
Report = Callable[[], tuple[int, JsonObject]]
HEARTBEAT_SECONDS = 15.0
COME_BACK_MS = (500, 3_000)
HEARTBEAT = b": hb\n\n"
STREAM_HEADERS = [
    *PAIRS,
    (b"content-type", b"text/event-stream"),
    (b"x-accel-buffering", b"no"),
]


class ConfigRequest(NamedTuple):
    """A subject, and for how many seconds the client will wait for another document than the one it has."""

    subject: Subject
    wait_seconds: float


class DeliveryPlane:
    """Wraps the product's own ASGI callable; `token` is what every request must present, None when all may read.

    `hosts` are those that a request may be addressed to. `report` gives the status and the document of `/readyz`; it
    may block, but not for long. `warmth` keeps every active document in memory while a server runs. `origins` are those
    whose pages may read answers of the API (`app.cors`).
    """

    def __init__(
        self,
        product: App,
        documents: Documents,
        token: str | None,
        hosts: TrustedHosts,
        report: Report,
        warmth: Warmth,
        origins: frozenset[str] = frozenset(),
    ) -> None:
        self.product, self.documents, self._hosts, self._origins = product, documents, hosts, origins
        self._report, self._reporters = report, ThreadPoolExecutor(1, thread_name_prefix="avs-readyz")
        self._hub, self.warmth = Hub(documents), warmth
        self._token = None if token is None else token.encode()
        self._answers = {CONFIG: self._config, STREAM: self._stream}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        answer = self._answers.get(scope["path"])
        if scope["path"] in PROBES and scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            await self._probe(scope, receive, send)
            return
        if answer is None or scope["type"] != "http" or scope["method"] != "GET":
            await self._hand_on(scope, receive, send)
            return
        config_request = _parsed(scope["query_string"], scope["path"])
        headers = dict(scope["headers"])
        is_plain = config_request is not None and speaks_known_version(headers)
        if config_request is None or not is_plain or not self._is_for_us(headers) or not self._may_read(headers):
            await self._hand_on(scope, receive, send)
            return
        try:
            await answer(config_request, headers, scope, receive, send)
        except Unavailable as refusal:  # raised before anything was sent
            await _refuse(send, refusal, self._said(headers))

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the product answer, with what every answer carries."""
        if scope["type"] == "http":
            scope, send = enveloped(scope, send, self._origins)
        await self.product(scope, receive, send)

    def _said(self, headers: Headers) -> list[Header]:
        return said(headers, self._origins, of_api=True)

    async def _probe(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer to `/healthz`, that the process lives, or to `/readyz`, what of the product is there."""
        headers = dict(scope["headers"])
        if not self._is_for_us(headers):
            await self._hand_on(scope, receive, send)
            return
        status, document = 200, ALIVE
        if scope["path"] == READY:
            status, document = await asyncio.get_running_loop().run_in_executor(self._reporters, self._report)
        await _send_json(send, status, document, b"application/json", *said(headers, self._origins, of_api=False))

    async def _config(
        self, config_request: ConfigRequest, headers: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """The document, or 304 when the client has it; with `wait` after so many seconds, or as soon as it changes."""
        subject, wait_seconds = config_request
        document = await self.documents.get(subject)
        if wait_seconds and document is not None and _matches(headers.get(b"if-none-match", b""), document):
            gone = asyncio.ensure_future(_disconnected(receive))
            try:
                document = await self._hub.changed(subject, digest_of(document), wait_seconds, gone) or document
            finally:
                gone.cancel()
        if document is None:
            await self._hand_on(scope, receive, send)
            return
        variant = document.variant(_encoding(headers.get(b"accept-encoding", b"")))
        condition = headers.get(b"if-none-match", b"")
        if condition == variant.etag or _matches(condition, document):
            await _send(send, 304, [*variant.not_modified, *self._said(headers)], b"")
        else:
            await _send(send, 200, [*variant.headers, *self._said(headers)], variant.body)

    async def _stream(
        self, config_request: ConfigRequest, headers: Headers, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """One event for the current document, unless `Last-Event-ID` names it, and one for each that follows."""
        subject = config_request.subject
        if await self.documents.get(subject) is None:
            await self._hand_on(scope, receive, send)
            return
        last = headers.get(b"last-event-id", b"").decode("latin-1")
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            begun = [*STREAM_HEADERS, *self._said(headers)]
            await send({"type": "http.response.start", "status": 200, "headers": begun})
            await _part(send, HEARTBEAT)
            while not gone.done() and not self._hub.is_draining:
                document = await self._hub.changed(subject, last, HEARTBEAT_SECONDS, gone)
                last = last if document is None else digest_of(document)
                if not gone.done():
                    await _part(send, HEARTBEAT if document is None else document.event)
            if self._hub.is_draining:
                await _part(send, _come_back())
            await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()

    def _is_for_us(self, headers: Headers) -> bool:
        """Whether the request is addressed to a host that this server is."""
        return is_admitted(self._hosts, headers.get(b"host", b"").decode("latin-1"))

    def _may_read(self, headers: Headers) -> bool:
        return presents(headers, self._token)

    def drain(self) -> None:
        """Let listeners go: long polls are answered as if their time were over, streams are told when to come back."""
        self._hub.drain()

    async def close(self) -> None:
        """Stop the watchers and close the connection to the database."""
        await self.warmth.close()
        await self._hub.close()
        await self.documents.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Complete the server's startup and its shutdown, which closes the plane."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.warmth.start()
            if message["type"] == "lifespan.shutdown":
                await self.close()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return


@lru_cache(maxsize=10_000)
def _parsed(query: bytes, path: str) -> ConfigRequest | None:
    """The request in a query string; None for any that is not plainly valid, which the product explains."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    fields = dict(pairs)
    repeats_a_field = len(fields) != len(pairs)
    wait = fields.pop("wait", "0") if path == CONFIG else "0"
    if repeats_a_field or set(fields) != set(SUBJECT_FIELDS) or not all(fields.values()):
        return None
    is_in_enums = fields["stage"] in tuple(Stage) and fields["target_environment"] in tuple(TargetEnvironment)
    if not is_in_enums or not wait.isdecimal() or int(wait) > MAX_WAIT_SECONDS:
        return None
    workspace_id, segment, stage, environment = (fields[name] for name in SUBJECT_FIELDS)
    return ConfigRequest((workspace_id, segment, stage, environment), float(wait))


@lru_cache(maxsize=1_000)
def _encoding(accepted: bytes) -> bytes:
    """The best encoding that a client accepts: br, gzip, or none (empty)."""
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


def presents(headers: Headers, token: bytes | None) -> bool:
    """Whether the headers carry the token, as a bearer token or as the password of HTTP basic authentication."""
    if token is None:
        return True
    scheme, _, presented = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        presented = _password(presented)
    return hmac.compare_digest(presented, token)


def _password(encoded: bytes) -> bytes:
    """The password in the credentials of HTTP basic authentication; empty when they cannot be decoded."""
    try:
        return base64.b64decode(encoded, validate=True).partition(b":")[2]
    except ValueError:
        return b""


async def _disconnected(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, status: int, headers: list[Header], body: bytes) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_json(send: Send, status: int, document: JsonObject, content_type: bytes, *more: Header) -> None:
    """Send a document as a whole response that nobody keeps."""
    body = canonical_bytes(document)
    length = str(len(body)).encode()
    await _send(send, status, [*PAIRS, (b"content-type", content_type), (b"content-length", length), *more], body)


async def _refuse(send: Send, refusal: Unavailable, more: list[Header]) -> None:
    """Send a refusal as problem details, with the moment to come again."""
    retry = (b"retry-after", str(refusal.retry_after_seconds).encode())
    problem = refusal.as_problem() | {"request_id": more[0][1].decode()}
    await _send_json(send, refusal.status, problem, PROBLEM_TYPE.encode(), retry, *more)


def _come_back() -> bytes:
    """The last words of a stream: when its reader tries again; readers come back spread over a few seconds."""
    return b"retry: %d\n\n" % random.randint(*COME_BACK_MS)  # noqa: S311  no secret


async def _part(send: Send, text: bytes) -> None:
    """Send a piece of a stream."""
    await send({"type": "http.response.body", "body": text, "more_body": True})

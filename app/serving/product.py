"""The product behind the event loop: Flask on a few threads, which only ever work and never wait for a client.

A request gets a thread once its body is whole, and gives it back once its answer is: what clients send and take
slowly waits in the spool.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from io import BytesIO
from typing import Any

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi_typing import Environ, IterableChunks, StartResponse, WSGIApp

from app.delivery.plane import Message, Receive, Scope, Send
from app.errors import Unavailable
from app.limits import Limits
from app.request_ids import sent_id
from app.serving.answers import Outbox
from app.serving.bodies import Body, ClientGone, disconnected, read
from app.serving.pace import Pace
from app.serving.refusals import busy, refuse, too_slow
from app.serving.spool import Spool
from app.unavailable import refusal_of_failure

QUEUE_PLACES = 512
"""Requests of one process that may wait for a thread; the next one is refused at once."""

_body: ContextVar[Body] = ContextVar("body")
_logger = logging.getLogger(__name__)


class Product:
    """The ASGI callable of the product.

    `limit_of` gives the bytes that a request's body may have; `met` is told of trouble with the disk.
    """

    def __init__(
        self,
        wsgi_app: WSGIApp,
        limits: Limits,
        limit_of: Callable[[Scope], int],
        spool: Spool,
        met: Callable[[Unavailable, BaseException], None],
    ) -> None:
        self._limits, self._limit_of, self._spool, self._met = limits, limit_of, spool, met
        self._on_threads: Any = WSGIMiddleware(_reading_whole_bodies(wsgi_app), workers=limits.threads)
        self._threads = asyncio.Semaphore(limits.threads)
        self._queued = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pace = Pace(self._limits.client_seconds)
        try:
            body = await self._body(scope, receive, pace)
        except ClientGone:
            return
        except TimeoutError:
            await refuse(scope, send, too_slow())
            return
        except OSError as error:
            await refuse(scope, send, self._trouble(error))
            return
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            if await self._thread(gone):
                await self._answer(scope, body, send)
            elif not gone.done():
                await refuse(scope, send, busy())
        finally:
            gone.cancel()
            self._spool.close(body.content)

    async def _body(self, scope: Scope, receive: Receive, pace: Pace) -> Body:
        """The body; one that is announced as too large is left alone, and the product says so."""
        limit = self._limit_of(scope)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            return Body(BytesIO(), int(announced))
        return await read(receive, limit, pace, self._spool)

    def _trouble(self, error: OSError) -> Unavailable:
        """The refusal of what the disk does not take; raises the error again where it is a fault."""
        refusal = refusal_of_failure(error)
        if refusal is None:
            raise error
        self._met(refusal, error)
        return refusal

    async def _thread(self, gone: asyncio.Future[None]) -> bool:
        """Wait for a thread; False when none became free in time, too many wait already, or the client has gone."""
        if self._queued >= QUEUE_PLACES:
            return False
        self._queued += 1
        mine = asyncio.ensure_future(self._threads.acquire())
        try:
            await asyncio.wait((mine, gone), timeout=self._limits.queue_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._queued -= 1
        if gone.done() and mine.done():
            self._threads.release()
        elif not mine.done():
            mine.cancel()
        return mine.done() and not gone.done()

    async def _answer(self, scope: Scope, body: Body, send: Send) -> None:
        """Work on the request, and bring the client its answer while and after it is made."""
        outbox = Outbox(send, Pace(self._limits.client_seconds), self._spool)
        delivery = asyncio.create_task(outbox.deliver())
        _body.set(body)
        try:
            await self._on_threads(scope, _nothing_more, outbox.put)
        except BaseException:
            delivery.cancel()
            raise
        finally:
            self._threads.release()
        try:
            await delivery
        except TimeoutError:
            named = scope["path"], sent_id(scope["headers"])
            _logger.info("Gave up a client that did not take its answer to %s [request %s]", *named)
        except OSError as error:
            self._trouble(error)


def _reading_whole_bodies(wsgi_app: WSGIApp) -> WSGIApp:
    """The WSGI callable, which finds the request's body whole and its length known, however it was sent."""

    def call(request: Environ, start_response: StartResponse) -> IterableChunks:
        body = _body.get()
        request["wsgi.input"] = body.content
        request["wsgi.errors"] = sys.stderr
        request["CONTENT_LENGTH"] = str(body.size)
        request.pop("HTTP_TRANSFER_ENCODING", None)  # type: ignore[typeddict-item]
        return wsgi_app(request, start_response)

    return call


async def _nothing_more() -> Message:
    """What a2wsgi would read the body with; the product reads it from its file."""
    return {"type": "http.request", "body": b"", "more_body": False}

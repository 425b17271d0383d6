"""Answers of the product on their way to clients: a thread never waits for one that reads slowly."""

import asyncio
from collections import deque
from typing import BinaryIO, NamedTuple

from app.delivery.plane import Message, Send
from app.serving.pace import Pace
from app.serving.spool import PIECE, Spool, write_all


class Stored(NamedTuple):
    """The bytes that follow next in the outbox's file, by their number."""

    file: BinaryIO
    size: int


class Outbox:
    """What a client has not taken yet of one answer, in order: messages, and the lengths of those on disk."""

    def __init__(self, send: Send, pace: Pace, spool: Spool) -> None:
        self._send, self._pace, self._spool = send, pace, spool
        self._waiting: deque[Message | Stored] = deque()
        self._arrived = asyncio.Event()
        self._held, self._written, self._read = 0, 0, 0
        self._file: BinaryIO | None = None
        self._is_closed = False
        self._failure: OSError | None = None

    async def put(self, message: Message) -> None:
        """Take a message of the product; nothing is kept for a client that was given up, or where the disk is full."""
        body = _body(message)
        if self._is_closed:
            return
        if self._held + len(body) <= self._spool.piece or not message.get("more_body"):
            self._hold(len(body))
            self._waiting.append(message)
        else:
            await self._store(body)
        self._arrived.set()

    async def _store(self, body: bytes) -> None:
        try:
            if self._file is None:
                self._file = await self._spool.on_disk(self._spool.open)
            await self._spool.on_disk(self._write, self._file, body)
            self._waiting.append(Stored(self._file, len(body)))
        except OSError as error:
            self._failure = error
            self.close()

    def _write(self, file: BinaryIO, body: bytes) -> None:
        file.seek(self._written)
        write_all(file, body)
        self._written += len(body)

    async def deliver(self) -> None:
        """Send everything, until the last message; the outbox is closed then.

        Raises TimeoutError for a client that is too slow, and OSError when the disk did not take or give the answer.
        """
        try:
            while True:
                message = await self._next()
                size = len(_body(message))
                await self._pace.within(self._send(message))
                self._pace.moved(size)
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    return
        finally:
            self.close()

    async def _next(self) -> Message:
        while not self._waiting:
            if self._is_closed:
                raise self._failure or OSError("The answer was given up.")
            self._arrived.clear()
            await self._arrived.wait()
        message = self._waiting.popleft()
        if not isinstance(message, Stored):
            self._hold(-len(_body(message)))
            return message
        size = min(message.size, PIECE)
        if message.size > size:
            self._waiting.appendleft(Stored(message.file, message.size - size))
        content = await self._spool.on_disk(self._read_next, message.file, size)
        return {"type": "http.response.body", "body": content, "more_body": True}

    def _read_next(self, file: BinaryIO, size: int) -> bytes:
        file.seek(self._read)
        content = file.read(size)
        self._read += len(content)
        return content

    def _hold(self, size: int) -> None:
        self._held += size
        self._spool.held += size

    def close(self) -> None:
        """Free memory and disk; what comes now is dropped."""
        self._is_closed = True
        self._hold(-self._held)
        self._waiting.clear()
        self._arrived.set()
        if self._file is not None:
            self._spool.close(self._file)
            self._file = None


def _body(message: Message) -> bytes:
    body: bytes = message.get("body", b"")
    return body

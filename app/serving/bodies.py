"""Bodies of requests: read whole in the event loop, before a thread of the product is taken."""

import asyncio
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from app.delivery.plane import Receive
from app.serving.pace import Pace
from app.serving.spool import Spool, write_all


class ClientGone(Exception):
    """The client closed its connection before its request was whole."""


@dataclass(frozen=True)
class Body:
    """The body of one request, from its start. `size` is in bytes; of one beyond its limit only what was read."""

    content: BinaryIO
    size: int


async def read(receive: Receive, limit: int, pace: Pace, spool: Spool) -> Body:
    """Read the body; beyond `limit` bytes reading stops, and none of it is kept.

    Raises TimeoutError for a client that is too slow, ClientGone, and OSError when the disk does not take it.
    """
    gathering = _Gathering(spool)
    try:
        while True:
            message = await pace.within(receive())
            if message["type"] == "http.disconnect":
                raise ClientGone
            piece: bytes = message.get("body", b"")
            pace.moved(len(piece))
            gathering.add(piece)
            if gathering.size > limit:
                gathering.drop()
                return Body(BytesIO(), gathering.size)
            if not message.get("more_body", False):
                return Body(await gathering.whole(), gathering.size)
            await gathering.settle()
    except BaseException:
        gathering.drop()
        raise


class _Gathering:
    """A body as it comes in: the bytes in memory, and the file of those before them when there are many."""

    def __init__(self, spool: Spool) -> None:
        self._spool, self._recent = spool, bytearray()
        self._file: BinaryIO | None = None
        self.size = 0

    def add(self, piece: bytes) -> None:
        self._recent += piece
        self._spool.held += len(piece)
        self.size += len(piece)

    async def settle(self) -> None:
        """Move to disk what is too much for memory."""
        if len(self._recent) >= self._spool.piece:
            await self._to_disk()

    async def _to_disk(self) -> None:
        if self._file is None:
            self._file = await self._spool.on_disk(self._spool.open)
        recent = bytes(self._recent)
        self._forget()
        await self._spool.on_disk(write_all, self._file, recent)

    async def whole(self) -> BinaryIO:
        if self._file is None:
            content = BytesIO(self._recent)
            self._forget()
            return content
        if self._recent:
            await self._to_disk()
        await self._spool.on_disk(self._file.seek, 0)
        return self._file

    def _forget(self) -> None:
        self._spool.held -= len(self._recent)
        self._recent = bytearray()

    def drop(self) -> None:
        """Free memory and disk."""
        self._forget()
        if self._file is not None:
            self._spool.close(self._file)


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone; what else it sends is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        await asyncio.sleep(0)

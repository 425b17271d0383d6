"""The documents in memory, each with its signature and its encodings, loaded again as soon as anything changed."""

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import brotli

from app.delivery.freshness import Freshness, Token
from app.services.delivery.current import Current, stream_event

Subject = tuple[str, str, str, str]
Header = tuple[bytes, bytes]

ENCODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"": lambda body: body,
    b"gzip": lambda body: gzip.compress(body, mtime=0),
    b"br": brotli.compress,
}
AGAIN = timedelta(seconds=1)
MAX_SUBJECTS = 10_000
"""Kept at once; the oldest goes first. At 3 kB in three encodings that is about 60 MB."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One encoding, ready to send: the header lists of the 200 and the 304, and the body."""

    etag: bytes
    body: bytes
    headers: list[Header]
    not_modified: list[Header]


@dataclass(frozen=True)
class Document:
    """What a subject's apps should enforce now; `variants` fills up as encodings are asked for."""

    current: Current
    variants: dict[bytes, Variant] = field(default_factory=dict)

    def variant(self, encoding: bytes) -> Variant:
        found = self.variants.get(encoding)
        if found is None:
            found = self.variants[encoding] = _variant(self.current, encoding)
        return found

    @cached_property
    def event(self) -> bytes:
        """What every stream sends when this becomes active; made once for all listeners."""
        return stream_event(self.current)


@dataclass(slots=True)
class _Entry:
    token: Token
    document: Document | None
    due_at: datetime | None
    read_at: datetime


class Documents:
    """`get` is the one door. `load` reads a subject from the database, promotes what is due, and may block."""

    def __init__(
        self,
        freshness: Freshness,
        load: Callable[[Subject], tuple[Current | None, datetime | None]],
        now: Callable[[], datetime],
    ) -> None:
        self._freshness, self._load, self._now = freshness, load, now
        self._entries: dict[Subject, _Entry] = {}
        self._loading: dict[tuple[Subject, Token], asyncio.Task[_Entry]] = {}

    async def get(self, subject: Subject) -> Document | None:
        """The active document as of this call, None when nothing is active."""
        token = await self._freshness.token()
        entry = self._entries.get(subject)
        if entry is None or entry.token != token or self._is_due(entry):
            entry = await self._loaded(subject, token)
        return entry.document

    def _is_due(self, entry: _Entry) -> bool:
        """An approved config's moment came since the entry was read; one held back by a gate is tried each second."""
        now = self._now()
        if entry.due_at is None or entry.due_at > now:
            return False
        return entry.read_at < entry.due_at or now - entry.read_at > AGAIN

    async def _loaded(self, subject: Subject, token: Token) -> _Entry:
        key = (subject, token)
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._read(subject, token))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(task)

    async def _read(self, subject: Subject, token: Token) -> _Entry:
        read_at = self._now()
        current, due_at = await asyncio.to_thread(self._load, subject)
        before = self._entries.pop(subject, None)
        document = before.document if before else None
        if current is None or document is None or document.current != current:
            document = None if current is None else Document(current)
        entry = self._entries[subject] = _Entry(token, document, due_at, read_at)
        while len(self._entries) > MAX_SUBJECTS:
            self._entries.pop(next(iter(self._entries)))
        return entry

    async def close(self) -> None:
        await self._freshness.close()


def _variant(current: Current, encoding: bytes) -> Variant:
    suffix = b"-" + encoding if encoding else b""
    etag = b'"' + current.digest.encode() + suffix + b'"'
    body = ENCODERS[encoding](current.document)
    common = [
        (b"etag", etag),
        (b"cache-control", b"no-cache"),
        (b"vary", b"accept-encoding"),
        (b"avs-signature", current.signature.encode()),
        (b"avs-config-version-id", current.config_version_id.encode()),
    ]
    content = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if encoding:
        content.append((b"content-encoding", encoding))
    return Variant(etag, body, common + content, common)

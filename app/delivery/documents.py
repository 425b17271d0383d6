"""The documents in memory, each with its signature and its encodings; read again after any commit."""

import asyncio
import gzip
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol

import brotli

from app.answer_headers import PAIRS
from app.delivery.freshness import Freshness, Token
from app.errors import Unavailable
from app.services.delivery.current import Current, stream_event
from app.unavailable import AWAY, Store, refusal_of_failure, unavailable

Subject = tuple[str, str, str, str]
"""The values of SUBJECT_FIELDS."""
Header = tuple[bytes, bytes]

ENCODERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"": lambda body: body,
    b"gzip": lambda body: gzip.compress(body, mtime=0),
    b"br": brotli.compress,
}
RETRY_AFTER = timedelta(seconds=1)
"""How long a config that is due, and that no reading could carry out, waits for the next attempt."""
LOOK_AGAIN_SECONDS = 0.5
"""How often a database that could not be read is tried again; meanwhile apps get what is in memory."""
READ_SECONDS = 8.0
"""How long a reading may take. Promoting what is due waits for a lock as long as a request does."""
KEPT_BUT_ASKED_FOR = [pair for pair in PAIRS if pair[0] != b"cache-control"] + [(b"cache-control", b"no-cache")]
"""The headers of every answer; a document is kept, and asked for each time."""
MAX_SUBJECTS = 10_000
"""How many are kept at once; the oldest goes first. At 3 kB in three encodings that is about 60 MB."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A document in one encoding, ready to send: the body, and the headers of the answers 200 and 304."""

    etag: bytes
    body: bytes
    headers: list[Header]
    not_modified: list[Header]


@dataclass(frozen=True)
class Document:
    """The document that a subject's apps should enforce now; `variants` holds the encodings requested so far."""

    current: Current
    variants: dict[bytes, Variant] = field(default_factory=dict)

    def variant(self, encoding: bytes) -> Variant:
        """The document in one of `ENCODERS`, encoded at the first request."""
        variant = self.variants.get(encoding)
        if variant is None:
            variant = self.variants[encoding] = _variant(self.current, encoding)
        return variant

    @cached_property
    def event(self) -> bytes:
        """The event that every stream sends when the document becomes active; built once for all listeners."""
        return stream_event(self.current)


@dataclass(slots=True)
class _Entry:
    """A reading of a subject: the token that it was made under, its time, and when the next approved config is due."""

    token: Token
    document: Document | None
    due_at: datetime | None
    read_at: datetime


class Met(Protocol):
    """Who is told of an outage: the refusal, its cause, and how many requests were refused for it."""

    def __call__(self, refusal: Unavailable, error: BaseException, *, requests: int) -> None: ...


def _ignored(refusal: Unavailable, error: BaseException, *, requests: int) -> None:
    """Tell nobody of an outage."""


class Documents:
    """The active documents by subject. `load` reads one from the database, promotes what is due, and may block.

    While the database cannot be read, they are those that were read last: nobody can approve anything meanwhile.
    `met` is told of each failure to read it.
    """

    def __init__(
        self,
        freshness: Freshness,
        load: Callable[[Subject], tuple[Current | None, datetime | None]],
        now: Callable[[], datetime],
        met: Met = _ignored,
    ) -> None:
        self._freshness, self._load, self._now, self._met = freshness, load, now, met
        self._entries: dict[Subject, _Entry] = {}
        self._loading: dict[tuple[Subject, Token], asyncio.Task[_Entry]] = {}
        self._trouble: Unavailable | None = None
        self._looker: asyncio.Task[None] | None = None

    async def get(self, subject: Subject) -> Document | None:
        """The active document as of this call, None when nothing is active.

        Raises Unavailable (503) when the database cannot be read and the subject is not in memory.
        """
        if self._trouble is None:
            try:
                return await self._get(subject)
            except Exception as error:
                self._trouble = self._told(error)
                self._look()
        entry = self._entries.get(subject)
        if entry is None:
            raise replace(self._trouble)
        return entry.document

    def _told(self, error: Exception) -> Unavailable:
        """The trouble of the database; raises the error again where it is another one."""
        refusal = refusal_of_failure(error, Store.DATABASE)
        if refusal is None:
            raise error
        self._met(refusal, error, requests=0)
        return refusal

    def _look(self) -> None:
        if self._looker is None or self._looker.done():
            self._looker = asyncio.create_task(self._look_until_well())

    async def _look_until_well(self) -> None:
        """Look whether the database can be read again; until it is, every subject is served from memory."""
        while self._trouble is not None:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            with suppress(Exception):
                await self._freshness.token()
                self._trouble = None

    async def token(self) -> Token:
        """The token now; None while the database cannot be read."""
        if self._trouble is None:
            try:
                return await self._freshness.token()
            except Exception as error:
                self._trouble = self._told(error)
                self._look()
        return None

    def digest_in_memory(self, subject: Subject) -> str | None:
        """The digest of the subject's document in memory; None without one."""
        entry = self._entries.get(subject)
        return None if entry is None or entry.document is None else entry.document.current.digest

    async def _get(self, subject: Subject) -> Document | None:
        token = await self._freshness.token()
        entry = self._entries.get(subject)
        if entry is None or entry.token != token or self._is_due(entry):
            entry = await self._loaded(subject, token)
        return entry.document

    def _is_due(self, entry: _Entry) -> bool:
        """Whether a moment of an approved config came after the reading; what was not carried out is tried again."""
        now = self._now()
        if entry.due_at is None or entry.due_at > now:
            return False
        return entry.read_at < entry.due_at or now - entry.read_at > RETRY_AFTER

    async def _loaded(self, subject: Subject, token: Token) -> _Entry:
        """The entry read under this token; requests that need it at the same time share one reading."""
        key = (subject, token)
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._read(subject, token))
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(task)

    async def _read(self, subject: Subject, token: Token) -> _Entry:
        """Read the subject in a thread; an unchanged document keeps its encodings."""
        read_at = self._now()
        try:
            current, due_at = await asyncio.wait_for(asyncio.to_thread(self._load, subject), READ_SECONDS)
        except TimeoutError as error:
            raise refusal_of_failure(error) or unavailable(Store.DATABASE, AWAY) from error
        previous = self._entries.pop(subject, None)
        document = previous.document if previous else None
        if current is None or document is None or document.current != current:
            document = None if current is None else Document(current)
        entry = self._entries[subject] = _Entry(token, document, due_at, read_at)
        while len(self._entries) > MAX_SUBJECTS:
            self._entries.pop(next(iter(self._entries)))
        return entry

    async def close(self) -> None:
        """Close the connection that looks for commits."""
        self._trouble = None
        await self._freshness.close()


def _variant(current: Current, encoding: bytes) -> Variant:
    suffix = b"-" + encoding if encoding else b""
    etag = b'"' + current.digest.encode() + suffix + b'"'
    body = ENCODERS[encoding](current.document)
    common = [
        (b"etag", etag),
        *KEPT_BUT_ASKED_FOR,
        (b"vary", b"accept-encoding"),
        (b"avs-signature", current.signature.encode()),
        (b"avs-config-version-id", current.config_version_id.encode()),
    ]
    content = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if encoding:
        content.append((b"content-encoding", encoding))
    return Variant(etag, body, common + content, common)

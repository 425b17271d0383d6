"""The hub of all that wait for a change: one watcher per process looks for commits on behalf of every listener."""

import asyncio
import contextlib
from collections import defaultdict

from app.delivery.documents import Document, Documents, Subject
from app.errors import Unavailable

WATCH_SECONDS = 0.025
"""How often the watcher looks for commits, of any process; only while something listens."""

Alarm = asyncio.Future[None]
"""Ends one listener's wait."""


class Hub:
    """Lets listeners wait until their subject's document is another one. A listener costs one future."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._waiting: dict[Subject, dict[Alarm, str]] = defaultdict(dict)
        self._watcher: asyncio.Task[None] | None = None
        self.is_draining = False

    async def changed(
        self, subject: Subject, digest: str, seconds: float, gone: asyncio.Future[None]
    ) -> Document | None:
        """The subject's document as soon as its digest differs; None when the time is over or nobody waits any more."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            document = await self._documents.get(subject)
            if digest_of(document) != digest:
                return document
            remaining = deadline - loop.time()
            if remaining <= 0 or gone.done() or self.is_draining:
                return None
            await self._sleep(subject, digest, remaining, gone)

    async def _sleep(self, subject: Subject, digest: str, seconds: float, gone: asyncio.Future[None]) -> None:
        """Wait until the watcher sees another digest, the time is over, or the listener has left."""
        loop = asyncio.get_running_loop()
        alarm: Alarm = loop.create_future()
        timer = loop.call_later(seconds, _ring, alarm)

        def left(_: asyncio.Future[None]) -> None:
            _ring(alarm)

        gone.add_done_callback(left)
        self._waiting[subject][alarm] = digest
        self._watch()
        try:
            await alarm
        finally:
            timer.cancel()
            gone.remove_done_callback(left)
            waiting = self._waiting[subject]
            waiting.pop(alarm, None)
            if not waiting:
                del self._waiting[subject]

    def _watch(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._watch_while_listeners_wait())

    async def _watch_while_listeners_wait(self) -> None:
        """Ring the alarms of every subject whose digest has changed."""
        while self._waiting:
            await asyncio.sleep(WATCH_SECONDS)
            for subject in list(self._waiting):
                try:
                    current = digest_of(await self._documents.get(subject))
                except Unavailable:  # not even in memory: its listeners wait on
                    continue
                waiting = self._waiting.get(subject, {})
                for alarm in [alarm for alarm, digest in waiting.items() if digest != current]:
                    _ring(alarm)

    def drain(self) -> None:
        """Let every listener go, now and from now on."""
        self.is_draining = True
        for waiting in self._waiting.values():
            for alarm in waiting:
                _ring(alarm)

    async def close(self) -> None:
        """Stop the watcher."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher


def digest_of(document: Document | None) -> str:
    """The digest of a document; empty when nothing is active."""
    return "" if document is None else document.current.digest


def _ring(alarm: Alarm) -> None:
    if not alarm.done():
        alarm.set_result(None)

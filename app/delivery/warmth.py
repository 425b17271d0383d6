"""Every active document in the memory of every process, so that each can deliver while the database is away."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from itertools import islice

from app.delivery.documents import MAX_SUBJECTS, Documents, Subject
from app.delivery.freshness import Token

ROUND_SECONDS = 5.0
"""How often a process reads what another one has approved, and none of its apps has asked for."""
START_SECONDS = 5.0
"""How long a starting process waits for its first documents."""

log = logging.getLogger(__name__)


class Warmth:
    """Keeps the documents of one process warm; `active` gives every subject with its active digest, and may block."""

    def __init__(self, documents: Documents, active: Callable[[], Mapping[Subject, str]]) -> None:
        self._documents, self._active = documents, active
        self._token: Token = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what is active, as far as that goes in a few seconds, and go on in the background."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.look(), START_SECONDS)
        self._task = asyncio.create_task(self._rounds())

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Read the documents that differ from those in memory; nothing when nobody committed, or none can be read."""
        try:
            token = await self._documents.token()
            if token is None or token == self._token:
                return
            active = await asyncio.to_thread(self._active)
            for subject, digest in islice(active.items(), MAX_SUBJECTS):
                if self._documents.digest_in_memory(subject) != digest:
                    await self._documents.get(subject)
            self._token = token
        except Exception as error:  # what cannot be read now is read in the next round, or when an app asks for it
            log.info("Documents were not read ahead: %s", error)

    async def close(self) -> None:
        """Stop reading ahead."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

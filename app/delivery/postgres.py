"""Whether anything was committed since, asked of PostgreSQL (see freshness.py)."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

import psycopg
import sqlalchemy as sa


class PostgresFreshness:
    """`pg_current_snapshot()`: two equal snapshots see the same rows. One question answers all who wait for one."""

    def __init__(self, url: sa.URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: Any = None
        self._shared = Shared(self._ask)

    async def token(self) -> Hashable:
        return await self._shared.result()

    async def _ask(self) -> Hashable:
        try:
            return await self._snapshot()
        except psycopg.OperationalError:  # the server restarted: ask once more on a new connection
            await self.close()
            return await self._snapshot()

    async def _snapshot(self) -> Hashable:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        cursor = await self._connection.execute("SELECT pg_current_snapshot()::text", prepare=True)
        return (await cursor.fetchone())[0]

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


class Shared:
    """Runs one question at a time; whoever asks while one is under way gets the answer of the next."""

    def __init__(self, ask: Callable[[], Awaitable[Any]]) -> None:
        self._ask = ask
        self._running: asyncio.Task[Any] | None = None
        self._next: asyncio.Task[Any] | None = None

    async def result(self) -> Any:
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._running))
        return await asyncio.shield(self._next)

    async def _run(self, before: asyncio.Task[Any] | None) -> Any:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        return await self._ask()

"""Freshness asked of PostgreSQL; a module of its own, because only those whose database it is need psycopg."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import psycopg
import sqlalchemy as sa

from app.delivery.freshness import Token
from app.unavailable import AWAY, Store, unavailable

CONNECT_SECONDS = 2  # the least that the driver knows
ANSWERED_SECONDS = 2.5
"""A server that has not answered by then is taken for away: it may be stopped, or behind a network that drops all."""

Result = TypeVar("Result")


class PostgresFreshness:
    """`pg_current_snapshot()`: two equal snapshots see the same rows. One query serves all that wait for one."""

    def __init__(self, url: sa.URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: psycopg.AsyncConnection | None = None
        self._shared = Shared(self._read)

    async def token(self) -> Token:
        """The current snapshot; requests that arrive while a query runs share the next one."""
        return await self._shared.result()

    async def _read(self) -> Token:
        try:
            return await asyncio.wait_for(self._snapshot_of_either(), ANSWERED_SECONDS)
        except TimeoutError as error:
            await self.close()
            raise unavailable(Store.DATABASE, AWAY) from error

    async def _snapshot_of_either(self) -> Token:
        try:
            return await self._snapshot()
        except psycopg.OperationalError:  # the server restarted: try once more on a new connection
            await self.close()
            return await self._snapshot()

    async def _snapshot(self) -> Token:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo, autocommit=True, connect_timeout=CONNECT_SECONDS
            )
        cursor = await self._connection.execute("SELECT pg_current_snapshot()::text", prepare=True)
        return await cursor.fetchone()

    async def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


class Shared(Generic[Result]):
    """Runs one query at a time; calls that come while one is under way all get the result of the next.

    The one under way began before those calls, so its result could be too old for them.
    """

    def __init__(self, query: Callable[[], Awaitable[Result]]) -> None:
        self._query = query
        self._running: asyncio.Task[Result] | None = None
        self._next: asyncio.Task[Result] | None = None

    async def result(self) -> Result:
        """The result of a query that begins after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._run(self._running))
        return await asyncio.shield(self._next)

    async def _run(self, previous: asyncio.Task[Result] | None) -> Result:
        if previous is not None:
            await asyncio.wait({previous})
        self._running, self._next = self._next, None
        return await self._query()

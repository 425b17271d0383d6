"""Whether anything was committed since: a token that stays equal exactly while every reader sees the same data.

A cached document is served only under the token it was loaded after, so that nobody reads a stale one once the
approving call has returned, whichever process took it.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa

Token = Hashable


class Freshness(Protocol):
    """`token` answers for every request that arrived before it was asked."""

    async def token(self) -> Token: ...

    async def close(self) -> None: ...


class SqliteFreshness:
    """`PRAGMA data_version` of a connection that never writes: a few microseconds, asked once a turn of the loop.

    A request begins as a callback of the loop. `_forget` is queued before the question is asked, so whoever runs ahead
    of it had arrived before.
    """

    def __init__(self, url: sa.URL) -> None:
        self._url, self._connection = url, None
        self._token: Token = None

    async def token(self) -> Token:
        if self._token is None:
            asyncio.get_running_loop().call_soon(self._forget)
            self._token = self._ask()
        return self._token

    def _ask(self) -> Token:
        if self._connection is None:
            self._connection = sqlite3.connect(f"file:{self._url.database}?mode=ro", uri=True, isolation_level=None)
        return self._connection.execute("PRAGMA data_version").fetchone()

    def _forget(self) -> None:
        self._token = None

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresFreshness:
    """`pg_current_snapshot()`: two equal snapshots see the same rows. One question answers all who wait for one."""

    def __init__(self, url: sa.URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: Any = None
        self._shared = Shared(self._ask)

    async def token(self) -> Token:
        return await self._shared.result()

    async def _ask(self) -> Token:
        try:
            return await self._snapshot()
        except psycopg.OperationalError:  # the server restarted: ask once more on a new connection
            await self.close()
            return await self._snapshot()

    async def _snapshot(self) -> Token:
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


def freshness_of(url: sa.URL) -> SqliteFreshness | PostgresFreshness:
    """For the database that the product runs on."""
    return SqliteFreshness(url) if url.get_backend_name() == "sqlite" else PostgresFreshness(url)

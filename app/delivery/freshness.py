"""Freshness of what is held in memory: a token that stays equal exactly while every reader sees the same data.

A document in memory is served only while the token is the one that it was read under, so that no app gets a stale one
once an approval has returned, whichever process handled it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Hashable
from typing import Protocol

import sqlalchemy as sa

Token = Hashable
NO_WAIT = 0.0
"""Seconds that the loop, which serves every app, waits for a database that is locked."""


class Freshness(Protocol):
    """The source of tokens for one database."""

    async def token(self) -> Token:
        """The token now. It is good for every request that arrived before this call."""

    async def close(self) -> None:
        """Close the connection; a later call opens a new one."""


class SqliteFreshness:
    """`PRAGMA data_version` of a connection that never writes: a few microseconds, read once a turn of the loop.

    A request begins as a callback of the loop. `_forget` is queued before the database is read, so every request that
    runs ahead of it had arrived before.
    """

    def __init__(self, url: sa.URL) -> None:
        self._url = url
        self._connection: sqlite3.Connection | None = None
        self._token: Token = None

    async def token(self) -> Token:
        """The version of the data; one reading serves all requests of a turn of the loop."""
        if self._token is None:
            asyncio.get_running_loop().call_soon(self._forget)
            self._token = self._read()
        return self._token

    def _read(self) -> Token:
        if self._connection is None:
            address = f"file:{self._url.database}?mode=ro"
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=NO_WAIT)
        version: tuple[int] = self._connection.execute("PRAGMA data_version").fetchone()
        return version

    def _forget(self) -> None:
        self._token = None

    async def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class SignedFreshness:
    """The freshness of documents with their signatures: they are made anew when the data or the keys change."""

    def __init__(self, data: Freshness, keys: Callable[[], Hashable]) -> None:
        self._data, self._keys = data, keys

    async def token(self) -> Token:
        """The token of the data and that of the keys."""
        return await self._data.token(), self._keys()

    async def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        await self._data.close()


def freshness_of(url: sa.URL) -> Freshness:
    """The source of tokens for the database that the product runs on."""
    if url.get_backend_name() == "sqlite":
        return SqliteFreshness(url)
    from app.delivery.postgres import PostgresFreshness  # late: psycopg is for those whose database it reaches

    return PostgresFreshness(url)

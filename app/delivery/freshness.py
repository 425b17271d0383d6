"""Whether anything was committed since: a token that stays equal exactly while every reader sees the same data.

A cached document is served only under the token it was loaded after, so that nobody reads a stale one once the
approving call has returned, whichever process took it.
"""

import asyncio
import sqlite3
from collections.abc import Hashable
from typing import Protocol

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


def freshness_of(url: sa.URL) -> Freshness:
    """For the database that the product runs on."""
    if url.get_backend_name() == "sqlite":
        return SqliteFreshness(url)
    from app.delivery.postgres import PostgresFreshness  # late: psycopg is for those whose database it reaches

    return PostgresFreshness(url)

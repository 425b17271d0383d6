"""Connections to a Redis server: short own timeouts, no waiting for repetition, and the script by its digest."""

import os
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

Argument = str | bytes | int
SCRIPT = Path(__file__).with_name("account.lua").read_bytes()
DIGEST = sha1(SCRIPT, usedforsecurity=False).hexdigest()


class Wire:
    """Thread-safe: a connection serves one caller at a time, and as many are made as there are callers at once.

    Every method raises redis.RedisError: a timeout at once; a connection that has broken is replaced once first, for
    whatever is sent here may be sent twice.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        options = {"socket_timeout": timeout_seconds, "socket_connect_timeout": timeout_seconds, "protocol": 2}
        self._pool = redis.ConnectionPool.from_url(url, retry=Retry(NoBackoff(), 0), **options)
        self._idle: list[Any] = []
        self._abandoned: list[Any] = []
        self._pid = os.getpid()

    def ask(self, *commands: Sequence[Argument]) -> list[Any]:
        """The answers to these commands, sent together; texts are bytes."""
        connection = self._take()
        if connection is not None:
            try:
                return self._ask(connection, commands)
            except redis.ConnectionError:
                pass
        return self._ask(self._pool.make_connection(), commands)

    def run(self, command: str, request: str, keys: Sequence[str]) -> list[Any]:
        """The script's answer."""
        tail: tuple[Argument, ...] = (len(keys), *keys, command, request)
        try:
            return list(self.ask(("EVALSHA", DIGEST, *tail))[0])
        except redis.exceptions.NoScriptError:
            return list(self.ask(("EVAL", SCRIPT, *tail))[0])

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it is given back too late to be used."""
        while self._idle:
            self._idle.pop().disconnect()

    def _take(self) -> Any:
        """A connection that is open already; None when there is none. Those of a parent process stay the parent's."""
        if self._pid != os.getpid():
            self._abandoned.extend(self._idle)
            self._idle, self._pid = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _ask(self, connection: Any, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """A connection is used again only when all its answers were read."""
        try:
            connection.connect()
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            answers = [connection.read_response() for _ in commands]
        except redis.ResponseError:
            if len(commands) == 1:
                self._idle.append(connection)
            else:
                connection.disconnect()
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        return answers

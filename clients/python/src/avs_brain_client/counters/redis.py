"""Counters in Redis: shared by all machines. Needs the extra `avs-brain-client[redis]`.

An account is one hash; it is changed by comparing its version and setting it in one step, so no lock is ever held
and nothing is left behind by a process that dies.
"""

import contextlib
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import redis

from avs_brain_client.account import Account, dumped, loaded
from avs_brain_client.errors import CountersUnavailable

T = TypeVar("T")
MILLISECOND_NS = 1_000_000
STRIPES = 64
MOST_SNAPSHOTS = 100_000
ATTEMPTS = 500
_SET = """
local version = redis.call('HGET', KEYS[1], 'version') or ''
if version ~= ARGV[1] then
  if version == ARGV[2] then return 1 end
  return 0
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'body', ARGV[3])
for at = 2, #KEYS do redis.call('SET', KEYS[at], '1', 'PX', ARGV[at + 2]) end
return 1
"""
"""KEYS: the account, its marks. ARGV: the version it must have, the new one, the body, milliseconds for each mark. A
version is unique, so a repeat of a call whose answer was lost finds that it was done.
"""


class RedisLedger:
    """`view_ns`: for how long a decision may be made from what this process saw last."""

    survives = True

    def __init__(self, connection: "redis.Redis", prefix: str, view_ns: int) -> None:
        self._redis, self._prefix = connection, prefix
        self.view_ns: int | None = view_ns
        self._set = connection.register_script(_SET)
        self._locks = tuple(threading.Lock() for _ in range(STRIPES))
        self.newcomer = Account()
        self.snapshots: dict[str, Account] = {}

    def read(self, customer_id: str) -> Account:
        with _available():
            body = self._redis.hget(self._key(customer_id), "body")
        return self._seen(customer_id, _account(body))

    def update(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Callable[[Account, frozenset[str]], tuple[Account | None, T]],
    ) -> T:
        with self._locks[hash(customer_id) % STRIPES], _available():
            for attempt in range(ATTEMPTS):
                version, before, known = self._load(customer_id, marks)
                after, answer = edit(before, known)
                if after is None:
                    return answer
                if self._swap(customer_id, version, after, marks, now_us):
                    self._seen(customer_id, after)
                    return answer
                time.sleep(random.uniform(0, min(0.0005 * 2 ** min(attempt, 6), 0.02)))  # noqa: S311
        raise CountersUnavailable(f"Account {customer_id!r} changed {ATTEMPTS} times while it was being changed.")

    def _load(self, customer_id: str, marks: Mapping[str, int]) -> tuple[str, Account, frozenset[str]]:
        key = self._key(customer_id)
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.hmget(key, "version", "body")
            for mark in marks:
                pipe.exists(self._mark(customer_id, mark))
            (version, body), *exist = pipe.execute()
        known = frozenset(mark for mark, found in zip(marks, exist, strict=True) if found)
        return _text(version), _account(body), known

    def _swap(self, customer_id: str, version: str, after: Account, marks: Mapping[str, int], now_us: int) -> bool:
        """Whether nobody else was faster. Sent once more when the connection broke: the script knows its own work."""
        keys = [self._key(customer_id), *(self._mark(customer_id, mark) for mark in marks)]
        alive = [max((until - now_us) // 1000, 1) for until in marks.values()]
        arguments: list[str | int] = [version, secrets.token_hex(8), dumped(after), *alive]
        try:
            return bool(self._set(keys=keys, args=arguments))
        except redis.ConnectionError:
            return bool(self._set(keys=keys, args=arguments))

    def _seen(self, customer_id: str, account: Account) -> Account:
        if len(self.snapshots) >= MOST_SNAPSHOTS:
            self.snapshots.clear()
        self.snapshots[customer_id] = account
        return account

    def _key(self, customer_id: str) -> str:
        """The braces keep an account and its marks on one node of a cluster."""
        return f"{self._prefix}:{{{customer_id}}}"

    def _mark(self, customer_id: str, mark: str) -> str:
        return f"{self._key(customer_id)}:{mark}"


class RedisCounters:
    """A store on a Redis server (`url` as redis-py takes it).

    `view_ms`: checks may answer from what was seen this long ago; reservations and records never do. Accounts have no
    expiry: use a Redis that does not evict them.
    """

    def __init__(self, url: str, *, prefix: str = "avs", view_ms: int = 100) -> None:
        self._redis = redis.Redis.from_url(url)
        self._prefix, self._view_ns = prefix, view_ms * MILLISECOND_NS

    def ledger(self, namespace: str) -> RedisLedger:
        return RedisLedger(self._redis, f"{self._prefix}:{namespace}", self._view_ns)

    def close(self) -> None:
        self._redis.close()


@contextlib.contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as problem:
        raise CountersUnavailable(f"The counters in Redis do not answer: {problem}") from problem


def _account(body: Any) -> Account:
    return Account() if body is None else loaded(body)


def _text(value: Any) -> str:
    return "" if value is None else bytes(value).decode()

"""Counters in Redis: shared by all machines. Needs the extra `avs-brain-client[redis]`.

Whatever is asked of an account is one call of one script, `account.lua`: no lock is ever held, and nothing is left
behind by a process that dies. clients/ACCOUNT.md describes the keys and the script.
"""

import contextlib
import itertools
import json
import logging
import random
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

import redis

from avs_brain_client.account import Account
from avs_brain_client.counters.matter import NOTHING_SPECIAL, Edit, Matter
from avs_brain_client.counters.redis_account import Seen, live_period, read, renumbered, units_of, written
from avs_brain_client.counters.redis_adding import Addition, addition, limits
from avs_brain_client.counters.redis_wire import Argument, Wire
from avs_brain_client.errors import CountersUnavailable
from avs_brain_client.forking import abandon, renew_after_fork

log = logging.getLogger("avs_brain_client")

T = TypeVar("T")
MILLISECOND_NS = 1_000_000
STRIPES = 64
MOST_SNAPSHOTS = 100_000
ATTEMPTS = 500
TIMEOUT_MS = 250


class RedisLedger:
    """`view_ns`: for how long a decision may be made from what this process saw last."""

    survives = True

    def __init__(self, wire: Wire, prefix: str, view_ns: int) -> None:
        self._prefix = prefix
        self.view_ns: int | None = view_ns
        self._view_ns = view_ns
        self.newcomer = Account()
        self.snapshots: dict[str, Account] = {}
        self._seen: dict[str, Seen] = {}
        self._failed_ns = 0
        self.lost: str | None = None
        self.begin(wire)

    def begin(self, wire: Wire) -> None:
        """Nobody at work, and a writer of its own: at the beginning, and after a fork."""
        self._wire = wire
        self._locks = tuple(threading.Lock() for _ in range(STRIPES))
        self._numbers = itertools.count(1)
        self._writer = secrets.token_hex(8)

    def read(self, customer_id: str) -> Account:
        with _available():
            return self._load(customer_id, ())[0].account

    def glance(self, customer_id: str) -> Account:
        seen = self._seen.get(customer_id)
        if seen is None or time.monotonic_ns() - seen.seen_ns >= self._view_ns:
            return self.read(customer_id)
        return seen.account

    def update(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Edit[T],
        matter: Matter[T] = NOTHING_SPECIAL,
    ) -> T:
        began_ns = time.monotonic_ns()
        with self._locks[hash(customer_id) % STRIPES], _available():
            if self._failed_ns > began_ns:
                raise CountersUnavailable("The call that this one waited for got no answer from Redis.")
            writer = matter.attempt.split() or [self._writer, str(next(self._numbers))]
            try:
                work: _Work[T] = _Work(self, customer_id, marks, now_us, edit, matter, writer)
                return work.done()
            except redis.RedisError as problem:
                self._failed_ns = time.monotonic_ns()
                self._writer = secrets.token_hex(8)  # what is not known to be done must not be overtaken by its name
                text = f"The counters in Redis do not answer: {problem}"
                raise CountersUnavailable(text, " ".join(writer)) from problem

    def probe(self) -> None:
        """Raise CountersUnavailable unless Redis answers and takes writes."""
        with _available():
            self._wire.ask(("SET", f"{self._prefix}:probe", "1", "PX", 1000))

    def _load(self, customer_id: str, marks: tuple[str, ...]) -> tuple[Seen, frozenset[str]]:
        """The account as it is in Redis, and which of the marks are known there. One that has gone is as it was."""
        key = self._key(customer_id)
        commands: list[tuple[Argument, ...]] = [("HGETALL", f"{key}:account"), ("HMGET", key, "version", "body")]
        commands.extend(("EXISTS", f"{key}:{mark}") for mark in marks)
        seen_ns = time.monotonic_ns()
        fields, earlier, *exist = self._wire.ask(*commands)
        seen = read(fields, earlier, seen_ns)
        if seen is None:
            seen = Seen(self._lost(customer_id), seen_ns=seen_ns)
        self._keep(customer_id, seen)
        return seen, frozenset(mark for mark, there in zip(marks, exist, strict=True) if there)

    def _lost(self, customer_id: str) -> Account:
        """The account as it was, of a customer whom Redis does not know any more."""
        last = self._seen.get(customer_id)
        if last is None:
            return self.newcomer
        if last.changes and not self.lost:
            self.lost = "Redis lost accounts: customers go on from what this process saw of them last."
            log.error(self.lost)
        return last.account

    def _keep(self, customer_id: str, seen: Seen) -> None:
        """As the newest that is known; a reader that was overtaken does not bring the past back."""
        last = self._seen.get(customer_id)
        if last is not None and last.epoch == seen.epoch is not None and int(last.changes) > int(seen.changes):
            return
        if len(self._seen) >= MOST_SNAPSHOTS:
            self._seen.clear()
            self.snapshots.clear()
        if last is not None and last.epoch == seen.epoch:
            seen.limits.update(last.limits)
        self._seen[customer_id], self.snapshots[customer_id] = seen, seen.account

    def _key(self, customer_id: str) -> str:
        """The braces keep an account and its marks on one node of a cluster."""
        return f"{self._prefix}:{{{customer_id}}}"


class _Work(Generic[T]):
    """One change of one account, tried until nobody was faster."""

    def __init__(
        self,
        ledger: RedisLedger,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Edit[T],
        matter: Matter[T],
        writer: list[str],
    ) -> None:
        self._ledger, self._customer_id, self._edit, self._matter = ledger, customer_id, edit, matter
        self._marks, self._now_us, self._writer = marks, now_us, writer
        key = ledger._key(customer_id)
        self._keys = [f"{key}:account", f"{key}:writers", f"{key}:lapses", key, *(f"{key}:{mark}" for mark in marks)]
        self._known: frozenset[str] = frozenset()

    def done(self) -> T:
        """The answer of the edit that was made."""
        seen = self._ledger._seen.get(self._customer_id)
        for attempt in range(ATTEMPTS):
            fresh = seen is None
            if seen is None:
                seen, self._known = self._ledger._load(self._customer_id, tuple(self._marks))
            after, answer = self._edit(seen.account, self._known)
            if after is None and fresh:
                return answer
            if after is not None and (made := self._add(seen, after, answer)) is not None:
                return made[0]
            if fresh and after is not None and self._replace(seen, after, answer):
                return answer
            if fresh:
                time.sleep(random.uniform(0, min(0.0005 * 2 ** min(attempt, 6), 0.02)))  # noqa: S311
            seen = None
        raise CountersUnavailable(f"Account {self._customer_id!r} changed {ATTEMPTS} times while it was being changed.")

    def _add(self, seen: Seen, after: Account, answer: T) -> tuple[T] | None:
        """The answer, if the change only adds and could be made so."""
        added = addition(seen, after)
        most = None if added is None else limits(seen, added, self._edit, self._matter)
        if added is None or most is None:
            return None
        units = [*added.units, *(unit for unit in seen.units if unit not in added.units)]
        request = {
            **self._request(),
            "epoch": seen.epoch,
            "period": seen.live,
            "measure": added.measure,
            "units": [[u, str(added.used.get(u) or ""), "" if most[u] is None else str(most[u])] for u in units],
        }
        if added.reserved is not None:
            name, hold = added.reserved
            request["hold"] = [name, str(hold.quantity), str(hold.until_us)]
        if self._matter.reservation:
            request["drop"] = self._matter.reservation
        asked_ns = time.monotonic_ns()
        outcome, *told = self._ledger._wire.run("apply", json.dumps(request), self._keys)
        if outcome == b"done":  # what became of it was told to nobody: the next look reads it
            self._ledger._seen[self._customer_id] = replace(seen, seen_ns=0)
            return (answer,)
        return self._added(seen, after, added, units, told, answer, asked_ns) if outcome == b"ok" else None

    def _added(
        self,
        seen: Seen,
        after: Account,
        added: Addition,
        units: list[str],
        told: list[Any],
        answer: T,
        asked_ns: int,
    ) -> tuple[T]:
        """The answer to what the account really was before, and the account kept as it is now."""
        changes, *numbers = told
        pairs = {unit: (int(numbers[2 * at]), int(numbers[2 * at + 1])) for at, unit in enumerate(units)}
        account = renumbered(after, seen.live, pairs, self._now_us)
        now = Seen(account, seen.epoch, seen.live, seen.units, str(changes), "", asked_ns, seen.limits)
        self._ledger._keep(self._customer_id, now)
        if added.reserved is not None and int(changes) != int(seen.changes) + 1:
            before = {
                unit: (used, held - (added.of(unit) if at == 0 else 0))
                for at, (unit, (used, held)) in enumerate(pairs.items())
            }
            _, answer = self._edit(renumbered(seen.account, seen.live, before, self._now_us), self._known)
        return (answer,)

    def _replace(self, seen: Seen, after: Account, answer: T) -> bool:
        """Whether the account was still the one that was read, and was written whole."""
        self._matter.prepare(answer)
        changes = int(seen.changes or 0) + 1
        epoch, fields, lapses = written(after, changes)
        request = {
            **self._request(),
            "was": seen.changes,
            "was_earlier": seen.earlier,
            "fields": fields,
            "lapses": lapses,
        }
        asked_ns = time.monotonic_ns()
        outcome, *_ = self._ledger._wire.run("put", json.dumps(request), self._keys)
        if outcome == b"ok":
            live = live_period(after)
            now = Seen(after, epoch, live, tuple(units_of(after, live)), str(changes), "", asked_ns)
            self._ledger._keep(self._customer_id, now)
        return outcome in (b"ok", b"done")

    def _request(self) -> dict[str, Any]:
        alive = [
            "0" if mark in self._known else str(max((until - self._now_us) // 1000, 1))
            for mark, until in self._marks.items()
        ]
        return {"writer": self._writer, "now": str(self._now_us), "marks": alive}


class RedisCounters:
    """A store on a Redis server (`url` as redis-py takes it).

    `view_ms`: checks may answer from what was seen this long ago; reservations and records never do. `timeout_ms`: how
    long one call may take before the counters count as unavailable. Accounts have no expiry: use a Redis that does not
    evict them.
    """

    def __init__(self, url: str, *, prefix: str = "avs", view_ms: int = 100, timeout_ms: int = TIMEOUT_MS) -> None:
        self._url, self._timeout_ms = url, timeout_ms
        self._wire = Wire(url, timeout_ms / 1000)
        self._prefix, self._view_ns = prefix, view_ms * MILLISECOND_NS
        self._ledgers: dict[str, RedisLedger] = {}
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Connections are the parent's, and so are the locks around them."""
        abandon(self._wire)
        self._wire = Wire(self._url, self._timeout_ms / 1000)
        for ledger in self._ledgers.values():
            ledger.begin(self._wire)

    def ledger(self, namespace: str) -> RedisLedger:
        if namespace not in self._ledgers:
            self._ledgers[namespace] = RedisLedger(self._wire, f"{self._prefix}:{namespace}", self._view_ns)
        return self._ledgers[namespace]

    def close(self) -> None:
        self._wire.close()


@contextlib.contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as problem:
        raise CountersUnavailable(f"The counters in Redis do not answer: {problem}") from problem

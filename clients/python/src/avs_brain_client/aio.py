"""The client for asyncio: what may wait for a disk, for Redis or for AVS Brain is awaited, and waits in a thread."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from avs_brain_client.account import Account
from avs_brain_client.client import RESERVED_SECONDS, Client
from avs_brain_client.decide import Decision
from avs_brain_client.document import Document
from avs_brain_client.errors import CountersUnavailable
from avs_brain_client.forking import renew_after_fork
from avs_brain_client.numbers import Quantity
from avs_brain_client.records import Recorded, Reservation
from avs_brain_client.statement import Statement
from avs_brain_client.status import Status
from avs_brain_client.usage_events import Value

T = TypeVar("T")
THREADS = 32
"""How many calls may wait at once; more of them queue."""
LOOK_EVERY_NS = 100_000_000
"""How old an account may be, as this process saw it, before a check has it looked at again."""
MOST_SEEN = 100_000


class AsyncClient:
    """The face of a `client` for one event loop; every name means what it means there.

    `check` never waits: it goes by the account as this process saw it last, and has it looked at again in a thread when
    that is a tenth of a second ago. A customer whom this process has not seen begins with an empty account there:
    `check_counted` waits for the counters, and `reserve` is exact as ever. A call whose task is cancelled goes on.
    """

    def __init__(self, client: Client, *, threads: int = THREADS) -> None:
        self._client, self._threads, self._clock_ns = client, threads, time.monotonic_ns
        self._pool: ThreadPoolExecutor | None = None
        self._seen: dict[str, tuple[Account, int]] = {}
        self._looking: set[str] = set()
        renew_after_fork(self)

    def start(self) -> "AsyncClient":
        self._client.start()
        return self

    def after_fork(self) -> None:
        """Threads stay with the parent, and what they were looking at with them."""
        self._pool = None
        self._looking.clear()

    async def wait_until_loaded(self, timeout_seconds: float | None = None) -> bool:
        return await self._wait(self._client.wait_until_loaded, timeout_seconds)

    def check(self, customer_id: str, value_unit_id: str, quantity: Quantity = 1) -> Decision:
        if self._client.counts_in_memory:
            return self._client.check_by(None, customer_id, value_unit_id, quantity, self._later)
        now_ns = self._clock_ns()
        account, seen_ns = self._seen.get(customer_id, (Account(), now_ns - LOOK_EVERY_NS))
        if now_ns - seen_ns >= LOOK_EVERY_NS and customer_id not in self._looking:
            self._looking.add(customer_id)
            self._later(partial(self._look, customer_id))
        return self._client.check_by(account, customer_id, value_unit_id, quantity, self._later)

    async def check_counted(self, customer_id: str, value_unit_id: str, quantity: Quantity = 1) -> Decision:
        """As `check` of the client: by the counters as they are now."""
        return await self._about(customer_id, self._client.check, customer_id, value_unit_id, quantity)

    async def record(
        self,
        customer_id: str,
        value_unit_id: str,
        quantity: Quantity = 1,
        *,
        event_id: str | None = None,
        at: datetime | None = None,
        send_usage: bool | None = None,
        event_type: str | None = None,
        dimensions: Mapping[str, Value] | None = None,
    ) -> Recorded:
        call = partial(
            self._client.record, event_id=event_id, at=at, send_usage=send_usage, event_type=event_type,
            dimensions=dimensions,
        )  # fmt: skip
        return await self._about(customer_id, call, customer_id, value_unit_id, quantity)

    async def record_event(self, event: Mapping[str, Any], *, send_usage: bool | None = None) -> Recorded:
        call = partial(self._client.record_event, send_usage=send_usage)
        return await self._about(event.get("customer_id"), call, event)

    async def reserve(
        self, customer_id: str, value_unit_id: str, quantity: Quantity = 1, *, seconds: float = RESERVED_SECONDS
    ) -> Reservation:
        call = partial(self._client.reserve, seconds=seconds)
        return await self._about(customer_id, call, customer_id, value_unit_id, quantity)

    async def commit(
        self,
        reservation: Reservation,
        quantity: Quantity | None = None,
        *,
        send_usage: bool | None = None,
        event_type: str | None = None,
        dimensions: Mapping[str, Value] | None = None,
    ) -> Recorded:
        call = partial(self._client.commit, send_usage=send_usage, event_type=event_type, dimensions=dimensions)
        return await self._about(reservation.customer_id, call, reservation, quantity)

    async def release(self, reservation: Reservation) -> None:
        await self._about(reservation.customer_id, self._client.release, reservation)

    async def approve(self, customer_id: str, value_unit_id: str, *, approved_by: str) -> None:
        call = partial(self._client.approve, approved_by=approved_by)
        await self._about(customer_id, call, customer_id, value_unit_id)

    async def quality_failed(self, customer_id: str, value_unit_id: str, signal_id: str, value: Quantity) -> None:
        await self._wait(self._client.quality_failed, customer_id, value_unit_id, signal_id, value)

    async def usage(self, customer_id: str, *, at: datetime | None = None) -> Statement:
        return await self._wait(partial(self._client.usage, at=at), customer_id)

    async def refresh(self) -> None:
        await self._wait(self._client.refresh)

    async def flush(self) -> int:
        return await self._wait(self._client.flush)

    async def status(self) -> Status:
        return await self._wait(lambda: self._client.status)

    @property
    def document(self) -> Document | None:
        return self._client.document

    @property
    def state(self) -> str:
        return self._client.state

    async def close(self) -> None:
        await self._wait(self._client.close)
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)

    async def __aenter__(self) -> "AsyncClient":
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _about(self, customer_id: object, call: Callable[..., T], *arguments: object) -> T:
        """Wait for a call in a thread, which then looks at what it did to the customer."""

        def call_and_look() -> T:
            answer = call(*arguments)
            if isinstance(customer_id, str) and not self._client.counts_in_memory:
                self._look(customer_id)
            return answer

        return await self._wait(call_and_look)

    async def _wait(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor(), partial(call, *arguments))

    def _later(self, call: Callable[[], object]) -> None:
        self._executor().submit(call)

    def _look(self, customer_id: str) -> None:
        """In a thread: what the counters have of a customer; while they do not answer, what was seen stays."""
        try:
            with contextlib.suppress(CountersUnavailable):
                account = self._client.account(customer_id)
                if len(self._seen) >= MOST_SEEN:
                    self._seen.clear()
                self._seen[customer_id] = account, self._clock_ns()
        finally:
            self._looking.discard(customer_id)

    def _executor(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="avs-async")
        return self._pool

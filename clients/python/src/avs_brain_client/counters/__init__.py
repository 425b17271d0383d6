"""Where usage is counted. One `Ledger` per workspace and environment; one account per customer.

A store is anything with these methods: `MemoryCounters`, `SqliteCounters` (`avs_brain_client.counters.sqlite`) and
`RedisCounters` (`avs_brain_client.counters.redis`) are here. `update` is the only way to change an account, and it is
atomic under threads and, where the store is shared, under processes.
"""

from collections.abc import Mapping
from typing import Protocol, TypeVar

from avs_brain_client.account import Account
from avs_brain_client.counters.matter import NOTHING_SPECIAL, Edit, Matter
from avs_brain_client.counters.memory import MemoryCounters

T = TypeVar("T")
Marks = Mapping[str, int]
"""Things that count once, by name, and until when (wall clock, µs) the store must remember them."""


class Ledger(Protocol):
    """The accounts of one workspace and environment."""

    view_ns: int | None
    """For how long a decision made from an account may be used again; None: until the account changes."""
    survives: bool
    """Whether counts outlive the process."""
    newcomer: Account
    """The account of everybody who is not in `snapshots`."""
    snapshots: dict[str, Account]
    """Accounts as this process last saw them."""

    @property
    def lost(self) -> str | None:
        """What the store lost, had to set aside or was given back; None: nothing, as far as is known."""

    def read(self, customer_id: str) -> Account:
        """The account now; an empty one for somebody new. Raises CountersUnavailable."""

    def probe(self) -> None:
        """Raise CountersUnavailable unless the store answers and takes what is written."""

    def glance(self, customer_id: str) -> Account:
        """The account now, or as this process saw it less than `view_ns` ago. Raises CountersUnavailable."""

    def update(
        self, customer_id: str, marks: Marks, now_us: int, edit: Edit[T], matter: Matter[T] = NOTHING_SPECIAL
    ) -> T:
        """Change the account and remember the marks, both or neither.

        Raises CountersUnavailable, after which it is not known whether the change was made: the same marks again make
        repeating harmless. `edit` may be called more than once and must not change what it is given.
        """


class CounterStore(Protocol):
    """What a client is given."""

    def ledger(self, namespace: str) -> Ledger:
        """The ledger of this name; the same accounts for everybody who asks."""

    def close(self) -> None:
        """Give back files and connections."""


__all__ = ["Account", "CounterStore", "Edit", "Ledger", "Marks", "Matter", "MemoryCounters"]

"""Enforce an AVS config inside your app: cached, signed, exact, and with AVS Brain down. Start at `Client`."""

from avs_brain_client.bookkeeping import Recorded, Reservation
from avs_brain_client.client import Client, Status
from avs_brain_client.clock import Clock
from avs_brain_client.counters import CounterStore, Ledger, MemoryCounters
from avs_brain_client.decide import Decision
from avs_brain_client.document import Document
from avs_brain_client.errors import (
    AvsError,
    BadSignature,
    CountersUnavailable,
    DocumentRefused,
    Malformed,
    NeverLoaded,
    Replayed,
    UnknownKey,
    Unreachable,
)
from avs_brain_client.statement import PoolUse, Statement, UnitUse
from avs_brain_client.usage import Firing

__version__ = "0.1.0"
__all__ = [
    "AvsError",
    "BadSignature",
    "Client",
    "Clock",
    "CounterStore",
    "CountersUnavailable",
    "Decision",
    "Document",
    "DocumentRefused",
    "Firing",
    "Ledger",
    "Malformed",
    "MemoryCounters",
    "NeverLoaded",
    "PoolUse",
    "Recorded",
    "Replayed",
    "Reservation",
    "Statement",
    "Status",
    "UnitUse",
    "UnknownKey",
    "Unreachable",
]

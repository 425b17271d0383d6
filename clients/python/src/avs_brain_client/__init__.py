"""Enforce an AVS config inside your app: cached, signed, exact, and with AVS Brain down. Start at `Client`."""

from avs_brain_client.aio import AsyncClient
from avs_brain_client.client import Client
from avs_brain_client.clock import Clock
from avs_brain_client.counters import CounterStore, Ledger, MemoryCounters
from avs_brain_client.decide import Decision
from avs_brain_client.document import Document
from avs_brain_client.errors import (
    AvsError,
    BadSignature,
    CountersUnavailable,
    DocumentRefused,
    EventsRefused,
    Malformed,
    NeverLoaded,
    Replayed,
    TokenRefused,
    UnknownKey,
    UnknownUnit,
    Unreachable,
)
from avs_brain_client.problems import Problem
from avs_brain_client.records import Recorded, Reservation
from avs_brain_client.statement import BillLines, PoolUse, Statement, UnitUse
from avs_brain_client.status import Status
from avs_brain_client.usage import Firing

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "AvsError",
    "BadSignature",
    "BillLines",
    "Client",
    "Clock",
    "CounterStore",
    "CountersUnavailable",
    "Decision",
    "Document",
    "DocumentRefused",
    "EventsRefused",
    "Firing",
    "Ledger",
    "Malformed",
    "MemoryCounters",
    "NeverLoaded",
    "PoolUse",
    "Problem",
    "Recorded",
    "Replayed",
    "Reservation",
    "Statement",
    "Status",
    "TokenRefused",
    "UnitUse",
    "UnknownKey",
    "UnknownUnit",
    "Unreachable",
]

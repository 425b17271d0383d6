"""Where usage events come from: the store of real ones, and the bundled demo events that "mocked" asks about."""

from dataclasses import dataclass
from pathlib import Path

from app.services.usage.store import EventStore


@dataclass(frozen=True)
class UsageEvents:
    """`demo_file` is a JSON array of usage events (seed/usage_events.json)."""

    store: EventStore
    demo_file: Path

"""Events through a real client, one by one, as an app would send them: clock, config and counters included."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from avs_brain_client import Client, Recorded
from avs_brain_client.counters import MemoryCounters
from brain import Brain
from conftest import SetClock
from documents import SUBJECT, Subject, document

PERIOD = timedelta(days=30)


def delivered(config: Mapping[str, Any], subject: Subject = SUBJECT) -> dict[str, Any]:
    """A config of a simulation as AVS Brain would deliver it."""
    return {**document(), **config, "subject_resolution": dict(subject)}


def client_of(
    brain: Brain, config: Mapping[str, Any], as_of: datetime, days: int, subject: Subject = SUBJECT, **options: Any
) -> Client:
    """A client that enforces the config with periods as in a simulation's window, loaded over HTTP."""
    brain.activate(delivered(config, subject))
    start = as_of - timedelta(days=days)
    clock = SetClock(as_of)
    client = Client(
        brain.url, **subject, mode="manual", clock=clock, period_anchor=start, accrues_from=start, **options
    )
    client.refresh()
    return client


def counted_elsewhere(
    brain: Brain, config: Mapping[str, Any], as_of: datetime, days: int, events: Iterable[Mapping[str, Any]]
) -> MemoryCounters:
    """The counters of a workspace after these events went to the client of another segment, which counts no unit."""
    counters, subject = MemoryCounters(), Subject(**{**SUBJECT, "segment": "elsewhere"})
    empty = {**config, "value_units": [], "pools": []}
    empty.pop("rating_agility", None)  # prices of units that this client does not count
    with closing(client_of(brain, empty, as_of, days, subject, counters=counters)) as client:
        replay(client, events)
    return counters


def replay(client: Client, events: Iterable[Mapping[str, Any]]) -> list[tuple[str, Recorded]]:
    """Record every event; (customer, what became of it) in their order."""
    return [(event["customer_id"], client.record_event(event)) for event in events]

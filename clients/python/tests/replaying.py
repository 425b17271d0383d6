"""Events through a real client, one by one, as an app would send them: clock, config and counters included."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from avs_client import Client, Recorded
from brain import Brain
from conftest import SetClock
from documents import SUBJECT, document

PERIOD = timedelta(days=30)


def delivered(config: Mapping[str, Any], subject: Mapping[str, object] = SUBJECT) -> dict[str, Any]:
    """A config of a simulation as AVS Brain would deliver it."""
    return {**document(), **config, "subject_resolution": dict(subject)}


def client_of(brain: Brain, config: Mapping[str, Any], as_of: datetime, days: int, **options: Any) -> Client:
    """A client that enforces the config with periods as in a simulation's window, loaded over HTTP."""
    brain.activate(delivered(config))
    start = as_of - timedelta(days=days)
    clock = SetClock(as_of)
    client = Client(
        brain.url, **SUBJECT, mode="manual", clock=clock, period_anchor=start, accrues_from=start, **options
    )
    client.refresh()
    return client


def replay(client: Client, events: Iterable[Mapping[str, Any]]) -> list[tuple[str, Recorded]]:
    """Record every event; (customer, what became of it) in their order."""
    return [(event["customer_id"], client.record_event(event)) for event in events]

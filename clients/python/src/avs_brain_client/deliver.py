"""Sending enforcement events: in batches, oldest first, again and again until AVS Brain says what became of them."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from avs_brain_client.brain import REJECTED, Brain
from avs_brain_client.events import EventQueue, Numbered
from avs_brain_client.json_text import exact_json

log = logging.getLogger("avs_brain_client")

MAX_EVENTS = 1_000
"""Per request: what AVS Brain takes."""


class Sender:
    """`numbered`: whether events carry client_id and sequence, by which AVS Brain counts gaps. One that does not know
    these fields is sent the events without them. With no AVS Brain to send to, events wait.
    """

    def __init__(self, queue: EventQueue, brain: Brain | None, *, numbered: bool, batch: int = MAX_EVENTS) -> None:
        self._queue, self._brain, self._numbered, self._batch = queue, brain, numbered, batch

    def flush(self) -> int:
        """Send everything that waits; how many events AVS Brain has taken. Raises Unreachable, and nothing is lost.

        An event whose answer was lost on the way is sent again with the same id: AVS Brain accepts it once.
        """
        taken = 0
        if self._brain is None:
            return taken
        while events := self._queue.waiting(self._batch):
            results = self._brain.send_events([self._body(event) for event in events])
            taken += self._settle(events, results)
        return taken

    def _body(self, event: Numbered) -> Mapping[str, Any]:
        if not self._numbered:
            return event.body
        return {**event.body, "client_id": self._queue.client_id, "sequence": event.sequence}

    def _settle(self, events: Sequence[Numbered], results: Sequence[Mapping[str, Any]]) -> int:
        if self._numbered and any(map(_does_not_know_numbers, results)):
            log.warning("This AVS Brain does not know client_id and sequence: events are sent without them.")
            self._numbered = False
            return 0
        done = []
        for event, result in zip(events, results, strict=True):
            if result.get("status") == REJECTED:
                problem = exact_json(result.get("errors") or [])
                log.error("AVS Brain does not take enforcement event %s: %s", event.event_id, problem)
                self._queue.refuse(event, problem)
            else:
                done.append(event)
        self._queue.done(done)
        return len(done)


def _does_not_know_numbers(result: Mapping[str, Any]) -> bool:
    return result.get("status") == REJECTED and any(
        error.get("pointer") in ("/client_id", "/sequence") for error in result.get("errors") or ()
    )

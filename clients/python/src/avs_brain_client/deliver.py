"""Sending events: in batches, oldest first, again and again until AVS Brain says what became of them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from avs_brain_client.brain import REJECTED, Brain
from avs_brain_client.errors import AvsError, EventsRefused
from avs_brain_client.events import EventQueue, Numbered
from avs_brain_client.json_text import exact_json
from avs_brain_client.problems import EVENTS_NOT_SENT, EVENTS_REFUSED, Problems

log = logging.getLogger("avs_brain_client")

MAX_EVENTS = 1_000
"""Per request: what AVS Brain takes of enforcement events, and names of usage events that it rejects."""

Events = Sequence[Numbered]


class Sender:
    """`numbered`: whether enforcement events carry client_id and sequence, by which AVS Brain counts gaps. One that
    does not know these fields is sent the events without them. With no AVS Brain to send to, events wait.
    """

    def __init__(
        self, queue: EventQueue, brain: Brain | None, problems: Problems, *, numbered: bool, batch: int = MAX_EVENTS
    ) -> None:
        self._queue, self._brain, self._problems = queue, brain, problems
        self._numbered, self._batch = numbered, batch

    def flush(self) -> int:
        """Send everything that waits; how many events AVS Brain has taken. Raises Unreachable, and nothing is lost.

        An event whose answer was lost on the way is sent again with the same id: AVS Brain accepts it once.
        """
        if self._brain is None:
            return 0
        try:
            taken = self._send_all(self._queue.waiting, self._send) + self._send_all(
                self._queue.waiting_usage, self._send_usage
            )
        except AvsError as problem:
            self._problems.begin(EVENTS_NOT_SENT, f"Events wait: {problem}")
            raise
        self._problems.end(EVENTS_NOT_SENT)
        return taken

    def _send_all(self, waiting: Callable[[int], Events], send: Callable[[Events], int]) -> int:
        taken = 0
        while events := waiting(self._batch):
            taken += self._send_or_halve(events, send)
        return taken

    def _send_or_halve(self, events: Events, send: Callable[[Events], int]) -> int:
        """Where AVS Brain refuses a whole batch, find the events that it cannot take."""
        try:
            return send(events)
        except EventsRefused as problem:
            if len(events) == 1:
                self._refuse(events[0], str(problem))
                return 0
        half = len(events) // 2
        return self._send_or_halve(events[:half], send) + self._send_or_halve(events[half:], send)

    def _send(self, events: Events) -> int:
        assert self._brain is not None  # noqa: S101
        results = self._brain.send_events([self._body(event) for event in events])
        return self._settle(events, results)

    def _send_usage(self, events: Events) -> int:
        assert self._brain is not None  # noqa: S101
        rejects = self._brain.send_usage([event.body for event in events])
        for index, reason in rejects.items():
            self._refuse(events[index], reason)
        taken = [event for index, event in enumerate(events) if index not in rejects]
        self._queue.done_usage(taken)
        return len(taken)

    def _body(self, event: Numbered) -> Mapping[str, Any]:
        if not self._numbered:
            return event.body
        return {**event.body, "client_id": self._queue.client_id, "sequence": event.sequence}

    def _settle(self, events: Events, results: Sequence[Mapping[str, Any]]) -> int:
        if self._numbered and any(map(_does_not_know_numbers, results)):
            log.warning("This AVS Brain does not know client_id and sequence: events are sent without them.")
            self._numbered = False
            return 0
        done = []
        for event, result in zip(events, results, strict=True):
            if result.get("status") == REJECTED:
                self._refuse(event, exact_json(result.get("errors") or []))
            else:
                done.append(event)
        self._queue.done(done)
        return len(done)

    def _refuse(self, event: Numbered, reason: str) -> None:
        self._queue.refuse(event, reason)
        text = f"AVS Brain does not take some events, which are set aside; the last is {event.event_id}: {reason}"
        self._problems.begin(EVENTS_REFUSED, text)


def _does_not_know_numbers(result: Mapping[str, Any]) -> bool:
    return result.get("status") == REJECTED and any(
        error.get("pointer") in ("/client_id", "/sequence") for error in result.get("errors") or ()
    )

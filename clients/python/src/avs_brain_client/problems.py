"""What is wrong with a client now: each problem in its status from when it began until it is over, and logged once."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from avs_brain_client.clock import Clock, moment_of

log = logging.getLogger("avs_brain_client")

NEVER_LOADED = "never_loaded"
UNREACHABLE = "unreachable"
TOKEN_REFUSED = "token_refused"  # noqa: S105
CONFIG_REFUSED = "config_refused"
CACHE_DAMAGED = "cache_damaged"
CACHE_NOT_WRITTEN = "cache_not_written"
QUEUE_NOT_WRITTEN = "queue_not_written"
QUEUE_DAMAGED = "queue_damaged"
QUEUE_IN_MEMORY = "queue_in_memory"
EVENTS_LOST = "events_lost"
EVENTS_NOT_SENT = "events_not_sent"
EVENTS_REFUSED = "events_refused"
COUNTERS_UNAVAILABLE = "counters_unavailable"
UNKNOWN_UNIT = "unknown_unit"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong: `code` is stable, `since` is when it began, `text` says what it means and what to do."""

    code: str
    since: datetime
    text: str


class Problems:
    """One of each code at a time. Any thread may tell and ask."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._now: dict[str, Problem] = {}

    def begin(self, code: str, text: str) -> None:
        """Logged when it is new; later texts only take the place of the first."""
        known = self._now.get(code)
        since = moment_of(self._clock.wall_us()) if known is None else known.since
        self._now[code] = Problem(code, since, text)
        if known is None:
            log.warning("%s", text)

    def end(self, *codes: str) -> None:
        """They are over; nothing when there were none."""
        for code in codes:
            if self._now.pop(code, None) is not None:
                log.info("Over: %s.", code)

    def __contains__(self, code: str) -> bool:
        return code in self._now

    def listed(self) -> Sequence[Problem]:
        """The oldest first."""
        return tuple(sorted(self._now.copy().values(), key=lambda problem: (problem.since, problem.code)))

"""How a client is doing, for health checks and dashboards."""

from collections.abc import Sequence
from dataclasses import dataclass

from avs_brain_client.counters.steady import CountersStatus
from avs_brain_client.problems import Problem


@dataclass(frozen=True, slots=True)
class Status:
    """How the client is doing. `state` is fresh, stale, expired or never_loaded; `problems` is all that is wrong now,
    the oldest first, `problem` the text of the newest. `counters` is how the counters of use are.

    `config_version_id` and `sequence` are of the config that was delivered last, which may let the running period go on
    by the terms before it.
    """

    state: str
    config_version_id: str | None
    sequence: int | None
    age_seconds: float | None
    problem: str | None
    events_waiting: int
    events_refused: int
    counters: CountersStatus
    problems: Sequence[Problem] = ()

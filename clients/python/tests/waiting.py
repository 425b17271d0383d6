"""Waiting for other threads and processes, with a limit."""

import time
from collections.abc import Callable

from avs_brain_client import Client


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    """Return as soon as the condition holds; AssertionError when it does not in time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "It did not happen in time."
        time.sleep(0.01)


def codes(client: Client) -> list[str]:
    """What is wrong with a client now, the oldest first."""
    return [problem.code for problem in client.status.problems]

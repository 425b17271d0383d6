"""How long the server waits for clients, and how many requests the product works on at once (spec 6).

An operator may set these, for they depend on the machine. Those that are the same everywhere stand in `app/sizes.py`
(files, texts and documents) and in `simulation/edges.py` (values within JSON).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import BadSetting

LIMITS = "AVS_LIMITS"
"""Where the application's settings keep its Limits."""


@dataclass(frozen=True)
class Limits:
    """The limits of one server process.

    `threads` requests are worked on at once; one that no thread has taken within `queue_seconds` is refused, 503.
    `client_seconds`: a client that sends or takes nothing for so long is given up.
    """

    threads: int = 8
    queue_seconds: float = 10.0
    client_seconds: float = 30.0


def limits(environ: Mapping[str, str]) -> Limits:
    """The limits that `AVS_THREADS`, `AVS_QUEUE_SECONDS` and `AVS_CLIENT_SECONDS` set. Raises BadSetting."""
    usual = Limits()
    return Limits(
        _number(environ, "AVS_THREADS", usual.threads, 256),
        _number(environ, "AVS_QUEUE_SECONDS", int(usual.queue_seconds), 600),
        _number(environ, "AVS_CLIENT_SECONDS", int(usual.client_seconds), 60),
    )


def _number(environ: Mapping[str, str], name: str, usual: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return usual
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= most:
        raise BadSetting(f"{name} is {text[:40]!r}: give a whole number from 1 to {most}, or leave it out for {usual}.")
    return int(text)

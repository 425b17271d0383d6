"""What a client may be told, and what follows from it."""

from datetime import timedelta

from avs_brain_client.follow import LONGEST_BACKOFF_SECONDS
from avs_brain_client.paths import secure
from avs_brain_client.published import is_http
from avs_brain_client.unknown_units import UNKNOWN_UNITS

FRESH_SECONDS = {"poll": 2.5, "longpoll": 75.0, "stream": 60.0, "manual": 60.0}
"""For how long a confirmed config counts as fresh; of "poll" in multiples of its interval."""
MOST_PAUSE = 30.0
"""Seconds between two looks at what is published while AVS Brain does not answer."""


def refuse_unknown(mode: str, without_config: str, unknown_unit: str | None) -> None:
    if mode not in FRESH_SECONDS:
        raise ValueError(f"mode is {mode!r}: allowed are {', '.join(FRESH_SECONDS)}")
    if without_config not in ("open", "closed"):
        raise ValueError(f"without_config is {without_config!r}: allowed are open, closed")
    if unknown_unit not in (None, *UNKNOWN_UNITS):
        raise ValueError(f"unknown_unit is {unknown_unit!r}: allowed are {', '.join(UNKNOWN_UNITS)}, or None")


def microseconds_of(window: timedelta) -> int:
    if window <= timedelta(0):
        raise ValueError(f"remember_operations is {window}: it must be longer than nothing")
    return window // timedelta(microseconds=1)


def pace(mode: str, poll_seconds: float, falls_back: bool) -> tuple[float, float]:
    """For how long a confirmed config counts as fresh, and the longest pause between attempts: with somewhere to fall
    back to, short enough to stay fresh by it, however long AVS Brain takes not to answer.
    """
    fresh_seconds = FRESH_SECONDS[mode] * (poll_seconds if mode == "poll" else 1)
    if not falls_back:
        return fresh_seconds, LONGEST_BACKOFF_SECONDS
    return max(fresh_seconds, FRESH_SECONDS["manual"]), min(poll_seconds, MOST_PAUSE)


def refuse_untrusted(base_url: str | None, published: str | None) -> None:
    """Without pinned keys every place that they may come from must vouch for them; a folder is its owner's."""
    for url in (base_url, published if published is not None and is_http(published) else None):
        if url is not None:
            secure(url)

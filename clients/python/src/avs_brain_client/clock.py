"""Time: the wall clock for periods and effective_at, the monotonic one for ages. Tests bring their own."""

import re
import time
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Clock:
    """The machine's clocks."""

    def wall_us(self) -> int:
        """Microseconds since 1970, UTC; may jump when the machine's clock is set."""
        return time.time_ns() // 1000

    def monotonic_ns(self) -> int:
        """Nanoseconds from an arbitrary start; never jumps."""
        return time.monotonic_ns()


def microseconds(moment: datetime) -> int:
    """Since 1970, UTC; ValueError for a moment without time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_of(us: int) -> datetime:
    """The aware datetime of `microseconds`."""
    return EPOCH + timedelta(microseconds=us)


def parse_moment(text: str) -> int:
    """RFC 3339 as microseconds since 1970; ValueError for anything else."""
    if not MOMENT.fullmatch(text):
        raise ValueError(f"{text!r} is no moment with its time zone, like 2026-01-15T00:00:00Z")
    found = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    return microseconds(found)


def timestamp(us: int) -> str:
    """`2026-01-15T00:00:00Z`, with microseconds only where there are any."""
    return moment_of(us).replace(tzinfo=None).isoformat() + "Z"

"""The only wall clock: everything below the edge takes `now` as an argument."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC, to the second as documents write it."""
    return datetime.now(UTC).replace(microsecond=0)

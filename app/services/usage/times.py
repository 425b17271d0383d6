"""Times of events: RFC 3339 text or Arrow timestamps → UTC microseconds without zone, as the store keeps them."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

TIME = pa.timestamp("us")
EARLIEST = datetime(1970, 1, 1)  # noqa: DTZ001  stored times are naive UTC
LATEST = datetime(2200, 1, 1)  # noqa: DTZ001
# RFC 3339 5.6, its seconds below 60, its zone optional
_PATTERN = r"^\d{4}-\d{2}-\d{2}[Tt ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):?[0-5]\d)?$"
_beyond_microseconds = re.compile(r"(\.\d{6})\d+")
# What Arrow can cast as a whole column, likeliest first: with and without zone, to the micro- and nanosecond.
_CASTS = tuple(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in ("UTC", None))


def parse_times(column: pa.Array) -> pa.Array:
    """The times in UTC; null where a text is no time or outside 1970…2199. A time without zone is taken as UTC.

    Digits beyond the microsecond are cut off, never rounded, so that an event stays in its period.
    """
    times = _from_timestamps(column) if pa.types.is_timestamp(column.type) else _from_texts(column)
    sane = pc.and_(pc.greater_equal(times, pa.scalar(EARLIEST, TIME)), pc.less(times, pa.scalar(LATEST, TIME)))
    return pc.if_else(sane, times, pa.scalar(None, TIME))


def count_times(texts: Sequence[str]) -> int:
    """How many of the texts `parse_times` would read."""
    return len(texts) - int(parse_times(pa.array(texts, pa.string())).null_count)


def _from_timestamps(column: pa.Array) -> pa.Array:
    return column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(TIME)


def _from_texts(column: pa.Array) -> pa.Array:
    texts = pc.if_else(pc.match_substring_regex(column, _PATTERN), column, pa.scalar(None, column.type))
    for kind in _CASTS:
        try:
            return _from_timestamps(texts.cast(kind))
        except pa.ArrowInvalid:
            continue
    return pa.array([None if text is None else _from_text(text) for text in texts.to_pylist()], TIME)


def _from_text(text: str) -> datetime | None:
    """The time in one text of the pattern; None for days that do not exist."""
    try:
        moment = datetime.fromisoformat(_beyond_microseconds.sub(r"\1", text.upper()))
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        return None

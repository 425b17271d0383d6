"""Times of events: texts, epoch numbers or Arrow timestamps → UTC microseconds without zone, as the store keeps them.

Usual spellings are read as whole columns; what is left, value by value (`written_times.py`).
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.written_times import UTC_TIMES, TimeReading, read_time, shift_of
from simulation.canonical import timestamp_text

__all__ = ("TIME", "UTC_TIMES", "TimeReading", "count_times", "first_problem", "first_time", "parse_times")
TIME = pa.timestamp("us")
EARLIEST = datetime(1970, 1, 1)  # noqa: DTZ001  stored times are naive UTC
LATEST = datetime(2200, 1, 1)  # noqa: DTZ001
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
_ZONE = r"([Zz]|[+-]([01]\d|2[0-3]):?[0-5]\d)"
# RFC 3339 5.6, its seconds below 60, its zone optional
_PATTERN = rf"^\d{{4}}-\d{{2}}-\d{{2}}[Tt ]{_CLOCK}:[0-5]\d(\.\d+)?{_ZONE}?$"
# the same with a short zone (+00, as databases write it), without seconds, or a day alone
_SHORT = rf"^\d{{4}}-\d{{2}}-\d{{2}}([Tt ]{_CLOCK}(:[0-5]\d(\.\d+)?)?({_ZONE}|[+-]([01]\d|2[0-3]))?)?$"
_COMPLETIONS = (
    (r"^(.{10})$", r"\1T00:00:00"),
    (r"^(.{10}[Tt ].*[+-]\d\d)$", r"\1:00"),
    (r"^(.{10}[Tt ]\d\d:\d\d)([Zz+-].*)?$", r"\1:00\2"),
)
_ZONED = rf"{_ZONE}$"
_EPOCH = r"^(\d{9,10}|\d{12,13}|\d{15,16}|\d{18,19})(\.\d{1,9})?$"
_EPOCH_DIGITS = ((10, 6), (13, 3), (16, 0), (19, -3))  # at most so many digits: a power of ten to microseconds
_Read = Callable[[pa.Array, TimeReading], pa.Array]
# What Arrow can cast as a whole column, likeliest first: with and without zone, to the micro- and nanosecond.
_CASTS = tuple(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in ("UTC", None))


def parse_times(column: pa.Array, reading: TimeReading = UTC_TIMES) -> pa.Array:
    """The times in UTC; null where a text is no time or outside 1970…2199.

    A time without zone is one of the reading's zone, UTC unless said. Digits beyond the microsecond are cut off, never
    rounded, so that an event stays in its period.
    """
    times = _from_timestamps(column, reading) if pa.types.is_timestamp(column.type) else _from_texts(column, reading)
    sane = pc.and_(pc.greater_equal(times, pa.scalar(EARLIEST, TIME)), pc.less(times, pa.scalar(LATEST, TIME)))
    return pc.if_else(sane, times, pa.scalar(None, TIME))


def count_times(texts: Sequence[str]) -> int:
    """How many of the texts `parse_times` would read."""
    return len(texts) - int(parse_times(pa.array(texts, pa.string())).null_count)


def first_time(column: pa.Array, reading: TimeReading) -> tuple[str, str] | None:
    """The first time of a column that can be read, as it is written and as `2026-01-15T00:00:00Z`; None without one."""
    times = parse_times(column, reading)
    places = pc.indices_nonzero(times.is_valid())
    if not len(places):
        return None
    place = places[0].as_py()
    return str(column[place].as_py()), timestamp_text(times[place].as_py().replace(tzinfo=UTC))


def first_problem(column: pa.Array, reading: TimeReading) -> list[str | None]:
    """Why each text is no time, as a sentence that names the fix; for texts that `parse_times` does not read."""
    texts = column.cast(pa.string()).dictionary_encode()
    problems = [read_time(text or "", reading) for text in texts.dictionary.to_pylist()]
    sentences = [problem if isinstance(problem, str) else None for problem in problems]
    return [None if index is None else sentences[index] for index in texts.indices.to_pylist()]


def _from_timestamps(column: pa.Array, reading: TimeReading) -> pa.Array:
    times = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(TIME)
    return times if column.type.tz or not reading.timezone else _shifted(times, reading)


def _from_texts(column: pa.Array, reading: TimeReading) -> pa.Array:
    """The usual spelling first, then, for what is left, each of the others."""
    usual = pc.match_substring_regex(column, _PATTERN)
    times = _in_zone(column, usual, reading)
    if times.null_count == column.null_count:
        return times
    for pattern, read in ((_SHORT, _from_short), (_EPOCH, _from_epoch)):
        times = _filled(times, column, pattern, read, reading)
    rest = pc.and_not(column.is_valid(), times.is_valid())
    return _replaced(times, rest, _one_by_one(column.filter(rest), reading)) if pc.any(rest).as_py() else times


def _filled(times: pa.Array, column: pa.Array, pattern: str, read: _Read, reading: TimeReading) -> pa.Array:
    mask = pc.and_not(pc.match_substring_regex(column, pattern).fill_null(False), times.is_valid())
    return _replaced(times, mask, read(column.filter(mask), reading)) if pc.any(mask).as_py() else times


def _replaced(times: pa.Array, mask: pa.Array, values: pa.Array) -> pa.Array:
    return pc.replace_with_mask(times, mask, values)


def _in_zone(column: pa.Array, usual: pa.Array, reading: TimeReading) -> pa.Array:
    """The times of texts of the usual spelling; those without a zone are the reading's."""
    texts = pc.if_else(usual, column, pa.scalar(None, column.type))
    times = _cast(texts)
    if not reading.timezone:
        return times
    bare = pc.and_not(usual.fill_null(False), pc.match_substring_regex(column, _ZONED).fill_null(False))
    return _replaced(times, bare, _shifted(times.filter(bare), reading)) if pc.any(bare).as_py() else times


def _cast(texts: pa.Array) -> pa.Array:
    for kind in _CASTS:
        try:
            return _from_timestamps(texts.cast(kind), UTC_TIMES)
        except pa.ArrowInvalid:
            continue
    moments = [None if text is None else read_time(text, UTC_TIMES) for text in texts.to_pylist()]
    return pa.array([moment if isinstance(moment, datetime) else None for moment in moments], TIME)


def _from_short(texts: pa.Array, reading: TimeReading) -> pa.Array:
    for pattern, replacement in _COMPLETIONS:
        texts = pc.replace_substring_regex(texts, pattern, replacement)
    return _in_zone(texts, pc.match_substring_regex(texts, _PATTERN), reading)


def _from_epoch(texts: pa.Array, reading: TimeReading) -> pa.Array:
    """Seconds, milli-, micro- or nanoseconds since 1970: their number of digits says which, 1973 to 2286."""
    if reading.origin is not None:
        return _one_by_one(texts, reading)
    whole = pc.replace_substring_regex(texts, r"\..*$", "")
    digits, behind = pc.utf8_length(whole), pc.replace_substring_regex(texts, r"^\d+\.?", "")
    micros = pa.nulls(len(texts), pa.int64())
    for most, power in _EPOCH_DIGITS:
        unit = pc.and_(pc.less_equal(digits, most), pc.greater(digits, most - 3))
        if pc.any(unit).as_py():
            values = _scaled(whole.filter(unit).cast(pa.int64()), behind.filter(unit), power)
            micros = pc.replace_with_mask(micros, unit, values)
    return micros.cast(TIME)


def _scaled(whole: pa.Array, behind: pa.Array, power: int) -> pa.Array:
    """Numbers times a power of ten, given by the digits before and behind their points; the rest is cut off."""
    if power <= 0:
        return pc.divide(whole, 10**-power)
    digits = pc.utf8_slice_codeunits(pc.utf8_rpad(behind, power, "0"), 0, power)
    return pc.add(pc.multiply(whole, 10**power), digits.cast(pa.int64()))


def _shifted(times: pa.Array, reading: TimeReading) -> pa.Array:
    """Local times as UTC; null for an hour that the zone has twice or not at all. One look-up for each minute."""
    minutes = pc.floor_temporal(times, unit="minute").dictionary_encode()
    shifts = [shift_of(minute, reading) if minute else None for minute in minutes.dictionary.to_pylist()]
    return pc.subtract(times, pa.array(shifts, pa.duration("us")).take(minutes.indices))


def _one_by_one(texts: pa.Array, reading: TimeReading) -> pa.Array:
    """The times of unusual spellings, each of them read once."""
    distinct = texts.dictionary_encode()
    moments = [read_time(text, reading) for text in distinct.dictionary.to_pylist()]
    known = pa.array([moment if isinstance(moment, datetime) else None for moment in moments], TIME)
    return known.take(distinct.indices)

"""Times as people and programs write them, read one at a time; what could mean two times is never guessed.

`03/04/2026` needs `day_first` to be said, a number that is no epoch time needs `origin`, and an hour that a zone has
twice is refused.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_OR_MONTH = (
    "ts does not say whether day or month comes first: write the year first, or say --day-first or --month-first"
)
NO_ORIGIN = (
    "ts is a number that counts seconds from an unknown moment: write a time, or say with --times-from which it is"
)
NO_TIME = "ts is not an RFC 3339 time between 1970 and 2199, such as 2026-01-15T00:00:00Z"
TWICE = "ts is an hour that its time zone has twice or not at all: give its offset from UTC"
ASKED = (DAY_OR_MONTH, NO_ORIGIN)
"""The problems that a file has as a whole: an option solves them."""
_FULL_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTHS = {name[:3]: number for number, name in enumerate(_FULL_MONTHS, 1)}
_CLOCK = (
    r"(?:[Tt ,]+(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?P<fraction>[.,]\d+)?)?"
    r"\s*+(?P<half>[AaPp]\.?[Mm]\.?)?)?\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
)
_DATES = (
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<then>\d{1,2})(?P=mark)(?P<year>\d{4})",
    r"(?:[A-Za-z]{3,9},?\s+)?(?P<day>\d{1,2})[-\s](?P<name>[A-Za-z]{3,9})\.?,?[-\s](?P<year>\d{4})",
    r"(?P<name>[A-Za-z]{3,9})\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4})",
)
_patterns = tuple(re.compile(rf"{pattern}{_CLOCK}", re.ASCII) for pattern in _DATES)
_number = re.compile(r"\d{1,19}(\.\d{1,12})?", re.ASCII)
_MICROSECONDS = {9: 6, 10: 6, 12: 3, 13: 3, 15: 0, 16: 0, 18: -3, 19: -3}


@dataclass(frozen=True, slots=True)
class TimeReading:
    """What a file's times leave unsaid: the zone of those without one, the order of day and month, the start of counts.

    `timezone` is an IANA name, None for UTC; `origin` is naive UTC.
    """

    timezone: str | None = None
    day_first: bool | None = None
    origin: datetime | None = None


UTC_TIMES = TimeReading()


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo | None:
    """The time zone of an IANA name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def shift_of(local: datetime, reading: TimeReading) -> timedelta | None:
    """What local time is ahead of UTC; None for an hour that the zone has twice or not at all."""
    place = zone(reading.timezone) if reading.timezone else None
    if place is None:
        return timedelta(0)
    early, late = (local.replace(tzinfo=place, fold=fold).utcoffset() for fold in (0, 1))
    return early if early == late else None


def read_time(text: str, reading: TimeReading) -> datetime | str:
    """The time in naive UTC, or the reason why the text is none."""
    if _number.fullmatch(text):
        return _of_number(text, reading)
    for pattern in _patterns:
        if match := pattern.fullmatch(text):
            return _of_parts(match.groupdict(), reading)
    return NO_TIME


def _of_number(text: str, reading: TimeReading) -> datetime | str:
    whole = text.partition(".")[0]
    if reading.origin is not None:
        return _after(reading.origin, int(Decimal(text).scaleb(6)))
    if len(whole) not in _MICROSECONDS or whole.startswith("0"):
        return NO_ORIGIN
    return _after(datetime(1970, 1, 1), int(Decimal(text).scaleb(_MICROSECONDS[len(whole)])))  # noqa: DTZ001


def _after(start: datetime, microseconds: int) -> datetime | str:
    try:
        return start + timedelta(microseconds=microseconds)
    except OverflowError:
        return NO_TIME


def _of_parts(parts: dict[str, str | None], reading: TimeReading) -> datetime | str:
    day = _date(parts, reading)
    clock = _clock(parts)
    if isinstance(day, str) or clock is None:
        return day if isinstance(day, str) else NO_TIME
    moment, named_zone = datetime.combine(day, clock), parts["zone"]
    try:
        if named_zone:
            return _with_zone(moment, named_zone)
        shift = shift_of(moment, reading)
        return TWICE if shift is None else moment - shift
    except (OverflowError, ValueError):
        return NO_TIME


def _date(parts: dict[str, str | None], reading: TimeReading) -> date | str:
    day, month = parts.get("day"), parts.get("month")
    if parts.get("name"):
        month = str(_month(parts["name"] or ""))
    elif parts.get("first"):
        first, then = int(parts["first"] or 0), int(parts["then"] or 0)
        day_first = first > 12 if (first > 12) != (then > 12) else reading.day_first
        if first == then:
            day_first = True
        if day_first is None:
            return DAY_OR_MONTH
        day, month = (str(first), str(then)) if day_first else (str(then), str(first))
    try:
        return date(int(parts["year"] or 0), int(month or 0), int(day or 0))
    except ValueError:
        return NO_TIME


def _month(name: str) -> int:
    """The number of an English month, whole or by its three letters; 0 for any other word."""
    folded = name.casefold()
    is_month = folded in _FULL_MONTHS or folded in _MONTHS or folded == "sept"
    return _MONTHS[folded[:3]] if is_month else 0


def _clock(parts: dict[str, str | None]) -> time | None:
    hour, half = int(parts["hour"] or 0), (parts["half"] or "").casefold().replace(".", "")
    if hour > 23 or (half and not 1 <= hour <= 12):
        return None
    hour = hour % 12 + (12 if half == "pm" else 0) if half else hour
    microsecond = int((parts["fraction"] or ".0")[1:7].ljust(6, "0"))
    return time(hour, int(parts["minute"] or 0), int(parts["second"] or 0), microsecond)


def _with_zone(moment: datetime, named_zone: str) -> datetime:
    if named_zone.upper() in ("Z", "UTC", "GMT"):
        return moment
    digits = named_zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError(named_zone)
    shift = timedelta(hours=hours, minutes=minutes)
    return (moment.replace(tzinfo=UTC) + (shift if named_zone[0] == "-" else -shift)).replace(tzinfo=None)

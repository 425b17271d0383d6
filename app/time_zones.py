"""The time zones that a period may follow: names of the IANA database, as this machine and its packages know it."""

from functools import cache
from zoneinfo import available_timezones

UTC_NAME = "UTC"
TIME_ZONE_RULE = "the IANA name of a time zone, like Europe/Berlin or UTC"


@cache
def time_zones() -> tuple[str, ...]:
    """Every time zone that is named by its place, and UTC, by name.

    Short names such as CET and localtime are left out: they mean another rule on another machine.
    """
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == UTC_NAME))


def is_time_zone(name: str) -> bool:
    """Whether a period may follow the time zone of this name."""
    return name in time_zones()

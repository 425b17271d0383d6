"""How time is cut into periods, `(start, end]`: 30 days from an anchor, as in AVS Brain's simulation (spec 4.1), or
months of a time zone, from its first day or from each customer's own.

A period has a number, so that one more is the next one, and a key, which names it in accounts: keys of different kinds
and anchors never collide, and periods that begin and end alike have the same key.
"""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from avs_brain_client.clock import DAY_US, microseconds, moment_of
from avs_brain_client.document import CALENDAR_MONTH, FIXED, PERIOD_DAYS, PeriodAnchor

PERIOD_US = PERIOD_DAYS * DAY_US
ANCHOR = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""Where period 0 starts unless the client or the document says otherwise; every process must use the same."""
CustomerDay = Callable[[str], int | None]
"""The day of the month, 1 to 31, on which a customer's periods begin; None: the day of their first use."""


class Period(NamedTuple):
    """One period of a calendar: `start_us` is the last moment before it, `end_us` its last microsecond."""

    calendar: "Calendar"
    number: int
    key: str
    start_us: int
    end_us: int


class Calendar(Protocol):
    """The periods of one customer. `accrues_from`: the period from which the allowance counts for rollover; None: from
    the customer's own first use.
    """

    @property
    def accrues_from(self) -> int | None: ...

    @property
    def asked_last(self) -> "list[Period]":
        """The period that was asked for last, which is nearly always the one that is asked for next."""

    def number(self, at_us: int) -> int:
        """Of the period with start < at ≤ end; negative before the anchor."""

    def start_us(self, number: int) -> int:
        """The last moment before the period."""

    def key(self, number: int) -> str:
        """The name of a period in accounts."""

    def number_of(self, key: str) -> int | None:
        """The number of the period with this key; None for a key of other calendars."""


@dataclass(frozen=True, slots=True)
class FixedCalendar:
    """Periods of 30 days; `anchor_us` is the start of period 0."""

    anchor_us: int = microseconds(ANCHOR)
    accrues_from: int | None = None
    asked_last: list[Period] = field(default_factory=list, compare=False, repr=False)

    def number(self, at_us: int) -> int:
        return (at_us - self.anchor_us - 1) // PERIOD_US

    def start_us(self, number: int) -> int:
        return self.anchor_us + number * PERIOD_US

    def key(self, number: int) -> str:
        return f"{PERIOD_DAYS}d@{self.start_us(number)}"

    def number_of(self, key: str) -> int | None:
        kind, _, start = key.partition("@")
        if kind != f"{PERIOD_DAYS}d":
            return None
        number, rest = divmod(int(start) - self.anchor_us, PERIOD_US)
        return None if rest else number


@dataclass(frozen=True, slots=True)
class MonthCalendar:
    """Months of a time zone, each from midnight of `day`, or of the month's last day where it is shorter.

    A number is that of the month in which the period begins, year * 12 + month - 1. Where a change of the clocks skips
    midnight the period begins at the change; where midnight comes twice, at the first.
    """

    zone: ZoneInfo
    kind: str
    day: int = 1
    accrues_from: int | None = None
    asked_last: list[Period] = field(default_factory=list, compare=False, repr=False)
    _starts: dict[int, int] = field(default_factory=dict, compare=False, repr=False)

    def number(self, at_us: int) -> int:
        local = moment_of(at_us).astimezone(self.zone)
        number = local.year * 12 + local.month - 1
        while self.start_us(number) >= at_us:
            number -= 1
        while self.start_us(number + 1) < at_us:
            number += 1
        return number

    def start_us(self, number: int) -> int:
        start = self._starts.get(number)
        if start is None:
            year, month = divmod(number, 12)
            day = min(self.day, monthrange(year, month + 1)[1])
            start = self._starts[number] = microseconds(datetime(year, month + 1, day, tzinfo=self.zone))
        return start

    def key(self, number: int) -> str:
        year, month = divmod(number, 12)
        return f"{self.kind}@{year:04}-{month + 1:02}@{self.zone.key}"

    def number_of(self, key: str) -> int | None:
        kind, _, rest = key.partition("@")
        month, _, zone = rest.partition("@")
        if kind != self.kind or zone != self.zone.key:
            return None
        return int(month[:4]) * 12 + int(month[5:]) - 1


class Calendars:
    """The calendar of each customer, by one anchor; `common` is everybody's, where it does not depend on them."""

    def __init__(self, anchor: PeriodAnchor, accrues_from_us: int | None, customer_day: CustomerDay | None) -> None:
        self._anchor, self._accrues_from_us, self._customer_day = anchor, accrues_from_us, customer_day
        self._by_day: dict[int, Calendar] = {}
        self._zone = None if anchor.kind == FIXED else time_zone(anchor.time_zone)
        self.common: Calendar | None = None
        if self._zone is None:
            self.common = self._accruing(FixedCalendar(anchor.at_us))
        elif anchor.kind == CALENDAR_MONTH:
            self.common = self._accruing(MonthCalendar(self._zone, "month"))

    @property
    def asks_the_app(self) -> bool:
        """Whether the app names customers' days, which may change at any time."""
        return self.common is None and self._customer_day is not None

    @property
    def usual(self) -> Calendar:
        """Everybody's, or that of customers whose day is the first."""
        return self.common or self._by_day.get(1) or self._of_day(1)

    def of(self, customer_id: str, since_us: int | None, now_us: int) -> Calendar:
        """The customer's calendar: by the day that the app names, else that of the first use, which may be now."""
        if self.common is not None:
            return self.common
        day = None if self._customer_day is None else self._customer_day(customer_id)
        if day is None:
            day = moment_of(now_us if since_us is None else since_us).astimezone(self._zone).day
        if day.__class__ is not int or not 1 <= day <= 31:  # a setting of the app: no type checker stands before it
            raise ValueError(f"customer_day names {day!r} for customer {customer_id!r}: it must be 1 to 31 or None")
        return self._by_day.get(day) or self._of_day(day)

    def _of_day(self, day: int) -> Calendar:
        calendar = self._by_day[day] = self._accruing(
            MonthCalendar(time_zone(self._anchor.time_zone), f"day{day}", day)
        )
        return calendar

    def _accruing(self, calendar: FixedCalendar | MonthCalendar) -> Calendar:
        if self._accrues_from_us is None:
            return calendar
        accrues_from = calendar.number(self._accrues_from_us + 1)
        if isinstance(calendar, FixedCalendar):
            return FixedCalendar(calendar.anchor_us, accrues_from)
        return MonthCalendar(calendar.zone, calendar.kind, calendar.day, accrues_from)


class PeriodSetting:
    """How a client counts where the document does not say: its anchor, from when unused allowance rolls over (None:
    from each customer's first use), and customers' own days.
    """

    def __init__(
        self,
        anchor: datetime | PeriodAnchor = ANCHOR,
        accrues_from: datetime | None = None,
        customer_day: CustomerDay | None = None,
    ) -> None:
        self._anchor = PeriodAnchor(FIXED, microseconds(anchor)) if isinstance(anchor, datetime) else anchor
        self._accrues_from_us = None if accrues_from is None else microseconds(accrues_from)
        self._customer_day = customer_day
        self._numbered = FixedCalendar(self._anchor.at_us)

    def calendars(self, anchor: PeriodAnchor | None) -> Calendars:
        """By the document's anchor, or by this setting's where it has none."""
        return Calendars(anchor or self._anchor, self._accrues_from_us, self._customer_day)

    def key_of_numbered(self, number: int) -> str:
        """The key of a period that an earlier version of this library, with the same setting, knew by its number."""
        return self._numbered.key(number)


def period_at(calendar: Calendar, at_us: int) -> Period:
    """The period with start < at ≤ end."""
    for period in calendar.asked_last:
        if period.start_us < at_us <= period.end_us:
            return period
    period = numbered(calendar, calendar.number(at_us))
    calendar.asked_last[:] = (period,)
    return period


def numbered(calendar: Calendar, number: int) -> Period:
    """The period of this number."""
    return Period(calendar, number, calendar.key(number), calendar.start_us(number), calendar.start_us(number + 1))


def begins_about(key: str) -> tuple[int, str]:
    """To order the periods of an account, of whatever calendar: where the period with this key begins, by its day."""
    kind, _, rest = key.partition("@")
    if kind == f"{PERIOD_DAYS}d":
        return int(rest), key
    if not rest:
        return int(kind) * PERIOD_US, key
    month = datetime(int(rest[:4]), int(rest[5:7]), 1, tzinfo=timezone.utc)
    return microseconds(month) + (int(kind.removeprefix("day") if kind != "month" else 1) - 1) * DAY_US, key


def period_of(calendar: Calendar, key: str) -> Period | None:
    """The period with this key; None where it is of another calendar."""
    number = calendar.number_of(key)
    return None if number is None else numbered(calendar, number)


def time_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name; ValueError says what to install when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise ValueError(
            f"time zone {name!r} is not known here: install the system's time zone files or the package tzdata"
        ) from problem


def mark_of(period: Period) -> str:
    """How a period stands in the mark of a distinct value: by its number where it has one from of old."""
    number = USUAL_GRID.number_of(period.key)
    return period.key if number is None else str(number)


USUAL_GRID = FixedCalendar()

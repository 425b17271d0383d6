"""The time that a simulation looks at: `(start, as_of]`, cut into periods of 30 days (spec 4.1)."""

from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta

PERIOD_DAYS = 30
WINDOW_DAYS = (30, 60, 90, 120)
PERIOD_ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)
"""Where period 0 of customers begins in apps that do not say otherwise."""


@dataclass(frozen=True)
class Period:
    """One period of the window, `(start, end]`: an event exactly at `end` belongs to it; the oldest has index 0."""

    index: int
    start: datetime
    end: datetime


def running_period(moment: datetime) -> Period:
    """The period in which customers are at a moment, `(start, end]`, in apps that count from the usual anchor."""
    length = timedelta(days=PERIOD_DAYS)
    index = (moment - PERIOD_ANCHOR - timedelta(microseconds=1)) // length
    return Period(index, PERIOD_ANCHOR + length * index, PERIOD_ANCHOR + length * (index + 1))


@dataclass(frozen=True)
class Window:
    """A window of 30, 60, 90 or 120 days that ends with `as_of`, which is aware; ValueError names what is not allowed.

    `as_of` is inside the window, its start outside. The window "mocked" has 30 days and events of its own.
    """

    as_of: datetime
    days: int

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is None:
            raise ValueError(f"as_of {self.as_of!r} has no time zone")
        if self.days not in WINDOW_DAYS:
            raise ValueError(f"a window has 30, 60, 90 or 120 days, not {self.days!r}")
        if not 1 < self.as_of.year < MAXYEAR:
            raise ValueError(f"as_of {self.as_of!r} leaves no room around it")
        object.__setattr__(self, "as_of", self.as_of.astimezone(UTC))

    @property
    def start(self) -> datetime:
        return self.as_of - timedelta(days=self.days)

    @property
    def periods(self) -> tuple[Period, ...]:
        """N/30 periods, oldest first; together they cover the window without a gap."""
        length = timedelta(days=PERIOD_DAYS)
        return tuple(
            Period(index, self.start + length * index, self.start + length * (index + 1))
            for index in range(self.days // PERIOD_DAYS)
        )


def days_before(moment: datetime, days: int) -> datetime:
    """`moment − days`, or the earliest moment there is when that would lie before it."""
    try:
        return moment - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)

"""The shapes of a window and its periods in the outputs of a simulation (spec 4.3); moments are texts."""

from typing import TypedDict


class PeriodFields(TypedDict):
    """One period, `(start, end]`; its index counts from 0, the oldest."""

    index: int
    start: str
    end: str


class WindowFields(TypedDict):
    """The whole window, `(start, as_of]`, and its periods of 30 days."""

    start: str
    as_of: str
    days: int
    periods: list[PeriodFields]

"""Evidence day by day: forecast against observed per event type and per limit, at the end of each day.

The forecast counts customers over its whole window, so each day shows how many customers had been counted by its end,
and the verdict that an operator would have read then; the last day's is the verdict of the window.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from app.models.base import AnySession
from app.services.evidence.comparison import InForce, Limit, forecast_customers, forecast_limits, observed_key
from app.services.evidence.counts import DayEvents, Key, events_by_day, first_seen
from rules import drift
from simulation.canonical import JsonObject

MAX_DAYS = 400

ALL_LIMITS = ""
"""Stands for every limit of an event type together; no app reports it, limit_key is never empty."""

ByDay = dict[str, int]
"""Day (UTC) → a number of events or customers."""


@dataclass(frozen=True)
class DailyComparison:
    """One day (UTC) of one event type (`action` None), or of one limit of it (`percent` None: the spend cap).

    `events` and `new_customers` are the day's; `customers` is how many were counted up to its end, each once.
    """

    day: str
    event_type: str
    action: str | None
    percent: int | Decimal | None
    events: int
    new_customers: int
    customers: int
    forecast_customers: int
    ratio: Decimal | None
    verdict: str

    def as_dict(self) -> JsonObject:
        """Plain JSON with the same names."""
        return asdict(self)


@dataclass(frozen=True)
class _Series:
    """One line to compare day by day: an event type, or one of its limits, the key of its counts and its forecast."""

    event_type: str
    limit: Limit | None
    key: Key
    forecast: int


def daily_comparisons(session: AnySession, version: InForce) -> tuple[DailyComparison, ...]:
    """Every day in force within the forecast's window: each event type, followed by its limits.

    Takes three statements. There is no row without a forecast, nor before the config was in force.
    """
    days = _days(version)
    if not days:
        return ()
    config_id, until = version.config_version_id, version.window_ends
    by_type = _by_key(first_seen(session, config_id, until, limits=False))
    by_limit = _by_key(first_seen(session, config_id, until, limits=True))
    events = _events(events_by_day(session, config_id))
    return tuple(
        row
        for series in _series(version, by_limit)
        for row in _rows(series, days, by_limit if series.limit else by_type, events, until)
    )


def _by_key(rows: Iterator[tuple[Key, str, int]]) -> dict[Key, ByDay]:
    new_customers: dict[Key, ByDay] = {}
    for key, day, customers in rows:
        new_customers.setdefault(key, {})[day] = customers
    return new_customers


def _events(rows: Iterable[DayEvents]) -> dict[Key, ByDay]:
    """Events by type and limit; all of a type together under `(event_type, ALL_LIMITS)`."""
    events: dict[Key, ByDay] = {}
    for row in rows:
        events.setdefault((row.event_type, row.limit_key), {})[row.day] = row.events
        all_limits = events.setdefault((row.event_type, ALL_LIMITS), {})
        all_limits[row.day] = all_limits.get(row.day, 0) + row.events
    return events


def _days(version: InForce) -> list[date]:
    """From the day it came into force to its last one, or to the end of the window; at most `MAX_DAYS`."""
    if version.since is None or version.window_ends is None:
        return []
    first, last = version.since, min(version.until, version.window_ends - timedelta(microseconds=1))
    number = (last.astimezone(UTC).date() - first.astimezone(UTC).date()).days + 1
    return [first.astimezone(UTC).date() + timedelta(days=at) for at in range(min(number, MAX_DAYS))]


def _series(version: InForce, reported: Collection[Key]) -> Iterator[_Series]:
    limits = forecast_limits(version.outputs)
    for event_type, forecast in forecast_customers(version.outputs).items():
        yield _Series(event_type, None, (event_type, None), forecast)
        for limit in limits:
            if limit.event_type == event_type and limit.customers is not None:
                yield _Series(event_type, limit, observed_key(limit, limits, reported), limit.customers)


def _rows(
    series: _Series,
    days: list[date],
    new_customers: Mapping[Key, ByDay],
    events: Mapping[Key, ByDay],
    window_ends: datetime | None,
) -> Iterator[DailyComparison]:
    limit, customers = series.limit, 0
    new_by_day = new_customers.get(series.key, {})
    daily_events = events.get(series.key if limit else (series.event_type, ALL_LIMITS), {})
    for day in days:
        new = new_by_day.get(day.isoformat(), 0)
        customers += new
        yield DailyComparison(
            day=day.isoformat(),
            event_type=series.event_type,
            action=limit.action if limit else None,
            percent=limit.percent if limit else None,
            events=daily_events.get(day.isoformat(), 0),
            new_customers=new,
            customers=customers,
            forecast_customers=series.forecast,
            ratio=drift.ratio_of(customers, series.forecast),
            verdict=drift.verdict_of(customers, series.forecast, _is_early(day, window_ends)),
        )


def _is_early(day: date, window_ends: datetime | None) -> bool:
    """Whether the window is still open when the day ends."""
    evening = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return window_ends is not None and evening < window_ends

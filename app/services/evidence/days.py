"""Evidence day by day: forecast against observed per action and per limit, as it stood at the end of each day.

The forecast counts customers over its whole window, so a day shows how many customers have been seen so far, and the
verdict that an operator would have read that evening; the last day's is the verdict of the window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.services.evidence.comparison import InForce, Limit, forecast_customers, forecast_limits, observed_key
from app.services.evidence.counts import Key, events_by_day, first_seen
from rules import drift

MAX_DAYS = 400


@dataclass(frozen=True)
class DailyComparison:
    """One day (UTC) of one event type (`action` null), or of one limit of it (`percent` null: the spend cap).

    `events` and `new_customers` are the day's; `customers` have been seen by its end, each once.
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

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON with the same names."""
        return asdict(self)


@dataclass(frozen=True)
class _Series:
    """What is compared day by day: an event type, or one of its limits, and the key of its counts."""

    event_type: str
    limit: Limit | None
    key: Key
    forecast: int


def daily_comparisons(session: Any, version: InForce) -> tuple[DailyComparison, ...]:
    """Every day in force within the forecast's window, event types first, each followed by its limits.

    Three statements; no row without a forecast, or before the config was in force.
    """
    days = _days(version)
    if not days:
        return ()
    config, until = version.config_version_id, version.window_ends
    seen = {
        False: _by_key(first_seen(session, config, until, limits=False)),
        True: _by_key(first_seen(session, config, until, limits=True)),
    }
    events: dict[Key, dict[str, int]] = {}
    for day, event_type, limit, number in events_by_day(session, config):
        events.setdefault((event_type, limit), {})[day] = number
        whole = events.setdefault((event_type, ""), {})
        whole[day] = whole.get(day, 0) + number
    return tuple(
        row
        for series in _series(version, seen[True])
        for row in _rows(series, days, seen[series.limit is not None], events, version.window_ends)
    )


def _by_key(rows: Iterator[tuple[Key, str, int]]) -> dict[Key, dict[str, int]]:
    found: dict[Key, dict[str, int]] = {}
    for key, day, customers in rows:
        found.setdefault(key, {})[day] = customers
    return found


def _days(version: InForce) -> list[date]:
    """From the day it came into force to today, or to the end of the window."""
    if version.since is None or version.window_ends is None:
        return []
    first, last = version.since, min(version.until, version.window_ends - timedelta(microseconds=1))
    number = (last.astimezone(UTC).date() - first.astimezone(UTC).date()).days + 1
    return [first.astimezone(UTC).date() + timedelta(days=at) for at in range(min(number, MAX_DAYS))]


def _series(version: InForce, found: Mapping[Key, Any]) -> Iterator[_Series]:
    limits = forecast_limits(version.outputs)
    for event_type, forecast in forecast_customers(version.outputs).items():
        yield _Series(event_type, None, (event_type, None), forecast)
        for limit in limits:
            if limit.event_type == event_type and limit.customers is not None:
                yield _Series(event_type, limit, observed_key(limit, limits, found), limit.customers)


def _rows(
    series: _Series,
    days: list[date],
    seen: Mapping[Key, Mapping[str, int]],
    events: Mapping[Key, Mapping[str, int]],
    window_ends: datetime | None,
) -> Iterator[DailyComparison]:
    new_by_day = seen.get(series.key, {})
    counts = events.get(series.key if series.limit else (series.event_type, ""), {})
    customers = 0
    for day in days:
        new = new_by_day.get(day.isoformat(), 0)
        customers += new
        yield DailyComparison(
            day=day.isoformat(),
            event_type=series.event_type,
            action=series.limit and series.limit.action,
            percent=series.limit and series.limit.percent,
            events=counts.get(day.isoformat(), 0),
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

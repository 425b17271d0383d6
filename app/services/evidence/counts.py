"""Enforcement events about a config, counted in the database: a few rows, however many events there are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypedDict

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from app.models.base import AnySession
from app.models.enforcement import EnforcementEvent

Key = tuple[str, str | None]
"""event_type and limit_key."""
KeyColumn = InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
Moment = InstrumentedAttribute[datetime] | sa.ColumnElement[datetime]


class DayEvents(NamedTuple):
    """How many events of one type came on one day (UTC) about one limit, None where the app named none."""

    day: str
    event_type: str
    limit_key: str | None
    events: int


class DayCounts(TypedDict):
    """One day (UTC): event_type → events."""

    day: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Counts:
    """Events and customers over all time, and the customers of the forecast's window."""

    events: int = 0
    customers: int = 0
    in_window: int = 0


NO_EVENTS = Counts()


def by_type(session: AnySession, config_version_id: str, window_ends: datetime | None) -> dict[str, Counts]:
    """event_type → its counts; without a window every customer counts as inside."""
    rows = session.execute(_counts(config_version_id, window_ends, EnforcementEvent.event_type))
    return {row[0]: Counts(*row[1:]) for row in rows}


def by_limit(session: AnySession, config_version_id: str, window_ends: datetime | None) -> dict[Key, Counts]:
    """event_type and the limit that the app names, None where it names none → its counts."""
    event = EnforcementEvent
    rows = session.execute(_counts(config_version_id, window_ends, event.event_type, event.limit_key))
    return {(row[0], row[1]): Counts(*row[2:]) for row in rows}


def by_unit(session: AnySession, config_version_id: str, event_type: str) -> dict[str | None, Counts]:
    """value_unit_id, None where the app names no unit → the counts of one event type."""
    event = EnforcementEvent
    rows = session.execute(_counts(config_version_id, None, event.value_unit_id).filter_by(event_type=event_type))
    return {row[0]: Counts(*row[1:]) for row in rows}


def _counts(config_version_id: str, window_ends: datetime | None, *keys: KeyColumn) -> sa.Select[Any]:
    customer = EnforcementEvent.customer_id
    inside = sa.true() if window_ends is None else EnforcementEvent.occurred_at < window_ends
    return (
        sa.select(
            *keys,
            sa.func.count(),
            sa.func.count(customer.distinct()),
            sa.func.count(sa.case((inside, customer)).distinct()),
        )
        .filter_by(config_version_id=config_version_id)
        .group_by(*keys)
    )


def events_by_day(session: AnySession, config_version_id: str, since: datetime | None = None) -> list[DayEvents]:
    """One row for each day, event type and limit that has events, in that order; `since` leaves out what is older."""
    event, day = EnforcementEvent, _day(session, EnforcementEvent.occurred_at)
    statement = (
        sa.select(day, event.event_type, event.limit_key, sa.func.count())
        .filter_by(config_version_id=config_version_id)
        .where(sa.true() if since is None else event.occurred_at >= since)
        .group_by(day, event.event_type, event.limit_key)
        .order_by(day, event.event_type, sa.func.coalesce(event.limit_key, ""))
    )
    return [DayEvents(*row) for row in session.execute(statement)]


def first_seen(
    session: AnySession, config_version_id: str, until: datetime | None, *, limits: bool
) -> Iterator[tuple[Key, str, int]]:
    """((event_type, limit_key or None), day in UTC, customers first seen that day), before `until`.

    With `limits` a customer is new to each limit, without to each event type.
    """
    event = EnforcementEvent
    keys: list[KeyColumn] = [event.event_type, *([event.limit_key] if limits else [])]
    first = sa.select(*keys, sa.func.min(event.occurred_at, type_=event.occurred_at.type).label("first"))
    first = first.filter_by(config_version_id=config_version_id).group_by(*keys, event.customer_id)
    if until is not None:
        first = first.where(event.occurred_at < until)
    customers = first.subquery()
    by = [*(customers.c[key.key] for key in keys), _day(session, customers.c.first)]
    for *key, day, number in session.execute(sa.select(*by, sa.func.count()).group_by(*by)):
        yield (key[0], key[1] if limits else None), day, number


def _day(session: AnySession, moment: Moment) -> sa.ColumnElement[str]:
    """The day in UTC as text; PostgreSQL would take the day of the session's time zone."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return sa.cast(sa.func.date(sa.func.timezone("UTC", moment) if is_postgresql else moment), sa.Text)


def window_end(since: datetime | None, days: int | None) -> datetime | None:
    """When the days that were forecast will have passed since then."""
    return since + timedelta(days=days) if since and days else None


def days_of(rows: Iterable[DayEvents]) -> tuple[DayCounts, ...]:
    """One row for each day with events, its limits taken together."""
    days: dict[str, dict[str, int]] = {}
    for row in rows:
        counts = days.setdefault(row.day, {})
        counts[row.event_type] = counts.get(row.event_type, 0) + row.events
    return tuple({"day": day, "counts": counts} for day, counts in days.items())

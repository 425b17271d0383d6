"""What was reported about a config, counted in the database: a few rows, however many events there are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from app.models.enforcement import EnforcementEvent

Key = tuple[str, str | None]
"""event_type and limit_key."""


@dataclass(frozen=True)
class Counts:
    """Events and customers over all time, and the customers of the forecast's window."""

    events: int = 0
    customers: int = 0
    in_window: int = 0


NO_EVENTS = Counts()


def by_type(session: Any, config_version_id: str, window_ends: datetime | None) -> dict[str, Counts]:
    """event_type → what came; without a window everything is inside."""
    rows = session.execute(_counts(config_version_id, window_ends, EnforcementEvent.event_type))
    return {row[0]: Counts(*row[1:]) for row in rows}


def by_limit(session: Any, config_version_id: str, window_ends: datetime | None) -> dict[Key, Counts]:
    """The same by event_type and the limit that the app names, None where it names none."""
    event = EnforcementEvent
    rows = session.execute(_counts(config_version_id, window_ends, event.event_type, event.limit_key))
    return {(row[0], row[1]): Counts(*row[2:]) for row in rows}


def by_unit(session: Any, config_version_id: str, event_type: str) -> dict[str | None, Counts]:
    """value_unit_id → what came of one event type, None where the app names no unit."""
    event = EnforcementEvent
    rows = session.execute(_counts(config_version_id, None, event.value_unit_id).filter_by(event_type=event_type))
    return {row[0]: Counts(*row[1:]) for row in rows}


def _counts(config_version_id: str, window_ends: datetime | None, *keys: Any) -> sa.Select[Any]:
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


def events_by_day(session: Any, config_version_id: str) -> list[tuple[str, str, str | None, int]]:
    """(day in UTC, event_type, limit_key, events) in order."""
    event, day = EnforcementEvent, _day(session, EnforcementEvent.occurred_at)
    statement = (
        sa.select(day, event.event_type, event.limit_key, sa.func.count())
        .filter_by(config_version_id=config_version_id)
        .group_by(day, event.event_type, event.limit_key)
        .order_by(day, event.event_type, sa.func.coalesce(event.limit_key, ""))
    )
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(statement)]


def first_seen(
    session: Any, config_version_id: str, until: datetime | None, *, limits: bool
) -> Iterator[tuple[Key, str, int]]:
    """((event_type, limit_key or None), day in UTC, customers first seen that day), before `until`.

    With `limits` a customer is new to each limit, without to each event type.
    """
    event = EnforcementEvent
    keys = [event.event_type, *([event.limit_key] if limits else [])]
    first = sa.select(*keys, sa.func.min(event.occurred_at, type_=event.occurred_at.type).label("first"))
    first = first.filter_by(config_version_id=config_version_id).group_by(*keys, event.customer_id)
    if until is not None:
        first = first.where(event.occurred_at < until)
    seen = first.subquery()
    by = [*(seen.c[key.key] for key in keys), _day(session, seen.c.first)]
    for *key, day, customers in session.execute(sa.select(*by, sa.func.count()).group_by(*by)):
        yield (key[0], key[1] if limits else None), day, customers


def _day(session: Any, moment: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """The day in UTC as text."""
    if session.get_bind().dialect.name == "postgresql":
        moment = sa.func.timezone("UTC", moment)  # else the day of the session's time zone
    return sa.cast(sa.func.date(moment), sa.Text)


def window_end(since: datetime | None, days: int | None) -> datetime | None:
    """When the days that were forecast have passed."""
    return since + timedelta(days=days) if since and days else None


def days_of(rows: list[tuple[str, str, str | None, int]]) -> tuple[Mapping[str, Any], ...]:
    """`{day, counts: {event_type: n}}` for each day with events."""
    days: dict[str, dict[str, int]] = {}
    for day, event_type, _, events in rows:
        counts = days.setdefault(day, {})
        counts[event_type] = counts.get(event_type, 0) + events
    return tuple({"day": day, "counts": counts} for day, counts in days.items())

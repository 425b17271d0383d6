"""The summary of a workspace's usage events for a page: by event type, by day, and the customers' segments."""

# ruff: noqa: S608  SQL is put together here; names and texts in it go through quoted() and text()

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.services.usage import staging
from app.services.usage.sql import quoted, scan, text
from app.services.usage.store import Dataset, EventStore

DAYS = 14


@dataclass(frozen=True, slots=True)
class EventTypeUsage:
    """One event type: its events, how many customers have some, first and last time (aware, UTC)."""

    event_type: str
    events: int
    customers: int
    first_ts: datetime
    last_ts: datetime


@dataclass(frozen=True, slots=True)
class DayUsage:
    """One day (UTC) that has events."""

    day: date
    events: int
    customers: int


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """Totals, event types by name, and the last 14 days that have events, newest first; `digest` is the dataset's."""

    events: int
    customers: int
    event_types: tuple[EventTypeUsage, ...]
    days: tuple[DayUsage, ...]
    digest: str

    @property
    def first_ts(self) -> datetime | None:
        """The time of the oldest event."""
        return min((row.first_ts for row in self.event_types), default=None)

    @property
    def last_ts(self) -> datetime | None:
        """The time of the newest event."""
        return max((row.last_ts for row in self.event_types), default=None)


def usage_summary(store: EventStore, workspace_id: str) -> UsageSummary:
    """The summary, computed once for each state of the workspace's events."""
    dataset = store.snapshot(workspace_id)
    return _summary(store.root, dataset) if dataset.paths else UsageSummary(0, 0, (), (), dataset.digest)


@lru_cache(maxsize=64)
def _summary(root: Path, dataset: Dataset) -> UsageSummary:
    events = scan(dataset.paths)
    by_type = (
        "SELECT event_type, sum(n)::BIGINT, count(*), min(first), max(last) FROM "
        f"(SELECT event_type, customer_id, count(*) AS n, min(ts) AS first, max(ts) AS last FROM {events} "
        "GROUP BY event_type, customer_id) GROUP BY event_type ORDER BY event_type"
    )
    by_day = (
        "SELECT day, sum(n)::BIGINT, count(*) FROM "
        f"(SELECT ts::DATE AS day, customer_id, count(*) AS n FROM {events} GROUP BY day, customer_id) "
        f"GROUP BY day ORDER BY day DESC LIMIT {DAYS}"
    )
    customers = f"SELECT count(*) FROM (SELECT DISTINCT customer_id FROM {events})"
    types, days, ((number,),) = _query(root, by_type, by_day, customers)
    return UsageSummary(
        events=dataset.row_count,
        customers=number,
        event_types=tuple(
            EventTypeUsage(name, count, customers, first.replace(tzinfo=UTC), last.replace(tzinfo=UTC))
            for name, count, customers, first, last in types
        ),
        days=tuple(DayUsage(*row) for row in days),
        digest=dataset.digest,
    )


def future_events(store: EventStore, workspace_id: str, now: datetime) -> int:
    """How many stored events lie after now (aware): no new ones are taken, and those that are there move no window."""
    moment = now.astimezone(UTC).replace(tzinfo=None)
    dataset = store.snapshot(workspace_id)
    paths = [store.root / file.path for file in dataset.files if file.max_ts > moment]
    if not paths:
        return 0
    (((number,),),) = _query(store.root, f"SELECT count(*) FROM {scan(paths)} WHERE ts > TIMESTAMP '{moment}'")
    return int(number)


def customer_segments(store: EventStore, workspace_id: str) -> list[tuple[str, str]]:
    """Every customer with the segment of its newest event, by customer."""
    dataset = store.snapshot(workspace_id)
    if not dataset.paths:
        return []
    newest = (
        f"SELECT customer_id, arg_max(segment, (ts, event_id)) FROM {scan(dataset.paths)} "
        "GROUP BY customer_id ORDER BY customer_id"
    )
    return [(customer_id, segment) for customer_id, segment in _query(store.root, newest)[0]]


def count_events(store: EventStore, workspace_id: str, column: str, value: str) -> int:
    """How many of the workspace's events have the value in a stored field, such as `event_type`."""
    dataset = store.snapshot(workspace_id)
    if not dataset.paths:
        return 0
    ((count,),) = _query(
        store.root, f"SELECT count(*) FROM {scan(dataset.paths)} WHERE {quoted(column)} = {text(value)}"
    )[0]
    return int(count)


def _query(root: Path, *statements: str) -> list[list[Any]]:
    """The rows of each statement."""
    from app.services.usage import parquet  # late: only a workspace with events needs DuckDB

    with staging.reading(root) as folder:
        engine = parquet.open_engine(folder)
        try:
            return [engine.execute(statement).fetchall() for statement in statements]
        finally:
            engine.close()

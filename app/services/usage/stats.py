"""Statistics of a workspace's usage events: counts, times and sums by event type and customer."""

# ruff: noqa: S608  SQL is put together here; names and texts in it go through quoted() and text()

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from app.services.usage import parquet, staging
from app.services.usage.sql import quoted, scan
from app.services.usage.store import EventStore


@dataclass(frozen=True, slots=True)
class UsageStats:
    """One event type of one customer: events, first and last time (aware, UTC), exact sum of each numeric dimension.

    `future_events`: those of its events that lie after now.
    """

    event_type: str
    customer_id: str
    events: int
    first_ts: datetime
    last_ts: datetime
    sums: dict[str, Decimal]
    future_events: int = 0


def usage_stats(store: EventStore, workspace_id: str, now: datetime) -> list[UsageStats]:
    """Statistics by (event_type, customer_id), in order; a dimension that has no number in a group has no sum there.

    `now`: aware.
    """
    dataset = store.snapshot(workspace_id)
    if not dataset.paths:
        return []
    names = sorted(dataset.numbers)
    sums = "".join(f", sum({quoted('n_' + name)})" for name in names)
    with staging.reading(store.root) as folder:
        engine = parquet.open_engine(folder)
        try:
            rows = engine.execute(
                "SELECT event_type, customer_id, count(*), min(ts), max(ts), count(*) FILTER (ts > $now)"
                f"{sums} FROM {scan(dataset.paths)} "
                "GROUP BY event_type, customer_id ORDER BY event_type, customer_id",
                {"now": now.astimezone(UTC).replace(tzinfo=None)},
            ).fetchall()
        finally:
            engine.close()
    return [
        UsageStats(
            event_type, customer_id, events, first.replace(tzinfo=UTC), last.replace(tzinfo=UTC),
            {name: _plain(total) for name, total in zip(names, totals, strict=True) if total is not None},
            future,
        )
        for event_type, customer_id, events, first, last, future, *totals in rows
    ]  # fmt: skip


def _plain(total: Decimal) -> Decimal:
    """The sum without the trailing zeros of the column's scale: 22361870, not 22361870.000000000000."""
    return Decimal(f"{total:f}".rstrip("0").rstrip("."))

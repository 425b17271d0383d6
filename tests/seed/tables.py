"""What a database and an event store hold, as values to compare."""

from typing import Any

import sqlalchemy as sa

from app.models.base import AnySession, Model
from app.services.usage.store import EventStore

LOGS = ("learning_log_entries", "product_events")  # their ids are made when they are written


def contents(session: AnySession, *, without: tuple[str, ...] = ()) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, ordered by primary key, without the numbers that the database gives rows."""
    return {
        table.name: [dict(row) for row in session.execute(_rows_of(table)).mappings()]
        for table in Model.metadata.sorted_tables
        if table.name not in without
    }


def _rows_of(table: sa.Table) -> sa.Select[tuple[Any, ...]]:
    columns = [column for column in table.columns if column is not table.autoincrement_column]
    return sa.select(*columns).order_by(*table.primary_key)


def digests(store: EventStore) -> dict[str, str]:
    """The fingerprint of both workspaces' usage events."""
    return {workspace_id: store.snapshot(workspace_id).digest for workspace_id in ("ws_1049", "ws_2049")}

"""What a database and an event store hold, as values to compare."""

from typing import Any

import sqlalchemy as sa

from app.models.base import AnySession, Model
from app.services.usage.store import EventStore

LOGS = ("learning_log_entries", "product_events")  # their ids are made when they are written


def contents(session: AnySession, *, without: tuple[str, ...] = ()) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, ordered by primary key."""
    return {
        table.name: [dict(row) for row in session.execute(sa.select(table).order_by(*table.primary_key)).mappings()]
        for table in Model.metadata.sorted_tables
        if table.name not in without
    }


def digests(store: EventStore) -> dict[str, str]:
    """The fingerprint of both workspaces' usage events."""
    return {workspace_id: store.snapshot(workspace_id).digest for workspace_id in ("ws_1049", "ws_2049")}

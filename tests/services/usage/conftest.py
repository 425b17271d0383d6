"""A store in a temporary folder, a small catalog, and events for it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from app.services.usage.fields import Policy
from app.services.usage.formats import Rows
from app.services.usage.parquet import OWN_COLUMNS
from app.services.usage.sql import scan
from app.services.usage.store import EventStore, Receipt
from simulation.canonical import Json, JsonObject

CATALOG = {
    "video_render_completed": frozenset({"resolution", "output_minutes", "segment", "workspace_id"}),
    "llm_request": frozenset({"context_tokens", "generated_tokens"}),
}
POLICY = Policy("ws_1", CATALOG)


def event(event_id: str, **fields: Json) -> JsonObject:
    """A valid event; `fields` replace and add."""
    return {
        "event_id": event_id,
        "ts": "2026-01-02T10:00:00Z",
        "event_type": "video_render_completed",
        "customer_id": "cust_2001",
        "segment": "ai_video_smb",
    } | fields


def put(store: EventStore, *events: JsonObject, policy: Policy = POLICY) -> Receipt:
    """Ingest the events as one batch."""
    return store.ingest(Rows.counted(events), policy)


def stored(store: EventStore, workspace_id: str = "ws_1") -> list[JsonObject]:
    """Every stored event as a dict without its NULLs, by event_id."""
    return rows_of(store.files(workspace_id))


def rows_of(paths: tuple[Path, ...]) -> list[JsonObject]:
    """The events of files, without what the store keeps for itself beside each."""
    if not paths:
        return []
    with duckdb.connect() as engine:
        result = engine.execute(f"SELECT * FROM {scan(paths)} ORDER BY event_id")
        names = [column[0] for column in result.description]
        rows = result.fetchall()
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None and name not in OWN_COLUMNS}
        for row in rows
    ]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    store = EventStore(tmp_path / "usage")
    yield store
    store.close()

"""Origins: the imports and HTTP batches that events came in with, by which they can be taken out again.

The index keeps a row for each that stored something, in the transaction that stored it, and the number of that row
beside the id of each of its events. A batch over several workspaces has a row in each of them.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from app.services.usage.index import Partition

OVER_HTTP = "HTTP"
"""The source of a batch; that of an import is the name of its file."""
_COLUMNS = (
    "origin.no, workspace_id, usage_import_id, source, received_at, accepted, duplicates, conflicts, stored, undone_at"
)
_ROWS = f"SELECT {_COLUMNS} FROM origin JOIN workspace ON workspace.no = origin.workspace"  # noqa: S608  a constant


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is about to come in: the id under which it can be undone, a file's name or `OVER_HTTP`, and when (aware)."""

    usage_import_id: str
    source: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """An import or batch in one workspace, as the index keeps it.

    `stored`: how many of its accepted events still count.
    """

    number: int
    workspace_id: str
    usage_import_id: str
    source: str
    received_at: datetime
    accepted: int
    duplicates: int
    conflicts: int
    stored: int
    undone_at: datetime | None


def add(partition: Partition, arrival: Arrival | None, accepted: int, duplicates: int, conflicts: int) -> int | None:
    """Keep the origin of events that are being stored; returns its number, None for what comes without one."""
    if arrival is None:
        return None
    return partition.connection.execute(
        "INSERT INTO origin (workspace, usage_import_id, source, received_at, accepted, duplicates, conflicts, stored) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            partition.number, arrival.usage_import_id, arrival.source, _text(arrival.received_at), accepted,
            duplicates, conflicts, accepted,
        ),
    ).lastrowid  # fmt: skip


def of_import(connection: sqlite3.Connection, usage_import_id: str) -> list[Origin]:
    """The rows of one import or batch, by workspace; none for one that is not known."""
    return _origins(connection.execute(f"{_ROWS} WHERE usage_import_id = ? ORDER BY workspace_id", (usage_import_id,)))


def newest(partition: Partition, limit: int, before: tuple[datetime, str] | None = None) -> list[Origin]:
    """The origins of a workspace, newest first; `before`: only those older than this moment and id."""
    moment, usage_import_id = ("9", "") if before is None else (_text(before[0]), before[1])
    return _origins(
        partition.connection.execute(
            f"{_ROWS} WHERE origin.workspace = ? AND (received_at, usage_import_id) < (?, ?) "
            "ORDER BY received_at DESC, usage_import_id DESC LIMIT ?",
            (partition.number, moment, usage_import_id, limit),
        )
    )


def stored_rows(partition: Partition) -> int:
    """How many events of a workspace came in with an origin that is known."""
    (rows,) = partition.connection.execute(
        "SELECT coalesce(sum(stored), 0) FROM origin WHERE workspace = ?", (partition.number,)
    ).fetchone()
    return int(rows)


def _text(moment: datetime) -> str:
    """The moment as text whose order is that of the moments."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def mark_undone(connection: sqlite3.Connection, undone: Iterable[Origin], now: datetime) -> None:
    """Note that origins were undone."""
    connection.executemany(
        "UPDATE origin SET undone_at = ? WHERE no = ?", [(_text(now), origin.number) for origin in undone]
    )


def _origins(rows: Iterable[tuple[int, str, str, str, str, int, int, int, int, str | None]]) -> list[Origin]:
    return [
        Origin(
            number, workspace_id, usage_import_id, source, datetime.fromisoformat(received_at), accepted, duplicates,
            conflicts, stored, datetime.fromisoformat(undone_at) if undone_at else None,
        )
        for number, workspace_id, usage_import_id, source, received_at, accepted, duplicates, conflicts, stored,
        undone_at in rows
    ]  # fmt: skip

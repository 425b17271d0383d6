"""Origins: the imports and HTTP batches that events came in with, by which they can be taken out again.

The index keeps a row for each that stored something, in the transaction that stored it, and the number of that row
beside the id of each of its events. A batch over several workspaces has a row in each of them.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.services.usage.index import Partition

OVER_HTTP = "HTTP"
"""The source of a batch; that of an import is the name of its file."""
FROM_FILES = "known from the files alone"
"""The source of an import or batch of which only its events are left to tell."""
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


def take_over(partition: Partition, row: Sequence[Any]) -> None:
    """Keep an origin that the manifest remembers: id, source, moment, accepted, duplicates, conflicts, when undone."""
    partition.connection.execute(
        "INSERT INTO origin (workspace, usage_import_id, source, received_at, accepted, duplicates, conflicts, "
        "undone_at, stored) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) "
        "ON CONFLICT (usage_import_id, workspace) DO UPDATE SET undone_at = excluded.undone_at",
        (partition.number, *row),
    )


def number_of(partition: Partition, usage_import_id: str, known_since: datetime) -> int:
    """The number of an origin that events name; one that only they know is kept from now on, as of a moment (aware)."""
    key = (usage_import_id, partition.number)
    row = partition.connection.execute(
        "SELECT no FROM origin WHERE usage_import_id = ? AND workspace = ?", key
    ).fetchone()
    if row is None:
        row = partition.connection.execute(
            "INSERT INTO origin (usage_import_id, workspace, source, received_at, accepted, duplicates, conflicts, "
            "stored) VALUES (?, ?, ?, ?, 0, 0, 0, 0) RETURNING no",
            (*key, FROM_FILES, _text(known_since)),
        ).fetchone()
    return int(row[0])


def recount(connection: sqlite3.Connection) -> None:
    """Count the events of each origin anew, in files and in the tail."""
    counts: Counter[int] = Counter()
    for question in ("SELECT origin, count(*) FROM event_key", "SELECT origin, sum(rows) FROM tail"):
        counts.update(dict(connection.execute(f"{question} WHERE origin IS NOT NULL GROUP BY origin").fetchall()))
    connection.execute("UPDATE origin SET stored = 0 WHERE stored <> 0")
    connection.executemany(
        "UPDATE origin SET stored = ?, accepted = max(accepted, ?) WHERE no = ?",
        [(count, count, number) for number, count in counts.items()],
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

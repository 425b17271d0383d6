"""The tables of the store's index, and bringing an index of an earlier version to them."""

import sqlite3

DIGEST_LENGTH = 12
"""Hexadecimal digits of the digest of what an event says: 48 bits."""
UNKNOWN = " " * DIGEST_LENGTH
"""Stands for the digest of an event that was stored before digests were kept."""

_SCHEMA = """
-- withdrawals counts how often ids of the workspace became free again: what is remembered of them is stale then.
CREATE TABLE IF NOT EXISTS workspace (
    no INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL UNIQUE, withdrawals INTEGER NOT NULL DEFAULT 0
);
-- The ids of all events in Parquet. Those of the tail stand beside it and come here, sorted, when it is flushed:
-- random ids one batch at a time would rewrite most of this tree's pages with each batch.
CREATE TABLE IF NOT EXISTS event_key (
    workspace INTEGER NOT NULL REFERENCES workspace, event_id TEXT NOT NULL, content TEXT, origin INTEGER,
    PRIMARY KEY (workspace, event_id)
) WITHOUT ROWID;
-- Accepted batches not yet in Parquet; AUTOINCREMENT because readers remember how far they have read. event_keys are
-- the events' digests, each with the id after it.
CREATE TABLE IF NOT EXISTS tail (
    no INTEGER PRIMARY KEY AUTOINCREMENT, workspace INTEGER NOT NULL REFERENCES workspace, rows INTEGER NOT NULL,
    event_keys TEXT NOT NULL, events BLOB NOT NULL, origin INTEGER
);
CREATE INDEX IF NOT EXISTS tail_by_workspace ON tail (workspace, no, rows);
CREATE TABLE IF NOT EXISTS file (
    path TEXT PRIMARY KEY, workspace INTEGER NOT NULL REFERENCES workspace, month TEXT NOT NULL, rows INTEGER NOT NULL,
    min_ts TEXT NOT NULL, max_ts TEXT NOT NULL, digest TEXT NOT NULL, dimensions TEXT NOT NULL, numbers TEXT NOT NULL,
    segments TEXT, sha256 TEXT, size INTEGER, keyed INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS file_by_workspace ON file (workspace, month);
-- Replaced files, kept for those who are reading them; seen_at is when a sweep first met them.
CREATE TABLE IF NOT EXISTS superseded (path TEXT PRIMARY KEY, seen_at TEXT) WITHOUT ROWID;
-- Files that are on their way into the store; one that is still here after a crash was never committed.
CREATE TABLE IF NOT EXISTS placing (path TEXT PRIMARY KEY) WITHOUT ROWID;
-- Imports and batches that events came in with; stored is how many of them still count.
CREATE TABLE IF NOT EXISTS origin (
    no INTEGER PRIMARY KEY AUTOINCREMENT, workspace INTEGER NOT NULL REFERENCES workspace,
    usage_import_id TEXT NOT NULL, source TEXT NOT NULL, received_at TEXT NOT NULL, accepted INTEGER NOT NULL,
    duplicates INTEGER NOT NULL, conflicts INTEGER NOT NULL, stored INTEGER NOT NULL, undone_at TEXT,
    UNIQUE (usage_import_id, workspace)
);
CREATE INDEX IF NOT EXISTS origin_by_workspace ON origin (workspace, received_at, usage_import_id);
CREATE INDEX IF NOT EXISTS origin_undone ON origin (no) WHERE undone_at IS NOT NULL;
-- One row: which store this is the index of, how often its files have changed, and how often it was made anew. The
-- manifest remembers it too: an index that knows of fewer changes than the manifest is an older one (see manifest.py).
CREATE TABLE IF NOT EXISTS state (store TEXT NOT NULL, generation INTEGER NOT NULL, edition INTEGER NOT NULL);
INSERT INTO state
    SELECT lower(hex(randomblob(16))), (SELECT count(*) FROM file), 1 WHERE NOT EXISTS (SELECT 1 FROM state);
CREATE TRIGGER IF NOT EXISTS file_came AFTER INSERT ON file BEGIN UPDATE state SET generation = generation + 1; END;
CREATE TRIGGER IF NOT EXISTS file_changed AFTER UPDATE ON file BEGIN UPDATE state SET generation = generation + 1; END;
CREATE TRIGGER IF NOT EXISTS file_went AFTER DELETE ON file BEGIN UPDATE state SET generation = generation + 1; END;
CREATE TRIGGER IF NOT EXISTS origin_was_undone AFTER UPDATE OF undone_at ON origin
BEGIN UPDATE state SET generation = generation + 1; END;
"""
# An index that was begun before digests and origins were kept, brought to the tables above.
_FROM_IDS_ALONE = (
    "ALTER TABLE workspace ADD COLUMN withdrawals INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE event_key ADD COLUMN content TEXT",
    "ALTER TABLE event_key ADD COLUMN origin INTEGER",
    "ALTER TABLE tail RENAME COLUMN event_ids TO event_keys",
    "ALTER TABLE tail ADD COLUMN origin INTEGER",
    f"UPDATE tail SET event_keys = (SELECT json_group_array('{UNKNOWN}' || value) FROM json_each(event_keys))",  # noqa: S608
)
_LATER_OF_FILES = {
    "segments": "TEXT",
    "sha256": "TEXT",
    "size": "INTEGER",
    "keyed": "INTEGER NOT NULL DEFAULT 1",
}
"""Columns of files that earlier versions did not keep; what they would hold of older files stays unknown."""


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Make the tables, or add what an index lacks that was begun by an earlier version; all of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        event_keys = _columns(connection, "event_key")
        for statement in _FROM_IDS_ALONE if event_keys and "content" not in event_keys else ():
            connection.execute(statement)
        files = _columns(connection, "file")
        for name, kind in _LATER_OF_FILES.items() if files else ():
            if name not in files:
                connection.execute(f"ALTER TABLE file ADD COLUMN {name} {kind}")
        for statement in _statements():
            connection.execute(statement)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def _statements() -> list[str]:
    """The statements of the schema one by one: `executescript` would end the transaction that they are in."""
    statements, open_one = [], ""
    for line in _SCHEMA.splitlines(keepends=True):
        open_one += line
        if sqlite3.complete_statement(open_one):
            statements.append(open_one)
            open_one = ""
    return statements

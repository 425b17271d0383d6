"""Migrations keep what they find: all of it or none of it, after a copy, counted before and after.

SQLite's own ways lose rows without a word. A table that is copied and dropped takes the rows that refer to it along
where foreign keys cascade, and its triggers with it. So foreign keys rest while tables change and are checked
afterwards; and a migration after which a row, a trigger or a view is missing, or a reference leads nowhere, is rolled
back.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import sqlalchemy as sa

from app.errors import AvsError
from app.models.transactions import WRITE

COPIES = "copies"
REVISIONS = "alembic_version"
SEARCH = "search_"
"""What the names of SQLite's search tables begin with: they hold no rows of their own and cannot be counted."""
LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('avs migrations', 0))")
REVISION = sa.select(sa.column("version_num", sa.String)).select_from(sa.table(REVISIONS))
TRIGGERS = {
    "sqlite": sa.text("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"),
    "postgresql": sa.text(
        "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE NOT tgisinternal"
    ),
}


class MigrationRefused(AvsError):
    """A migration that would have lost something; the database is as it was before it."""

    status = 500
    title = "Migration refused"


@dataclass(frozen=True)
class Inventory:
    """What a database holds: its revision, the number of rows of each table, trigger → its table, and the views."""

    revision: str | None
    rows: Mapping[str, int]
    triggers: Mapping[str, str]
    views: frozenset[str]

    def missing_in(self, later: "Inventory") -> list[str]:
        """A phrase for each thing that a later inventory lacks, of the tables that both have: rows, triggers, views."""
        kept = [table for table in self.rows if table in later.rows]
        return [
            *(
                f"{self.rows[table] - later.rows[table]:,} of the rows of {table}"
                for table in kept
                if later.rows[table] < self.rows[table]
            ),
            *(
                f"the trigger {name} of {table}"
                for name, table in self.triggers.items()
                if table in later.rows and name not in later.triggers
            ),
            *(f"the view {name}" for name in sorted(self.views - later.views)),
        ]


def inventory(connection: sa.Connection) -> Inventory:
    """Count and list what the database of a connection holds."""
    inspector = sa.inspect(connection)
    tables = [name for name in inspector.get_table_names() if name != REVISIONS and not name.startswith(SEARCH)]
    counts = {
        table: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table))) or 0 for table in tables
    }
    triggers = connection.execute(TRIGGERS[connection.dialect.name]).tuples()
    return Inventory(_revision(connection), counts, dict(triggers.all()), frozenset(inspector.get_view_names()))


def _row_count(connection: sa.Connection, table: str) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(sa.table(table))) or 0


@contextmanager
def guarded(engine: sa.Engine, copies: Path, now: datetime) -> Iterator[sa.Connection]:
    """A connection to migrate with: one transaction, committed when nothing is missing.

    Two processes take turns. SQLite's database is copied into `copies` before its first change; PostgreSQL makes no
    copy, its transaction alone brings back what was. Raises MigrationRefused for an upgrade after which something is
    missing; a way back may lose what the older tables have no place for, but no reference may lead nowhere.
    """
    with _foreign_keys_at_rest(engine) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(LOCK)
        before = inventory(connection)
        if before.revision is not None and engine.dialect.name == "sqlite":
            copy_sqlite(engine, copies / f"avs-{before.revision}-{now:%Y%m%dT%H%M%SZ}.db")
        yield connection
        _require_everything(connection, before)


def copy_sqlite(engine: sa.Engine, target: Path) -> None:
    """Copy the database file as it stands into a new file that only its owner reads."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.touch(mode=0o600)
    source = sqlite3.connect(f"file:{engine.url.database}?mode=ro", uri=True)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()


@contextmanager
def _foreign_keys_at_rest(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection on which SQLite neither follows nor rewrites references; it takes both up again afterwards.

    The pragmas count outside of a transaction only, so they go to the driver before the first statement begins one.
    """
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            yield connection
            return
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        connection.execution_options(**WRITE)
        driver.execute("PRAGMA foreign_keys=OFF")
        driver.execute("PRAGMA legacy_alter_table=ON")
        try:
            yield connection
        finally:
            connection.rollback()
            driver.execute("PRAGMA legacy_alter_table=OFF")
            driver.execute("PRAGMA foreign_keys=ON")


def _require_everything(connection: sa.Connection, before: Inventory) -> None:
    after = inventory(connection)
    is_upgrade = (after.revision or "") > (before.revision or "")
    missing = before.missing_in(after) if is_upgrade else []
    if connection.dialect.name == "sqlite":
        dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        missing += [f"what {table} row {row} refers to in {parent}" for table, row, parent, _key in dangling[:5]]
    if missing:
        raise MigrationRefused(
            f"The migration from {before.revision or 'nothing'} to {after.revision} would lose {', '.join(missing)}. "
            "The database is as it was; go on with the version that you came from, and report this.",
            code="migration_refused",
        )


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(REVISIONS):
        return None
    revision: str | None = connection.scalar(REVISION)
    return revision

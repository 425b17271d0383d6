"""What a database holds and how it is built, read from the database itself, to be compared between versions."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedColumn

from app.migration_guard import REVISIONS, SEARCH, TRIGGERS, inventory
from app.models.base import AnySession, CanonicalJSON, ExactDecimal, UtcDateTime, db
from tests.admin_views.rows import NOW, add_workspace

Contents = dict[str, list[dict[str, Any]]]
"""Table → its rows, in an order that does not depend on when they were written."""
PLAIN: dict[type, object] = {
    UtcDateTime: NOW,
    CanonicalJSON: {},
    ExactDecimal: Decimal(1),
    sa.LargeBinary: b"plain",
    sa.Boolean: False,
    sa.Integer: 1,
}
"""Type of a column → a value for a row that is about nothing; text is the rest."""


def fill_every_table(session: AnySession) -> None:
    """At least one row in each table that the models have; those that no fixture fills get a row of plain values."""
    add_workspace(session)
    with db.engine.begin() as connection:
        for table in db.metadata.sorted_tables:
            if not connection.scalar(sa.select(sa.func.count()).select_from(table)):
                connection.execute(table.insert().values(_plain_row(connection, table)))


def _plain_row(connection: sa.Connection, table: sa.Table) -> dict[str, Any]:
    referred = {key.parent.name: key.column for key in table.foreign_keys}
    return {
        column.name: connection.scalar(sa.select(referred[column.name]).limit(1))
        if column.name in referred
        else _plain_value(column)
        for column in table.columns
        if not column.nullable and column.autoincrement is not True
    }


def _plain_value(column: sa.Column[Any]) -> object:
    if isinstance(column.type, sa.Enum):
        return column.type.enums[0]
    return next((value for kind, value in PLAIN.items() if isinstance(column.type, kind)), "plain")


def contents() -> Contents:
    """All rows of all tables, as the database's own columns have them."""
    with db.engine.connect() as connection:
        inspector = sa.inspect(connection)
        tables = [name for name in inspector.get_table_names() if not name.startswith((REVISIONS, SEARCH))]
        return {
            name: _ordered(dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}")).mappings())
            for name in sorted(tables)
        }


def _ordered(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: repr(sorted(row.items())))


def only(rows: Contents, like: Contents) -> Contents:
    """The tables and columns of `rows` that `like` has, too."""
    return {
        name: _ordered({column: row[column] for column in (like[name] or [row])[0]} for row in rows[name])
        for name in like
        if name in rows
    }


def structure() -> dict[str, Any]:
    """Tables with their columns, keys, indexes and checks; triggers and views with their statements."""
    with db.engine.connect() as connection:
        inspector = sa.inspect(connection)
        on_sqlite = connection.dialect.name == "sqlite"
        statements = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')"
        made = connection.execute(sa.text(statements) if on_sqlite else TRIGGERS["postgresql"]).tuples()
        return {"made": dict(made.all())} | {
            name: {
                "columns": [
                    (c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(name)
                ],
                "key": inspector.get_pk_constraint(name),
                "references": _counted(inspector.get_foreign_keys(name)),
                "indexes": _counted(inspector.get_indexes(name)),
                "unique": _counted(inspector.get_unique_constraints(name)),
                "checks": _counted(inspector.get_check_constraints(name)),
            }
            for name in sorted(inspector.get_table_names())
        }


def _counted(described: Iterable[object]) -> Counter[str]:
    return Counter(map(_text, described))


def _text(described: object) -> str:
    """A description of the inspector as text, conditions of partial indexes included."""
    if isinstance(described, sa.TextClause):
        return described.text
    if isinstance(described, dict):
        return str({name: _text(value) for name, value in sorted(described.items())})
    return str(described)


def _described(column: ReflectedColumn) -> tuple[object, ...]:
    return column["name"], str(column["type"]), column["nullable"], column["default"]


def row_counts(database: Path) -> dict[str, int]:
    """Table → how many rows a SQLite file has, read beside whoever else uses it."""
    engine = sa.create_engine(f"sqlite:///file:{database}?mode=ro&uri=true")
    try:
        with engine.connect() as connection:
            return dict(inventory(connection).rows)
    finally:
        engine.dispose()

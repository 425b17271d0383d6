"""Rows that many tests begin with: written by the services once per process and engine, inserted from then on."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from app.models.base import AnySession, db

Rows = dict[sa.Table, list[dict[str, Any]]]
_known: dict[tuple[str, str], Rows] = {}


def remembered(session: AnySession, name: str, build: Callable[[], None]) -> None:
    """Do what `build` does to an empty database, and nothing besides: no file and no publication is remembered."""
    key = (session.get_bind().dialect.name, name)
    if key in _known:
        for table, rows in _known[key].items():
            session.execute(sa.insert(table), rows)
        return
    was_empty = not _rows_of(session)
    build()
    session.flush()
    if was_empty:
        _known[key] = _rows_of(session)


def _rows_of(session: AnySession) -> Rows:
    """Every row of the database, parents before children, without the numbers that the database gives rows."""
    columns = {
        table: [column for column in table.columns if column is not table.autoincrement_column]
        for table in db.metadata.sorted_tables
    }
    rows = {
        table: [dict(row) for row in session.execute(sa.select(*kept)).mappings()] for table, kept in columns.items()
    }
    return {table: found for table, found in rows.items() if found}

"""Single statements past the unit of work, for the path where each one counts (decision 13).

They run at once, in the order they are called, and what the session knows of the row stays true.
"""

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value


def insert(session: Any, row: Any) -> None:
    """INSERT a complete row; afterwards it belongs to the session like any row that was read."""
    values = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    session.connection().execute(_insert_into(row.__table__), values)
    make_transient_to_detached(row)
    session.add(row)


def update(session: Any, row: Any, **values: Any) -> None:
    """UPDATE the columns of one row that the session holds."""
    key = {f"key_{column.name}": getattr(row, column.key) for column in row.__table__.primary_key}
    session.connection().execute(_update_of(row.__table__, tuple(values)), key | values)
    for name, value in values.items():
        set_committed_value(row, name, value)


@cache
def _insert_into(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@cache
def _update_of(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    same_row = [column == sa.bindparam(f"key_{column.name}") for column in table.primary_key]
    return sa.update(table).where(*same_row).values({name: sa.bindparam(name) for name in names})

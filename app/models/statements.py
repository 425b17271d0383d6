"""Single statements past the unit of work, for the path where each one counts (decision 13).

Writes are gathered and then run together: PostgreSQL takes them as one statement, so that a transaction is a few round
trips; SQLite, which has no round trips, takes them one after the other. Either way none of them may depend on what
another one wrote; what the session knows of the rows stays true.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

Values = Mapping[str, Any]


class Writes:
    """What one transaction writes next. Nothing happens before `run`."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self._writes: list[tuple[sa.Insert | sa.Update, Values]] = []
        self._afterwards: list[Callable[[], None]] = []

    def insert(self, row: Any) -> None:
        """A complete row; afterwards it belongs to the session like any row that was read."""
        table = row.__table__
        values = {f"{table.name}_{column.key}": getattr(row, column.key) for column in table.columns}
        self.add(_insert_into(table), values)
        self._afterwards.append(lambda: _attach(self.session, row))

    def update(self, row: Any, **values: Any) -> None:
        """The columns of one row that the session holds."""
        table = row.__table__
        key = {f"{table.name}_key_{column.name}": getattr(row, column.key) for column in table.primary_key}
        new = {f"{table.name}_new_{name}": value for name, value in values.items()}
        self.add(_update_of(table, tuple(values)), key | new)
        self._afterwards.extend(_setting(row, name, value) for name, value in values.items())

    def add(self, statement: sa.Insert | sa.Update, values: Values) -> None:
        """A statement that is made once, with parameters that no other statement here names."""
        self._writes.append((statement, values))

    def run(self) -> None:
        """All of them, now."""
        writes, self._writes = self._writes, []
        connection = self.session.connection()
        if len(writes) > 1 and connection.dialect.name == "postgresql":
            values = {name: value for _, given in writes for name, value in given.items()}
            connection.execute(_together(tuple(statement for statement, _ in writes)), values)
        else:
            for statement, given in writes:
                connection.execute(statement, given)
        done, self._afterwards = self._afterwards, []
        for act in done:
            act()


@cache
def _together(statements: tuple[sa.Insert | sa.Update, ...]) -> sa.Select[Any]:
    """One statement that carries out all of them: `WITH s0 AS (INSERT …), s1 AS (UPDATE …) SELECT 1`."""
    parts = [statement.cte(f"s{at}") for at, statement in enumerate(statements)]
    return sa.select(sa.literal_column("1")).add_cte(*parts)


@cache
def _insert_into(table: sa.Table) -> sa.Insert:
    given = {column.name: sa.bindparam(f"{table.name}_{column.key}") for column in table.columns}
    return sa.insert(table).values(given)


@cache
def _update_of(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    same_row = [column == sa.bindparam(f"{table.name}_key_{column.name}") for column in table.primary_key]
    return sa.update(table).where(*same_row).values({name: sa.bindparam(f"{table.name}_new_{name}") for name in names})


def _attach(session: Any, row: Any) -> None:
    make_transient_to_detached(row)
    session.add(row)


def _setting(row: Any, name: str, value: Any) -> Callable[[], None]:
    return lambda: set_committed_value(row, name, value)

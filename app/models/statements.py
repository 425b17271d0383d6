"""Single statements past the unit of work, for the path where each one counts (decision 13).

Writes are gathered and then run together: PostgreSQL takes them as one statement, so that a transaction is a few round
trips; SQLite, which has no round trips, takes them one after the other. Either way none of them may depend on what
another one wrote. Rows that the session holds stay true to what `update` changed, and to nothing else.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value

from app.models.base import AnySession, Model

Values = Mapping[str, Any]


class Writes:
    """What one transaction writes next. Nothing happens before `run`."""

    def __init__(self, session: AnySession) -> None:
        self.session = session
        self._writes: list[tuple[sa.Insert | sa.Update, Values]] = []
        self._names: set[str] = set()
        self._afterwards: list[Callable[[], None]] = []

    def insert(self, model: type[Model], values: Values) -> None:
        """A complete row, past the session: read it from there if you need it as an object."""
        table = model.__table__
        self.add(_insert_into(table), {f"{table.name}_{name}": value for name, value in values.items()})

    def update(self, model: type[Model], key: Any, **values: Any) -> None:
        """Columns of the row with this primary key; if the session holds it, it is told."""
        table = model.__table__
        new = {f"{table.name}_new_{name}": value for name, value in values.items()}
        self.add(_update_of(table, tuple(values)), {f"{table.name}_key": key} | new)
        self._afterwards.append(lambda: _tell(self.session, model, key, values))

    def add(self, statement: sa.Insert | sa.Update, values: Values) -> None:
        """A statement that is made once. ValueError when another one here names one of its parameters."""
        if not self._names.isdisjoint(values):
            raise ValueError(f"{statement.table} is written twice at once: run the first write before the second")
        self._names.update(values)
        self._writes.append((statement, values))

    def run(self) -> None:
        """All of them, now."""
        writes, self._writes, self._names = self._writes, [], set()
        connection = self.session.connection()
        if len(writes) > 1 and connection.dialect.name == "postgresql":
            values = {name: value for _, parameters in writes for name, value in parameters.items()}
            connection.execute(_together(tuple(statement for statement, _ in writes)), values)
        else:
            for statement, parameters in writes:
                connection.execute(statement, parameters)
        afterwards, self._afterwards = self._afterwards, []
        for act in afterwards:
            act()


@cache
def _together(statements: tuple[sa.Insert | sa.Update, ...]) -> sa.Insert | sa.Update:
    """One statement that carries out all of them: `WITH s0 AS (INSERT …), s1 AS (UPDATE …) INSERT …`."""
    *others, last = statements
    return last.add_cte(*(statement.cte(f"s{at}") for at, statement in enumerate(others)))


@cache
def _insert_into(table: sa.Table) -> sa.Insert:
    cells: Values = {column.name: sa.bindparam(f"{table.name}_{column.key}") for column in table.columns}
    return sa.insert(table).values(cells)


@cache
def _update_of(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    (key,) = table.primary_key
    new: Values = {name: sa.bindparam(f"{table.name}_new_{name}") for name in names}
    return sa.update(table).where(key == sa.bindparam(f"{table.name}_key")).values(new)


def _tell(session: AnySession, model: type[Model], key: Any, values: Values) -> None:
    row = session.identity_map.get(sa.inspect(model).identity_key_from_primary_key((key,)))
    if row is not None:
        for name, value in values.items():
            set_committed_value(row, name, value)

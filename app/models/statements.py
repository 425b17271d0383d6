"""Single statements past the unit of work, for the path where each one counts (decision 13).

Writes are gathered and then run together: PostgreSQL takes them as one statement, so that a transaction is a few round
trips; SQLite, which has no round trips, takes them one after the other. Either way none of them may depend on what
another one wrote. Rows that the session holds get what `update` changed, and nothing else.
"""

from collections.abc import Callable, Mapping
from functools import cache

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value

from app.models.base import AnySession, Model

Values = Mapping[str, object]


class Writes:
    """The next writes of a transaction. Nothing happens before `run`."""

    def __init__(self, session: AnySession) -> None:
        self.session = session
        self._writes: list[tuple[sa.Insert | sa.Update, Values]] = []
        self._names: set[str] = set()
        self._afterwards: list[Callable[[], None]] = []

    def insert(self, model: type[Model], values: Values) -> None:
        """Insert a complete row, past the session; read it through the session if it is needed as an object.

        What the database makes of its own accord, a place in the order of rows, is not among the values.
        """
        table = model.__table__
        self.add(_insert_into(table), {f"{table.name}_{name}": value for name, value in values.items()})

    def update(self, model: type[Model], key: object, **values: object) -> None:
        """Update columns of the row with this primary key; a row that the session holds gets the values too."""
        table = model.__table__
        new = {f"{table.name}_new_{name}": value for name, value in values.items()}
        self.add(_update_of(table, tuple(values)), {f"{table.name}_key": key} | new)
        self._afterwards.append(lambda: _refresh(self.session, model, key, values))

    def add(self, statement: sa.Insert | sa.Update, values: Values) -> None:
        """Add a statement that was made once. ValueError when another one here has a parameter of a name of its own."""
        if not self._names.isdisjoint(values):
            raise ValueError(f"{statement.table} is written twice at once: run the first write before the second")
        self._names.update(values)
        self._writes.append((statement, values))

    def run(self) -> None:
        """Carry out the gathered writes."""
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
    """A single statement that carries out several: `WITH s0 AS (INSERT …), s1 AS (UPDATE …) INSERT …`."""
    *others, last = statements
    return last.add_cte(*(statement.cte(f"s{at}") for at, statement in enumerate(others)))


@cache
def _insert_into(table: sa.Table) -> sa.Insert:
    given = [column for column in table.columns if column.default is None or not column.default.is_clause_element]
    cells: Values = {column.name: sa.bindparam(f"{table.name}_{column.key}") for column in given}
    return sa.insert(table).values(cells)


@cache
def _update_of(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    (key,) = table.primary_key
    new: Values = {name: sa.bindparam(f"{table.name}_new_{name}") for name in names}
    return sa.update(table).where(key == sa.bindparam(f"{table.name}_key")).values(new)


def _refresh(session: AnySession, model: type[Model], key: object, values: Values) -> None:
    """Give the values to the row if the session holds it."""
    row = session.identity_map.get(sa.inspect(model).identity_key_from_primary_key((key,)))
    if row is not None:
        for name, value in values.items():
            set_committed_value(row, name, value)

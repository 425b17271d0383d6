"""Rows that ride along in one column of another query: a statement less for what always belongs together (decision 13).

The database sends them as JSON text, and every cell comes back as its column's type would give it: texts, integers,
booleans, enums, and the types of `app.models.base`. Bytes cannot ride along.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from app.models.base import UtcDateTime
from simulation.canonical import parse_exact

Shape = Callable[..., Any]


def packed_row(shape: Shape, *columns: sa.ColumnElement[Any]) -> sa.Label[Any]:
    """A column that holds `shape(*cells)` of these columns of the same row; None where the first, a key, is null."""
    return sa.type_coerce(_JsonRow(*columns), _PackedRow(shape, _types(columns))).label(None)


def packed_rows(
    shape: Shape, *columns: sa.ColumnElement[Any], where: Sequence[sa.ColumnElement[bool]] = ()
) -> sa.Label[Any]:
    """A column that holds a list of `shape(*cells)`, one of each row of their table that matches, in no order."""
    rows = sa.select(_JsonRows(*columns)).where(*where).scalar_subquery()
    return sa.type_coerce(rows, _PackedRows(shape, _types(columns))).label(None)


def _types(columns: Sequence[sa.ColumnElement[Any]]) -> tuple[Any, ...]:
    types = tuple(column.type for column in columns)
    if any(isinstance(of, sa.LargeBinary) for of in types):
        raise TypeError("bytes are not JSON")
    return types


class _JsonRow(FunctionElement[str]):
    type = sa.Text()
    inherit_cache = True


class _JsonRows(_JsonRow):
    inherit_cache = True


_ARRAY = {"sqlite": "json_array", "postgresql": "json_build_array"}
_AGGREGATE = {"sqlite": "json_group_array", "postgresql": "json_agg"}


@compiles(_JsonRow)
def _row(element: _JsonRow, compiler: Any, **options: Any) -> str:
    cells = compiler.process(element.clauses, **options)
    return f"CAST({_ARRAY[compiler.dialect.name]}({cells}) AS TEXT)"


@compiles(_JsonRows)
def _rows(element: _JsonRows, compiler: Any, **options: Any) -> str:
    engine, cells = compiler.dialect.name, compiler.process(element.clauses, **options)
    return f"CAST({_AGGREGATE[engine]}({_ARRAY[engine]}({cells})) AS TEXT)"


class _PackedRow(TypeDecorator[Any]):
    impl = sa.Text
    cache_ok = True

    def __init__(self, shape: Shape, types: tuple[Any, ...]) -> None:
        super().__init__()
        self.shape, self.types = shape, types

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        cells = parse_exact(value) if value else [None]
        return None if cells[0] is None else self.unpacked(cells, dialect)

    def unpacked(self, cells: list[Any], dialect: Dialect) -> Any:
        typed = zip(self.types, cells, strict=True)
        return self.shape(*[None if cell is None else _cell(of, cell, dialect) for of, cell in typed])


class _PackedRows(_PackedRow):
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[Any]:
        rows = parse_exact(value) if value else []  # PostgreSQL aggregates no rows to null
        return [self.unpacked(cells, dialect) for cells in rows]


def _cell(of: Any, cell: Any, dialect: Dialect) -> Any:
    """A cell that JSON carried, as a column of this type gives it."""
    if isinstance(of, UtcDateTime):
        return of.process_result_value(datetime.fromisoformat(cell), dialect)
    if isinstance(of, TypeDecorator):
        return of.process_result_value(cell, dialect)
    return bool(cell) if isinstance(of, sa.Boolean) else cell

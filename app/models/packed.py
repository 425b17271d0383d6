"""Rows inside one column of another query, which saves a statement for what always belongs together (decision 13).

The database sends them as JSON text, and every cell comes back as its column's type would give it: texts, integers,
booleans, enums, and the types of `app.models.base`. Bytes cannot be sent so.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.models.base import UtcDateTime
from simulation.canonical import Json, parse_exact

Column = sa.ColumnElement[Any]
Type = TypeEngine[Any]
Shaped = TypeVar("Shaped")


def packed_row(shape: Callable[..., Shaped], *columns: Column) -> sa.Label[Shaped | None]:
    """A column that holds `shape(*cells)` of these columns of the same row; None where the first, a key, is null."""
    return sa.type_coerce(_JsonRow(*columns), _PackedRow(shape, _types(columns))).label(None)


def packed_rows(
    shape: Callable[..., Shaped], *columns: Column, where: Sequence[sa.ColumnElement[bool]] = ()
) -> sa.Label[list[Shaped]]:
    """A column that holds a list of `shape(*cells)`, one of each row of their table that matches, in no order."""
    rows = sa.select(_JsonRows(*columns)).where(*where).scalar_subquery()
    return sa.type_coerce(rows, _PackedRows(shape, _types(columns))).label(None)


def _types(columns: Sequence[Column]) -> tuple[Type, ...]:
    types = tuple(column.type for column in columns)
    if any(isinstance(kind, sa.LargeBinary) for kind in types):
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
def _row(element: _JsonRow, compiler: SQLCompiler, **options: object) -> str:
    cells = compiler.process(element.clauses, **options)
    return f"CAST({_ARRAY[compiler.dialect.name]}({cells}) AS TEXT)"


@compiles(_JsonRows)
def _rows(element: _JsonRows, compiler: SQLCompiler, **options: object) -> str:
    engine, cells = compiler.dialect.name, compiler.process(element.clauses, **options)
    return f"CAST({_AGGREGATE[engine]}({_ARRAY[engine]}({cells})) AS TEXT)"


class _PackedRow(TypeDecorator[Shaped | None]):
    impl = sa.Text
    cache_ok = True

    def __init__(self, shape: Callable[..., Shaped], types: tuple[Type, ...]) -> None:
        super().__init__()
        self.shape, self.types = shape, types

    def process_result_value(self, value: str | None, dialect: Dialect) -> Shaped | None:
        cells = parse_exact(value) if value else [None]
        return None if cells[0] is None else _unpacked(self.shape, self.types, cells, dialect)


class _PackedRows(TypeDecorator[list[Shaped]]):
    impl = sa.Text
    cache_ok = True

    def __init__(self, shape: Callable[..., Shaped], types: tuple[Type, ...]) -> None:
        super().__init__()
        self.shape, self.types = shape, types

    def process_result_value(self, value: str | None, dialect: Dialect) -> list[Shaped]:
        rows = parse_exact(value) if value else []  # PostgreSQL aggregates no rows to null
        return [_unpacked(self.shape, self.types, cells, dialect) for cells in rows]


def _unpacked(shape: Callable[..., Shaped], types: tuple[Type, ...], cells: Sequence[Json], dialect: Dialect) -> Shaped:
    typed = zip(types, cells, strict=True)
    return shape(*[None if cell is None else _cell(kind, cell, dialect) for kind, cell in typed])


def _cell(kind: Type, cell: Json, dialect: Dialect) -> Json | datetime:
    """A cell that JSON carried, as a column of its type gives it."""
    if isinstance(kind, UtcDateTime):
        return kind.process_result_value(datetime.fromisoformat(cell), dialect)
    if isinstance(kind, TypeDecorator):
        return kind.process_result_value(cell, dialect)
    return bool(cell) if isinstance(kind, sa.Boolean) else cell

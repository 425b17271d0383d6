"""Keyset pages: a list stays in one total order, and no row is shown twice or skipped while others are added."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from api.parsing import bad_parameters, storable
from api.resource import Answer, plain
from api.schemas.common import Document, Parsed
from app.errors import FieldError
from app.models.base import UtcDateTime, db
from simulation.canonical import Json, canonical_bytes, parse_exact

Column = sa.ColumnElement[Any] | InstrumentedAttribute[Any]


def page(
    statement: sa.Select[Any],
    order: Sequence[Column],
    query: Parsed,
    document: Callable[[Any], Document | None],
    *,
    newest_first: bool = False,
) -> Answer:
    """One page of a statement that selects one entity: `{items, next_cursor}`.

    `order` are not-null columns of that entity, the last one unique; `newest_first` turns all of them around. `query`
    has `limit` and perhaps `cursor` (`PageQuery`). A row without a document is left out.
    """
    if "cursor" in query:
        statement = statement.where(_beyond(order, decode_cursor(query["cursor"], order), newest_first))
    ordered = [column.desc() if newest_first else column.asc() for column in order]
    rows = list(db.session.scalars(statement.order_by(*ordered).limit(query["limit"] + 1)))
    shown = rows[: query["limit"]]
    following = (
        encode_cursor([getattr(shown[-1], str(column.key)) for column in order]) if len(rows) > len(shown) else None
    )
    documents = (document(row) for row in shown)
    return plain({"items": [item for item in documents if item is not None], "next_cursor": following})


def filtered(statement: sa.Select[Any], query: Parsed, columns: Mapping[str, Column]) -> sa.Select[Any]:
    """The statement narrowed by each given parameter to the rows whose column equals it."""
    return statement.where(*(column == query[name] for name, column in columns.items() if name in query))


def encode_cursor(values: Sequence[Json]) -> str:
    """An opaque text that names the last row shown."""
    return base64.urlsafe_b64encode(canonical_bytes(list(values))).decode().rstrip("=")


def decode_cursor(cursor: str, order: Sequence[Column]) -> list[Json]:
    """The values of `encode_cursor`, checked against the columns; 400 that names `cursor` for anything else."""
    try:
        values = parse_exact(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, ArithmeticError, RecursionError):
        _refuse()
    if not isinstance(values, list) or len(values) != len(order):
        _refuse()
    return [_value(value, column) for value, column in zip(values, order, strict=True)]


def _value(value: Json, column: Column) -> Json:
    expected = column.type.python_type if not isinstance(column.type, UtcDateTime) else str
    if not isinstance(value, expected) or (isinstance(value, str) and not storable(value)):
        _refuse()
    if not isinstance(column.type, UtcDateTime):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        _refuse()
    return moment if moment.tzinfo else _refuse()


def _refuse() -> NoReturn:
    raise bad_parameters([FieldError("cursor", "Must be a next_cursor of this list.")])


def _beyond(order: Sequence[Column], values: Sequence[Json], newest_first: bool) -> sa.ColumnElement[bool]:
    """Rows after the named one: a comparison of row values, which both engines answer from an index."""
    row = sa.tuple_(*order)
    last = sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(values, order, strict=True)))
    return row < last if newest_first else row > last

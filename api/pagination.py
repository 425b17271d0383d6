"""Keyset pages: a list stays in one total order, and no row is shown twice or skipped while others are added."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import sqlalchemy as sa

from api.parsing import bad_parameters, storable
from api.resource import Answer, plain
from app.errors import FieldError
from app.models.base import UtcDateTime, db
from simulation.canonical import canonical_bytes, parse_exact


def page(
    statement: sa.Select[Any],
    order: Sequence[Any],
    query: Mapping[str, Any],
    document: Callable[[Any], Any],
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
    following = encode_cursor([getattr(shown[-1], column.key) for column in order]) if len(rows) > len(shown) else None
    documents = (document(row) for row in shown)
    return plain({"items": [found for found in documents if found is not None], "next_cursor": following})


def filtered(statement: sa.Select[Any], query: Mapping[str, Any], columns: Mapping[str, Any]) -> sa.Select[Any]:
    """The statement narrowed by each given parameter to the rows whose column equals it."""
    return statement.where(*(column == query[name] for name, column in columns.items() if name in query))


def encode_cursor(values: Sequence[Any]) -> str:
    """An opaque text that names the last row shown."""
    return base64.urlsafe_b64encode(canonical_bytes(list(values))).decode().rstrip("=")


def decode_cursor(cursor: str, order: Sequence[Any]) -> list[Any]:
    """The values of `encode_cursor`, checked against the columns; 400 that names `cursor` for anything else."""
    try:
        values = parse_exact(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, ArithmeticError, RecursionError):
        _refuse()
    if not isinstance(values, list) or len(values) != len(order):
        _refuse()
    return [_value(value, column) for value, column in zip(values, order, strict=True)]


def _value(value: Any, column: Any) -> Any:
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


def _beyond(order: Sequence[Any], values: Sequence[Any], newest_first: bool) -> sa.ColumnElement[bool]:
    """Rows after the named one: a comparison of row values, which both engines answer from an index."""
    row = sa.tuple_(*order)
    last = sa.tuple_(*(sa.literal(value, column.type) for value, column in zip(values, order, strict=True)))
    return row < last if newest_first else row > last

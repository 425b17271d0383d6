"""The database handle and the column types that keep money, moments and documents exact on both engines."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, MappedColumn, Session, mapped_column, scoped_session
from sqlalchemy.types import TypeDecorator, TypeEngine

from simulation.canonical import Json, canonical_text, number_text, parse_exact
from simulation.numbers import PLACES

MONEY_DIGITS, MONEY_PLACES = 38, PLACES  # one LLM token can cost 0.00000015 USD (spec 4.1)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Model(DeclarativeBase):
    """The base of every table's class.

    Tables derive from it and not from `db.Model`, which Flask-SQLAlchemy makes of it at run time: no type checker sees
    through that one. Both share one registry and one metadata, so a table is the same either way.
    """

    metadata = sa.MetaData(naming_convention=NAMING)
    __table__: ClassVar[sa.Table]

    def __repr__(self) -> str:
        identity = sa.inspect(self).identity or ("unsaved",)
        return f"<{type(self).__name__} {', '.join(map(str, identity))}>"


db = SQLAlchemy(model_class=Model, session_options={"expire_on_commit": False})

AnySession = Session | scoped_session[FlaskSession]
"""The session that a service takes: one of its own, or the request's `db.session`."""


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal that comes back as it went in: NUMERIC on PostgreSQL, text on SQLite, which has no decimals."""

    impl = sa.Numeric(MONEY_DIGITS, MONEY_PLACES)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str] | TypeEngine[Decimal]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(64))
        return dialect.type_descriptor(sa.Numeric(MONEY_DIGITS, MONEY_PLACES))

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> str | Decimal | None:
        if value is None:
            return None
        if isinstance(value, float):
            raise TypeError("money and quantities are Decimal, never float")
        return format(Decimal(value), "f") if dialect.name == "sqlite" else Decimal(value)

    def process_result_value(self, value: str | Decimal | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(number_text(Decimal(value)))


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC; naive ones are refused because they mean a different instant on each machine."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError(f"{value!r} has no time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CanonicalJSON(TypeDecorator[Json]):
    """A JSON document as canonical text: the same bytes on both engines, decimals exact.

    A loaded value is not tracked: assign a new one to change it.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Json, dialect: Dialect) -> str | None:
        return None if value is None else canonical_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Json:
        return None if value is None else parse_exact(value)


def bytewise(length: int) -> sa.String:
    """Text that PostgreSQL, too, orders byte by byte, so that an index on it finds beginnings."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def enum(values: type[StrEnum], name: str) -> sa.Enum:
    """A closed list as a text column that the database itself checks."""
    return sa.Enum(*[item.value for item in values], name=name, native_enum=False, create_constraint=True, length=40)


def not_negative(column: str) -> sa.CheckConstraint:
    """The constraint CHECK column ≥ 0; its cast makes SQLite compare the text of a decimal as a number."""
    return sa.CheckConstraint(f"CAST({column} AS REAL) >= 0", name=f"{column}_not_negative")


def place(table: str) -> MappedColumn[int]:
    """The place of a row in the order in which the table's rows were written: the database counts, no clock does.

    What is latest is told by it, since a clock may be set back. Writers that take turns (those of one subject) get
    rising places; rows that were written side by side may share one, so that an order ends with the primary key.
    """
    following = sa.text(f"(SELECT coalesce(max(place), 0) + 1 FROM {table})")  # noqa: S608  a name of ours
    return mapped_column(sa.BigInteger, default=following, server_default="0", index=True)


def identifier(prefix: str, new_id: Callable[[str], str]) -> MappedColumn[str]:
    """A text primary key with a readable prefix, generated when absent (spec 1)."""
    return mapped_column(sa.String(200), primary_key=True, default=lambda: new_id(prefix))

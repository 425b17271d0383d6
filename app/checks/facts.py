"""What the control database says of itself before anything is migrated; reads only, and makes no file."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from app.checks.surroundings import Surroundings

CONNECT_SECONDS = 5


class DatabaseDown(Exception):
    """The database was not reached, or did not answer; the sentence says why and what to do."""


@dataclass(frozen=True)
class Facts:
    """The revision of its tables, its installation and whether anybody has a workspace; None and False where empty."""

    revision: str | None = None
    installation_id: str | None = None
    has_workspaces: bool = False
    has_documents: bool = False

    @property
    def is_new(self) -> bool:
        """Whether no installation has ever used the database."""
        return self.installation_id is None and not self.has_workspaces


def facts_of(here: Surroundings) -> Facts:
    """The facts; DatabaseDown when it cannot be asked."""
    file = here.sqlite_file
    if file is not None and not (file.exists() and file.stat().st_size):
        return Facts()
    options = {"timeout": CONNECT_SECONDS} if file is not None else {"connect_timeout": CONNECT_SECONDS}
    try:
        engine = sa.create_engine(here.database_url, poolclass=sa.NullPool, connect_args=options)
        with engine.connect() as connection:
            return _read(connection)
    except (SQLAlchemyError, UnicodeError, ValueError) as error:
        raise DatabaseDown(_sentence(here, error)) from error


def _read(connection: sa.Connection) -> Facts:
    tables = set(sa.inspect(connection).get_table_names())

    def first(table: str, column: str) -> str | None:
        value = connection.scalar(sa.text(f"SELECT {column} FROM {table} LIMIT 1")) if table in tables else None  # noqa: S608
        return None if value is None else str(value)

    return Facts(
        revision=first("alembic_version", "version_num"),
        installation_id=first("installations", "installation_id"),
        has_workspaces=first("workspaces", "workspace_id") is not None,
        has_documents=first("runtime_configs", "decision_id") is not None,
    )


def _sentence(here: Surroundings, error: Exception) -> str:
    reason = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    if here.sqlite_file is not None:
        return f"The database {here.sqlite_file} cannot be read ({reason[-1]}): restore it from a backup."
    where = here.database_url.rpartition("@")[2]
    return f"The database at {where} does not answer ({reason[0]}): start it, or correct DATABASE_URL."

"""The tables of the control database, brought up to this version of the product."""

from pathlib import Path

import sqlalchemy as sa
from flask import current_app

from app.models.base import db

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"


def upgrade() -> None:
    """Create or change the tables of the running application's database until they are this version's."""
    if _present_revision() == newest_revision():
        return
    import flask_migrate  # late: a server that starts again has nothing to migrate and needs no Alembic

    flask_migrate.Migrate(current_app, db, directory=str(MIGRATIONS))
    flask_migrate.upgrade()


def newest_revision() -> str:
    """The revision that the newest migration makes; its file's name begins with it."""
    return max(known_revisions())


def known_revisions() -> frozenset[str]:
    """Every revision that this version of the product can bring a database to."""
    return frozenset(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("*.py"))


def _present_revision() -> str | None:
    """The revision that the database is at; None for an empty one."""
    if not sa.inspect(db.engine).has_table("alembic_version"):
        return None
    with db.engine.connect() as connection:
        revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return revision

"""How Alembic finds the database and the tables: both come from the running application."""

from alembic import context
from flask import current_app

from app import clock
from app.migration_guard import COPIES, guarded

database = current_app.extensions["migrate"].db


def belongs_to_models(_object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """Search tables and page indexes are made by migrations alone; autogenerate must not propose to drop them."""
    if kind == "table":
        return not (name or "").startswith("search_")
    return kind != "index" or not (name or "").endswith(("_page", "_search"))


def run_migrations() -> None:
    copies = current_app.config["DATA_DIR"] / COPIES
    with guarded(database.engine, copies, clock.now()) as connection:
        context.configure(
            connection=connection,
            target_metadata=database.metadata,
            include_object=belongs_to_models,
            transactional_ddl=True,  # SQLite's is; Alembic supposes that its driver commits on its own
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


run_migrations()

"""Every migration, up, down and up again, with rows in every table: nothing is lost, nothing is built differently."""

import alembic.autogenerate
import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from flask import Flask

from admin_views.grids.spec import GridSpec
from admin_views.grids.specs import GRIDS
from app.migrations import MIGRATIONS, newest_revision
from app.models.base import AnySession, db
from app.services.search import BEGINNINGS, matching
from tests.migrations.databases import contents, fill_every_table, only, structure

pytestmark = pytest.mark.own_database

REVISIONS = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))


@pytest.fixture
def migrating(app: Flask, session: AnySession) -> Flask:
    """A database with rows in every table, and Alembic's commands on it."""
    fill_every_table(session)
    flask_migrate.Migrate(app, db, directory=str(MIGRATIONS))
    return app


def below(revision: str) -> str:
    position = REVISIONS.index(revision)
    return REVISIONS[position - 1] if position else "base"


@pytest.mark.usefixtures("migrating")
def test_every_table_has_a_row_to_lose() -> None:
    assert not [table for table, rows in contents().items() if not rows]


@pytest.mark.usefixtures("migrating")
@pytest.mark.parametrize("revision", REVISIONS)
def test_the_way_down_and_up_again_keeps_every_row_trigger_and_view(revision: str) -> None:
    newest = structure()
    flask_migrate.downgrade(revision=revision)
    built, held = structure(), contents()
    flask_migrate.downgrade(revision=below(revision))
    kept = contents()
    assert {table: len(rows) for table, rows in kept.items()} == {table: len(held[table]) for table in kept}
    flask_migrate.upgrade(revision=revision)
    assert structure() == built
    assert only(contents(), kept) == kept
    flask_migrate.upgrade()
    assert structure() == newest


@pytest.mark.usefixtures("migrating")
@pytest.mark.parametrize("revision", REVISIONS[1:])
def test_the_search_finds_every_row_after_the_way_down_and_up(revision: str, session: AnySession) -> None:
    flask_migrate.downgrade(revision=below(revision))
    kept = contents()
    flask_migrate.upgrade()
    for spec in GRIDS:
        for row in kept.get(spec.table.name, ()):
            name = next(name for name in searched(spec) if isinstance(row[name], str))
            hits = sa.select(spec.table.c[name]).where(matching(session, spec.table, row[name]))
            assert row[name] in session.scalars(hits).all(), f"{row[name]} of {spec.name} after {revision}"


def searched(spec: GridSpec) -> tuple[str, ...]:
    """Columns of a grid's table that its search reads."""
    return BEGINNINGS.get(spec.table.name, (spec.identifier, *spec.key))


@pytest.mark.usefixtures("migrating")
def test_migrations_end_with_the_tables_of_the_models() -> None:
    with db.engine.connect() as connection:
        options = {"include_object": _is_of_models, "compare_server_default": False}
        assert (
            alembic.autogenerate.compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata)
            == []
        )


def _is_of_models(_object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """As `migrations/env.py` has it: search tables and page indexes are made by migrations alone."""
    if kind == "table":
        return not (name or "").startswith("search_")
    return kind != "index" or not (name or "").endswith(("_page", "_search"))


def test_the_newest_revision_is_under_test() -> None:
    assert REVISIONS[-1] == newest_revision()

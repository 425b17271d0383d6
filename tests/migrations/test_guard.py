"""A migration that fails, or would lose something without a word, leaves the database as it was; a copy comes first."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from app.migration_guard import COPIES, MigrationRefused
from app.migrations import MIGRATIONS, newest_revision
from app.models.base import AnySession, db
from tests.migrations.databases import contents, fill_every_table, structure

pytestmark = pytest.mark.own_database

Migrate = Callable[[str], None]
"""Upgrades the database by one more migration, whose `upgrade()` has these lines."""

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"


def upgrade():
    {body}


def downgrade():
    pass
"""
RECREATE = """
    with op.batch_alter_table("config_versions", recreate="always") as table:
        table.add_column(sa.Column("note", sa.Text(), nullable=True))
"""
KEEP_ITS_SEARCH = f"""
    run = op.get_bind().exec_driver_sql
    kept = run(
        "SELECT sql FROM sqlite_master WHERE type IN ('trigger', 'view') AND name LIKE '%config_versions%'"
    ).scalars().all()
    {RECREATE}
    for statement in kept:
        if "TRIGGER" in statement:
            run(statement)
    run("INSERT INTO search_config_versions(search_config_versions) VALUES ('delete-all')")
    run("INSERT INTO search_config_versions(rowid, words) SELECT id, words FROM words_config_versions")
"""


@pytest.fixture
def migrate(app: Flask, session: AnySession, tmp_path: Path) -> Migrate:
    """On a database with rows in every table."""
    fill_every_table(session)
    db.session.remove()
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def upgrade(body: str) -> None:
        text = MIGRATION.format(newest=newest_revision(), body=body)
        (folder / "versions" / "9999_of_a_test.py").write_text(text)
        flask_migrate.Migrate(app, db, directory=str(folder))
        flask_migrate.upgrade()

    return upgrade


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('op.execute("DELETE FROM customers")', "1 of the rows of customers"),
        ('op.execute("DELETE FROM pools")', "2 of the rows of pools"),
    ],
    ids=["rows", "children"],
)
def test_an_upgrade_that_loses_rows_is_refused_by_name(migrate: Migrate, body: str, named: str) -> None:
    before = contents(), structure()
    with pytest.raises(MigrationRefused, match=named):
        migrate(body)
    assert (contents(), structure()) == before


def test_an_upgrade_that_fails_midway_leaves_the_database_as_it_was(migrate: Migrate) -> None:
    before = contents(), structure()
    with pytest.raises(ZeroDivisionError):
        migrate('op.create_table("half", sa.Column("a", sa.Integer())); op.execute("DELETE FROM pools"); 1 / 0')
    assert (contents(), structure()) == before


def test_an_upgrade_may_do_its_work_after_one_that_was_refused(migrate: Migrate) -> None:
    with pytest.raises(MigrationRefused):
        migrate('op.execute("DELETE FROM pools")')
    migrate('op.add_column("pools", sa.Column("note", sa.Text(), nullable=True))')
    assert all(row["note"] is None for row in contents()["pools"])


class TestOnSqlite:
    """What SQLite does to children, triggers and references when a table is copied and dropped."""

    @pytest.fixture
    def app(self, sqlite_app: Flask) -> Flask:
        return sqlite_app

    def test_a_table_that_is_copied_keeps_the_rows_that_refer_to_it(self, migrate: Migrate) -> None:
        before = contents()
        migrate(KEEP_ITS_SEARCH)
        after = contents()
        assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
        assert after["pools"] == before["pools"]

    def test_a_table_that_is_copied_without_its_triggers_is_refused(self, migrate: Migrate) -> None:
        before = structure()
        with pytest.raises(MigrationRefused, match="the trigger search_config_versions_insert of config_versions"):
            migrate(RECREATE)
        assert structure() == before

    def test_a_reference_that_would_lead_nowhere_is_refused(self, migrate: Migrate) -> None:
        before = contents()
        with pytest.raises(MigrationRefused, match="refers to in workspaces"):
            migrate("""op.execute("UPDATE workspaces SET workspace_id = 'other'")""")
        assert contents() == before

    def test_a_copy_that_only_its_owner_reads_is_made_first(self, app: Flask, migrate: Migrate) -> None:
        before = contents()["pools"]
        migrate("op.execute(\"UPDATE pools SET label = 'changed'\")")
        (copy,) = (app.config["DATA_DIR"] / COPIES).iterdir()
        assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
        assert copy.name.startswith(f"avs-{newest_revision()}-")
        with sqlite3.connect(copy) as copied:
            assert [label for (label,) in copied.execute("SELECT label FROM pools")] == [row["label"] for row in before]

    def test_foreign_keys_hold_again_afterwards(self, migrate: Migrate) -> None:
        migrate("pass")
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA legacy_alter_table").scalar() == 0
            with pytest.raises(sa.exc.IntegrityError):
                connection.exec_driver_sql("DELETE FROM workspaces")


def test_a_new_database_has_nothing_to_copy(app: Flask) -> None:
    assert not (app.config["DATA_DIR"] / COPIES).exists()

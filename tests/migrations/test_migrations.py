"""The tables are brought up to this version where that is needed, and developers still have Alembic's own commands."""

import os
import subprocess
import sys
from pathlib import Path

from alembic.script import ScriptDirectory
from flask import Flask

from app.migrations import MIGRATIONS, newest_revision, upgrade

ROOT = Path(__file__).resolve().parents[2]


def test_the_newest_file_is_the_one_that_alembic_would_end_with() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == newest_revision()


def test_tables_of_this_version_are_left_alone(app: Flask) -> None:
    app.extensions.pop("migrate", None)
    upgrade()
    assert "migrate" not in app.extensions


def test_alembics_commands_find_the_application(sqlite_app: Flask) -> None:
    settings = {
        "DATABASE_URL": sqlite_app.config["SQLALCHEMY_DATABASE_URI"],
        "AVS_DATA_DIR": str(sqlite_app.config["DATA_DIR"]),
    }
    command = [sys.executable, "-m", "flask", "db", "current"]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert f"{newest_revision()} (head)" in ended.stdout, ended.stderr

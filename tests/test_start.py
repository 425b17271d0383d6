"""What is loaded at start: help needs no application, and a server that answered apps and operators holds no engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from flask import Flask

from app.cli import COMMANDS, Entry, avs
from app.models.base import db
from app.models.transactions import write
from tests import factories as f

ROOT = Path(__file__).resolve().parents[1]
SIMULATIONS = ("ibis", "sqlglot", "duckdb", "pyarrow", "numpy", "pandas", "rich", "pygments")
DOCUMENTS = ("pypdf", "docx", "lxml", "plotly")
SETTING_UP = ("alembic", "mako", "flask_migrate", "fsspec", "psycopg")
APPLICATION = ("app.factory", "admin_views", "api", "flask", "flask_admin", "sqlalchemy")

ANSWERED = """
import asyncio
import json
import sys
from app.server import application
from tests.delivery import asgi

async def answers():
    plane = application()
    subject = json.loads(sys.argv[1])
    for path, query in (("/healthz", {}), ("/", {}), ("/api/runtime/config", subject)):
        exchange = await asgi.answer(plane, path, query, {}, "GET")
        assert exchange.status == 200, (path, exchange.status)
    await plane.close()

asyncio.run(answers())
print(json.dumps(sorted(sys.modules)))
"""
HELPED = """
import json
import sys
from app.cli import avs

avs(["--help"], standalone_mode=False)
print(json.dumps(sorted(sys.modules)))
"""
SIMULATED = """
import json
import sys
from simulation import engine

with engine.open_parquet([]) as events:
    assert engine.newest_ts(events) is None
print(json.dumps(sorted(sys.modules)))
"""


def loaded(script: str, *arguments: str, **environment: str) -> set[str]:
    """Every module that a fresh process has loaded when it ends."""
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stdout.splitlines()[-1]))


def test_a_server_that_answered_an_app_and_an_operator_holds_no_engine(sqlite_app: Flask) -> None:
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session)
    modules = loaded(
        ANSWERED,
        json.dumps(f.SUBJECT),
        DATABASE_URL=sqlite_app.config["SQLALCHEMY_DATABASE_URI"],
        AVS_DATA_DIR=str(sqlite_app.config["DATA_DIR"]),
    )
    assert "app.server" in modules
    assert modules.isdisjoint((*SIMULATIONS, *DOCUMENTS, *SETTING_UP))


def test_help_makes_no_application(tmp_path: Path) -> None:
    modules = loaded(HELPED, AVS_DATA_DIR=str(tmp_path / "data"))
    assert "app.cli" in modules
    assert modules.isdisjoint((*APPLICATION, *SIMULATIONS, *DOCUMENTS, *SETTING_UP))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("entry", COMMANDS, ids=[entry.name for entry in COMMANDS])
def test_the_table_of_commands_says_what_each_says_of_itself(entry: Entry) -> None:
    command = entry.command()
    assert command.name == entry.name
    assert str(command.help).startswith(entry.help.removesuffix("."))


def test_every_command_is_shown_and_found(sqlite_app: Flask) -> None:
    shown = sqlite_app.test_cli_runner().invoke(avs, ["--help"]).output
    names = [entry.name for entry in COMMANDS]
    assert [name for name in names if f"\n  {name} " not in shown] == []
    assert avs.list_commands(click.Context(avs)) == names


def test_a_simulation_loads_its_engine_and_nothing_for_pictures_or_frames() -> None:
    modules = loaded(SIMULATED)
    assert {"ibis", "duckdb", "pyarrow"} <= modules
    assert modules.isdisjoint(("pandas", "plotly", "polars"))

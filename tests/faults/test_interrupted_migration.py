"""The server is killed while it migrates an older database: the next start finds it whole and goes on."""

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.migration_guard import COPIES
from app.migrations import newest_revision
from tests.databases import DATABASE
from tests.faults.lumina import CANDIDATE, simulate
from tests.faults.running import AVS, Server, eventually
from tests.migrations.databases import row_counts

OLDER = "0004"
DOWNGRADE = [sys.executable, "-m", "flask", "db", "downgrade", OLDER]
KILLED_AFTER_SECONDS = (0.0, 0.05)


@pytest.fixture
def older(server: Server) -> Server:
    """An installation whose database is of an older version, with the demo in it."""
    environment = {"AVS_DATA_DIR": str(server.data_dir), "FLASK_APP": "wsgi"}
    subprocess.run(DOWNGRADE, env=environment, check=True, capture_output=True, cwd=Path(AVS).parents[2])
    return server


def test_a_server_that_is_killed_while_it_migrates_loses_nothing(older: Server) -> None:
    database = older.data_dir / DATABASE
    rows = row_counts(database)
    for pause in KILLED_AFTER_SECONDS:
        for copy in (older.data_dir / COPIES).iterdir():
            copy.unlink()
        older.launch()
        eventually(lambda: any((older.data_dir / COPIES).iterdir()))
        time.sleep(pause)
        older.kill()
        kept = row_counts(database)
        assert {table: kept[table] for table in rows} == rows
    heal_seconds = older.start()
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest_revision(),)
    kept = row_counts(database)
    assert {table: kept[table] for table in rows} == rows
    assert simulate(older, CANDIDATE).status_code == 201
    killed, held = len(KILLED_AFTER_SECONDS), sum(rows.values())
    print(f"migration killed {killed} times: {held} rows, 0 lost, up in {heal_seconds:.1f} s")

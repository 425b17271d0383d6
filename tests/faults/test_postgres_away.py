"""PostgreSQL is stopped, killed and frozen while people work: it heals by itself, and nothing acknowledged is lost."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.extensions import usage_events
from app.factory import create_app
from app.models.base import db
from seed.loader import load_seed
from tests.browser.running import SEEDED_AT
from tests.databases import migrated, settings
from tests.faults.lumina import CANDIDATE, approve, config, sending, simulate
from tests.faults.postgres import Postgres, running_postgres
from tests.faults.publishing import OWN, until_published
from tests.faults.running import Server, breakable
from tests.faults.troubles import (
    command_refused,
    lives_and_delivers,
    new_workspace,
    quiet,
    ready,
    refused,
    refused_on_screen,
    settled,
    unready,
)

RESTARTS = 5
BY_COMMAND = ("--approver", "Theresa", "--role", "CEO", "--rationale", "It holds.")


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture
def server(postgres: Postgres, tmp_path: Path) -> Iterator[Server]:
    """The small demo workspace in PostgreSQL, published to a folder."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    uri = postgres.url.replace("postgresql://", "postgresql+psycopg://", 1)
    migrated(uri, data_dir)
    app = create_app(settings(uri, data_dir))
    with app.app_context():
        load_seed(db.session, usage_events().store, now=SEEDED_AT, with_growth=False)
        db.session.execute(sa.text(OWN))
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
        usage_events().store.close()
    environment = {"DATABASE_URL": postgres.url, "AVS_PUBLISH_URL": (tmp_path / "published").as_uri()}
    with breakable(Server(data_dir, tmp_path / "server.log", environment)) as server:
        yield server


def test_nothing_acknowledged_is_lost_when_postgresql_goes_away_and_comes_back(
    server: Server, postgres: Postgres
) -> None:
    server.start()
    simulation_run_id = simulate(server).json()["simulation_run_id"]
    assert config(server).status_code == 200
    healed: list[float] = []
    with sending(server, "away") as usage:
        for restart in range(RESTARTS):
            postgres.kill() if restart % 2 else postgres.stop()
            lives_and_delivers(server)
            refused(approve(server, simulation_run_id), "database_unreachable")
            if restart == 0:
                refused(simulate(server), "database_unreachable")
                refused_on_screen(server.get("/decision-log"))
                unready(server, "control_database", "database_unreachable")
                sentence = command_refused(server, "approve", CANDIDATE, simulation_run_id, *BY_COMMAND)
                assert "does not answer" in sentence or "cannot be reached" in sentence, sentence
            began = time.monotonic()
            postgres.start()
            ready(server)
            healed.append(time.monotonic() - began)
        with postgres.frozen():
            for _ in range(3):
                lives_and_delivers(server)
            unready(server, "control_database", "not_answering", "database_unreachable")
        ready(server)
        settled(lambda: approve(server, simulation_run_id), 201)
    assert simulate(server).status_code == 201
    assert new_workspace(server).status_code == 303
    assert config(server).json()["config_version_id"] == CANDIDATE
    until_published(server)
    assert usage.acknowledged
    assert usage.lost() == set()
    quiet(server, "database_unreachable", times=RESTARTS + 1)
    print(
        f"PostgreSQL away: {len(usage.acknowledged)} events acknowledged, 0 lost, "
        f"{RESTARTS} restarts, well again after {max(healed):.1f} s"
    )

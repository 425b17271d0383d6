"""The control database is lost, emptied or swapped: nothing begins anew, and the way back works."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests import databases
from tests.faults.lumina import config
from tests.faults.running import Server, breakable, eventually, run_avs


@pytest.fixture
def server(data_dir: Path, tmp_path: Path) -> Iterator[Server]:
    """On the copy, publishing to a folder beside it."""
    target = {"AVS_PUBLISH_URL": (tmp_path / "published").as_uri()}
    with breakable(Server(data_dir, tmp_path / "server.log", environment=target)) as server:
        yield server


def refusal(server: Server) -> str:
    """The sentence of a start that is refused, and before it is, nothing."""
    before = len(server.said()) if server.log.exists() else 0
    server.launch()
    assert server.wait_until_ended() == 1, server.said()
    (sentence,) = server.said()[before:].splitlines()
    assert sentence.startswith("Error: ")
    return sentence


def database_files(data_dir: Path) -> list[Path]:
    return sorted(data_dir.glob("avs.db*"))


def assert_goes_on(server: Server) -> float:
    """It starts, serves what was active, and nothing of the demo was published."""
    seconds = server.start()
    assert config(server).status_code == 200
    target = Path(server.environment["AVS_PUBLISH_URL"].removeprefix("file://"))
    assert list(target.glob("current/**/*.json")) == []
    assert list(target.glob("documents/*.json")) == []
    return seconds


def test_a_database_that_is_gone_stops_the_start_until_it_is_restored(server: Server, data_dir: Path) -> None:
    backup = data_dir.parent / "backup"
    backup.mkdir()
    for file in database_files(data_dir):
        file.rename(backup / file.name)
    sentence = refusal(server)
    assert "avs.db is empty" in sentence
    assert "usage events in" in sentence
    assert "signing keys in" in sentence
    assert "Restore the database of inst_" in sentence
    assert database_files(data_dir) == []
    assert "is empty" in run_avs(data_dir, "seed").stderr
    for file in backup.iterdir():
        file.rename(data_dir / file.name)
    print(f"lost database: refused, restored, up again in {assert_goes_on(server):.1f} s")


def test_an_emptied_database_file_is_as_good_as_lost(server: Server, data_dir: Path) -> None:
    whole = (data_dir / "avs.db").read_bytes()
    (data_dir / "avs.db").write_bytes(b"")
    assert "avs.db is empty" in refusal(server)
    (data_dir / "avs.db").write_bytes(whole)
    assert_goes_on(server)


def test_the_database_of_another_installation_is_noticed_and_may_be_adopted(server: Server, data_dir: Path) -> None:
    other = data_dir.parent / "other"
    begun = Server(other, data_dir.parent / "other.log", options=("--empty",))
    begun.start()
    begun.stop()
    for file in database_files(data_dir):
        file.unlink()
    for file in database_files(other):
        shutil.copy(file, data_dir / file.name)
    sentence = refusal(server)
    assert sentence.count("inst_") == 2
    told = run_avs(data_dir, "doctor")
    assert told.returncode == 1
    assert "installation: The database" in told.stdout
    adopted = run_avs(data_dir, "doctor", "--adopt")
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    assert "installation: ok" in adopted.stdout
    server.start()
    assert server.get("/api/workspaces").json()["items"] == []


def test_published_documents_without_a_database_stop_the_start(server: Server, data_dir: Path) -> None:
    shutil.rmtree(data_dir)
    pointer = Path(server.environment["AVS_PUBLISH_URL"].removeprefix("file://")) / "current" / "ws" / "a.json"
    pointer.parent.mkdir(parents=True)
    pointer.write_text("{}")
    assert "documents published to file://" in refusal(server)
    assert not data_dir.exists()


def test_an_empty_postgresql_beside_a_data_directory_in_use_stops_the_start(server: Server, data_dir: Path) -> None:
    with databases.postgres_server() as postgres:
        databases.execute(postgres, "CREATE DATABASE lost TEMPLATE template0")
        uri = databases.uri_of(postgres, "lost")
        server.environment["DATABASE_URL"] = uri.replace("postgresql+psycopg://", "postgresql://")
        sentence = refusal(server)
        assert "usage events in" in sentence
        engine = sa.create_engine(uri, poolclass=sa.NullPool)
        with engine.connect() as connection:
            assert sa.inspect(connection).get_table_names() == []
    del server.environment["DATABASE_URL"]
    assert_goes_on(server)


def test_a_data_directory_that_is_not_mounted_stops_the_start(server: Server, data_dir: Path) -> None:
    kept = data_dir.parent / "kept"
    kept.mkdir()
    for file in database_files(data_dir):
        shutil.move(file, kept)
    away = data_dir.rename(data_dir.parent / "away")
    server.environment["DATABASE_URL"] = f"sqlite:///{kept / 'avs.db'}"
    assert "not mounted" in refusal(server)
    away.rename(data_dir)
    assert_goes_on(server)


def test_a_start_that_is_to_be_empty_stays_so(tmp_path: Path) -> None:
    with breakable(Server(tmp_path / "data", tmp_path / "server.log", options=("--empty",))) as server:
        server.start()
        server.stop()
        server.options = ()
        server.start()
        assert server.get("/api/workspaces").json()["items"] == []


def test_a_first_seeding_that_was_interrupted_goes_on_at_the_next_start(tmp_path: Path) -> None:
    with breakable(Server(tmp_path / "data", tmp_path / "server.log")) as server:
        server.launch()
        eventually((tmp_path / "data" / "installation").exists)
        time.sleep(0.2)
        server.kill()
        seconds = server.start()
        items = server.get("/api/workspaces").json()["items"]
        assert {item["workspace_id"] for item in items} == {"ws_1049", "ws_2049"}
        print(f"killed while it seeded for the first time: up again in {seconds:.1f} s, with the whole demo")


def test_an_installation_from_before_there_were_ids_adopts_one(seeded: Path, tmp_path: Path) -> None:
    shutil.copytree(seeded, tmp_path / "data")
    assert not (tmp_path / "data" / "installation").exists()
    with breakable(Server(tmp_path / "data", tmp_path / "server.log")) as server:
        server.start()
        assert (tmp_path / "data" / "installation").read_text().startswith("inst_")
        assert os.stat(tmp_path / "data" / "installation").st_mode & 0o777 == 0o600

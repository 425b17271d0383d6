"""A start with something wrong ends before the port listens: exit status 1 and one sentence that says what to mend."""

import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.checks.start import examined
from app.checks.surroundings import Surroundings
from tests.faults.running import Server, breakable, eventually, run_avs

Environment = dict[str, str]
Wrong = Callable[[Path, Environment], object]
"""Makes something wrong with a data directory or the environment of a start."""


def key_of(data_dir: Path) -> Path:
    return next((data_dir / "signing_keys").glob("*.pem"))


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"not a database at all, whatever its name says")


def damaged_inside(path: Path) -> None:
    """Every page but the first is noise."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def of_a_newer_version(data_dir: Path, _: Environment) -> None:
    connection = sqlite3.connect(data_dir / "avs.db")
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def a_file_for_the_folder(data_dir: Path, _: Environment) -> None:
    shutil.rmtree(data_dir)
    data_dir.write_text("not a folder")


def setting(name: str, value: str) -> Wrong:
    return lambda data_dir, environment: environment.update({name: value.format(data_dir=data_dir)})


WRONG: dict[str, tuple[Wrong, str]] = {
    "secret_key_empty": (lambda d, _: (d / "secret_key").write_text(""), "secret_key is empty"),
    "secret_key_open": (lambda d, _: (d / "secret_key").chmod(0o644), "can be read by others"),
    "signing_key_empty": (lambda d, _: key_of(d).write_text(""), "is empty or damaged"),
    "signing_key_cut": (lambda d, _: os.truncate(key_of(d), 60), "is empty or damaged"),
    "signing_key_open": (lambda d, _: key_of(d).chmod(0o640), "can be read by others (mode 0640)"),
    "signing_keys_gone": (lambda d, _: shutil.rmtree(d / "signing_keys"), "the keys that signed them are gone"),
    "signing_keys_emptied": (lambda d, _: key_of(d).unlink(), "the keys that signed them are gone"),
    "folder_is_a_file": (a_file_for_the_folder, "which is a file: give a folder"),
    "folder_mistyped": (setting("AVS_DATA_DIR", "{data_dir}/no/such"), "there is no folder"),
    "database_no_database": (lambda d, _: overwritten(d / "avs.db"), "is damaged"),
    "database_damaged_inside": (lambda d, _: damaged_inside(d / "avs.db"), "avs.db"),
    "database_newer": (of_a_newer_version, "is of a newer version of AVS Brain (its tables are at 9999"),
    "database_mistyped": (setting("DATABASE_URL", "mysql://db/avs"), "DATABASE_URL is no database"),
    "database_no_url": (setting("DATABASE_URL", "avs.db"), "DATABASE_URL is no database"),
    "database_kept_nowhere": (setting("DATABASE_URL", "sqlite://"), "nothing would be kept"),
    "database_in_no_folder": (setting("DATABASE_URL", "sqlite:///{data_dir}/no/avs.db"), "there is no folder"),
    "database_away": (setting("DATABASE_URL", "postgresql://avs:hidden@127.0.0.1:1/avs"), "does not answer"),
    "usage_index_no_database": (lambda d, _: overwritten(d / "usage" / "index.sqlite"), "The index of usage"),
    "usage_index_damaged": (lambda d, _: damaged_inside(d / "usage" / "index.sqlite"), "The index of usage"),
    "publishing_nowhere": (setting("AVS_PUBLISH_URL", "ftp7://somewhere"), "AVS_PUBLISH_URL"),
    "publishing_to_a_file": (setting("AVS_PUBLISH_URL", "file://{data_dir}/avs.db"), "is a file: give a folder"),
    "token_of_blanks": (setting("AVS_API_TOKEN", "two words"), "AVS_API_TOKEN"),
    "secret_guessable": (setting("AVS_SECRET_KEY", "secret"), "AVS_SECRET_KEY can be guessed"),
    "signing_key_no_key": (setting("AVS_SIGNING_KEY", "no key"), "AVS_SIGNING_KEY holds no Ed25519"),
    "hosts_no_hosts": (setting("AVS_TRUSTED_HOSTS", "http://x/y"), "AVS_TRUSTED_HOSTS"),
    "host_of_another_machine": (setting("HOST", "192.0.2.7"), "AVS_API_TOKEN"),
    "host_nowhere": (
        lambda _, e: e.update(HOST="no.such.host.invalid", AVS_API_TOKEN="t"),
        "no address of this machine",
    ),
}


@contextmanager
def wrong_start(data_dir: Path, environment: Environment) -> Iterator[subprocess.CompletedProcess[str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    yield run_avs(data_dir, "serve", "--port", environment.get("PORT", port), **environment)


def assert_refused(start: subprocess.CompletedProcess[str], words: str) -> None:
    """One sentence on the error stream, nothing else anywhere, and exit status 1."""
    assert start.returncode == 1, start.stdout + start.stderr
    assert start.stdout == ""
    (sentence,) = start.stderr.splitlines()
    assert sentence.startswith("Error: ")
    assert words in sentence
    assert "hidden" not in sentence


def written(folder: Path) -> dict[Path, bytes]:
    """Every file with its bytes, but for those that SQLite makes while somebody reads."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-shm", "-wal"))]
    return {path: path.read_bytes() for path in paths}


def stopping(data_dir: Path, environment: Environment) -> list[str]:
    here = Surroundings({"AVS_DATA_DIR": str(data_dir)} | environment)
    return [remark.sentence for _, remarks in examined(here) for remark in remarks or () if remark.stops]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_start_says_what_to_mend_and_writes_nothing(name: str, data_dir: Path, installed: Path) -> None:
    make_wrong, words = WRONG[name]
    environment: Environment = {}
    make_wrong(data_dir, environment)
    before = written(data_dir)
    began = time.monotonic()
    with wrong_start(data_dir, environment) as start:
        assert_refused(start, words)
    print(f"{name}: refused in {time.monotonic() - began:.1f} s: {start.stderr.strip()}")
    assert written(data_dir) == before
    shutil.rmtree(data_dir, ignore_errors=True)
    data_dir.unlink(missing_ok=True)
    shutil.copytree(installed, data_dir)
    assert stopping(data_dir, {}) == []


def test_a_taken_port_is_said_and_nothing_is_begun(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_refused(run_avs(tmp_path / "data", "serve", "--port", port), f"Port {port}")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("port", ["70000", "0", "http"])
def test_a_port_that_is_none_is_said(port: str, tmp_path: Path) -> None:
    assert_refused(run_avs(tmp_path / "data", "serve", PORT=port), f"PORT is '{port}'")


def test_every_command_refuses_what_it_could_not_work_on(data_dir: Path) -> None:
    overwritten(data_dir / "avs.db")
    for command in (("seed",), ("usage", "stats"), ("keys", "list"), ("publish", "--to", "file:///nowhere")):
        assert_refused(run_avs(data_dir, *command), "is damaged")


def test_an_unknown_setting_is_named_with_the_one_that_may_be_meant(data_dir: Path) -> None:
    told = run_avs(data_dir, "doctor", AVS_PUBLISH_URI="file:///srv/avs")
    assert told.returncode == 0, told.stdout
    assert "AVS_PUBLISH_URI is no setting of AVS Brain and is not read: is AVS_PUBLISH_URL meant?" in told.stdout


def test_a_folder_to_publish_to_that_no_web_server_can_read_is_said(data_dir: Path) -> None:
    inside = (data_dir / "published").as_uri()
    told = run_avs(data_dir, "doctor", AVS_PUBLISH_URL=inside)
    assert told.returncode == 0, told.stdout
    assert "inside the data directory, which its owner alone may read" in told.stdout
    beside = run_avs(data_dir, "doctor", AVS_PUBLISH_URL=(data_dir.parent / "published").as_uri())
    assert "publishing: ok" in beside.stdout
    with breakable(Server(data_dir, data_dir.parent / "server.log", {"AVS_PUBLISH_URL": inside})) as server:
        server.start()
        assert "Note: AVS_PUBLISH_URL is" in server.said()


def test_the_doctor_names_everything_at_once_and_starts_nothing(data_dir: Path) -> None:
    (data_dir / "secret_key").write_text("")
    overwritten(data_dir / "usage" / "index.sqlite")
    told = run_avs(data_dir, "doctor", AVS_SECRET_KEY="")
    assert told.returncode == 1
    assert "secret key: " in told.stdout
    assert "usage index: " in told.stdout
    assert "database: ok" in told.stdout


def as_nobody(act: Callable[[], str]) -> str:
    """The answer of a function in a process of another user."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setuid(65534)
            os.write(writing, act().encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        return answer.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as another user")
def test_a_folder_of_another_user_or_one_that_cannot_be_written_is_refused() -> None:
    folder = Path("/dev/shm", f"avs-owners-{os.getpid()}")
    folder.mkdir(mode=0o755)
    try:
        assert "cannot be written" in as_nobody(lambda: "".join(stopping(folder, {})))
        folder.chmod(0o777)
        assert "belongs to the user with the number 0" in as_nobody(lambda: "".join(stopping(folder, {})))
        assert "cannot be made" in as_nobody(lambda: "".join(stopping(Path("/avs-nobody"), {})))
    finally:
        folder.rmdir()


def test_the_address_is_printed_when_somebody_can_be_answered_and_files_are_their_owners(data_dir: Path) -> None:
    (data_dir / "avs.db").chmod(0o644)
    (data_dir / "usage").chmod(0o755)
    with breakable(Server(data_dir, data_dir.parent / "server.log")) as server:
        server.start()
        eventually(lambda: "AVS Brain on" in server.said())
        assert "are now their owner's alone" in server.said()
        assert f"AVS Brain on {server.url}" in server.said()
        server.post("/api/workspaces", {"workspace_name": "New", "operator_role": "founder"})
    assert [path for path in data_dir.rglob("*") if path.stat().st_mode & 0o077] == []


def test_nothing_is_printed_of_a_server_that_died_before_it_answered(data_dir: Path) -> None:
    server = Server(data_dir, data_dir.parent / "server.log")
    server.launch()
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    time.sleep(0.5)
    assert "AVS Brain on" not in server.said()

"""The failures of the stores, made for real, are told as one refusal that names the store and the way on."""

import errno
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlalchemy as sa

from app import patience
from app.errors import Conflict, Unavailable
from app.file_lock import exclusive
from app.unavailable import Store, refusal_of_failure
from tests.present import present


def _failure(action: Callable[[], object]) -> Exception:
    with pytest.raises(Exception) as caught:
        action()
    assert isinstance(caught.value, Exception)
    return caught.value


def _told(error: BaseException) -> tuple[str, str]:
    refusal = present(refusal_of_failure(error))
    assert refusal.status == 503
    assert refusal.retry_after_seconds > 0
    return refusal.store, refusal.code


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A SQLite database with a table of some pages."""
    path = tmp_path / "some.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE word (text TEXT)")
        connection.executemany("INSERT INTO word VALUES (?)", [("a" * 500,) for _ in range(200)])
    connection.close()
    return path


def test_a_locked_database_is_busy(path: Path) -> None:
    holder, other = sqlite3.connect(path, isolation_level=None), sqlite3.connect(path, timeout=0)
    holder.execute("BEGIN EXCLUSIVE")
    assert _told(_failure(lambda: other.execute("INSERT INTO word VALUES ('b')"))) == ("usage", "storage_busy")
    assert refusal_of_failure(_failure(lambda: other.execute("SELECT * FROM word")), Store.DATABASE) is not None
    holder.close()
    other.close()


def test_a_database_that_may_not_grow_is_full(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA max_page_count = 1")
    rows = [("b" * 5000,) for _ in range(200)]
    assert _told(_failure(lambda: connection.executemany("INSERT INTO word VALUES (?)", rows))) == (
        "usage",
        "storage_full",
    )
    connection.close()


def test_a_database_that_is_opened_for_reading_is_read_only_and_one_of_other_bytes_is_damaged(path: Path) -> None:
    reading = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    assert _told(_failure(lambda: reading.execute("DELETE FROM word")))[1] == "storage_read_only"
    reading.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    damaged = sqlite3.connect(path)
    assert _told(_failure(lambda: damaged.execute("SELECT * FROM word").fetchall()))[1] == "storage_damaged"
    damaged.close()
    path.write_bytes(b"no database at all" * 1000)
    foreign = sqlite3.connect(path)
    assert _told(_failure(lambda: foreign.execute("SELECT * FROM word")))[1] == "storage_damaged"
    foreign.close()


def test_what_sqlalchemy_wraps_is_the_control_database(path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{path}?mode=ro&uri=true".replace("sqlite:///", "sqlite:///file:"))
    with engine.connect() as connection:
        error = _failure(lambda: connection.exec_driver_sql("DELETE FROM word"))
    assert _told(error) == ("database", "storage_read_only")
    engine.dispose()


def test_a_postgresql_that_nobody_answers_for_is_unreachable() -> None:
    address = "postgresql://nobody@127.0.0.1:9/none?connect_timeout=2"
    assert _told(_failure(lambda: psycopg.connect(address))) == ("database", "database_unreachable")
    engine = sa.create_engine(address.replace("postgresql", "postgresql+psycopg"))
    assert _told(_failure(engine.connect)) == ("database", "database_unreachable")


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("08006", "database_unreachable"),
        ("57P01", "database_unreachable"),
        ("57P03", "database_unreachable"),
        ("53300", "database_unreachable"),
        ("53100", "storage_full"),
        ("25006", "storage_read_only"),
        ("58030", "storage_failing"),
        ("XX001", "storage_damaged"),
        ("55P03", "storage_busy"),
        ("57014", "storage_busy"),
    ],
)
def test_what_postgresql_says_of_itself_is_told(sqlstate: str, code: str) -> None:
    error = psycopg.errors.lookup(sqlstate)("what it says")
    assert _told(sa.exc.DBAPIError("SELECT 1", {}, error)) == ("database", code)


@pytest.mark.parametrize("sqlstate", ["23505", "40001", "42P01", "22003"])
def test_what_a_statement_does_wrong_is_no_trouble_of_a_store(sqlstate: str) -> None:
    error = psycopg.errors.lookup(sqlstate)("what it says")
    assert refusal_of_failure(sa.exc.DBAPIError("SELECT 1", {}, error)) is None


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "storage_full"),
        (errno.EDQUOT, "storage_full"),
        (errno.EFBIG, "storage_full"),
        (errno.EROFS, "storage_read_only"),
        (errno.EACCES, "storage_read_only"),
        (errno.EIO, "storage_failing"),
    ],
)
def test_what_the_system_says_is_told(number: int, code: str) -> None:
    assert _told(OSError(number, os.strerror(number), "/somewhere")) == ("files", code)


def test_the_columnar_engine_on_a_full_disk_is_told_by_its_words() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("This system has no device that is always full.")
    engine = duckdb.connect()
    error = _failure(lambda: engine.execute("COPY (SELECT range FROM range(1000000)) TO '/dev/full' (FORMAT csv)"))
    assert _told(error) == ("usage", "storage_full")
    assert _told(_failure(lambda: full.write_bytes(b"a"))) == ("files", "storage_full")


def test_other_exceptions_are_none_and_a_cause_counts() -> None:
    for error in (
        KeyError("a"),
        FileNotFoundError(errno.ENOENT, "no such file"),
        sa.exc.NoResultFound(),
        TimeoutError(),
    ):
        assert refusal_of_failure(error) is None
    wrapped = RuntimeError("merging failed")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert _told(wrapped) == ("files", "storage_full")
    assert refusal_of_failure(Conflict("taken")) is None


def test_a_request_waits_for_a_lock_of_another_process_as_long_as_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REQUEST_SECONDS", 0.2)
    outcomes: list[object] = []

    def request() -> None:
        patience.hurry()
        try:
            with exclusive(tmp_path / "lock"):
                outcomes.append("held")
        except Unavailable as refusal:
            outcomes.append(refusal.code)

    def asked() -> object:
        thread = threading.Thread(target=request)
        thread.start()
        thread.join(10)
        return outcomes.pop()

    with exclusive(tmp_path / "lock"):
        assert asked() == "storage_busy"
    assert asked() == "held"

"""Counters in a SQLite file: shared by the processes of one machine, and there again after a restart."""

import os
import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeVar

from avs_brain_client.account import Account, dumped, loaded
from avs_brain_client.counters.matter import NOTHING_SPECIAL, Matter
from avs_brain_client.errors import CountersUnavailable
from avs_brain_client.sqlite_file import SqliteFile

T = TypeVar("T")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (ledger TEXT, customer_id TEXT, body TEXT NOT NULL,
    PRIMARY KEY (ledger, customer_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (ledger TEXT, customer_id TEXT, mark TEXT, until INTEGER NOT NULL,
    PRIMARY KEY (ledger, customer_id, mark)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS marks_until ON marks (until);
"""
PRUNE_EVERY = 1_000
"""Updates between two cleanings."""


class SqliteLedger:
    """Reads what is in the file each time; writers of the whole file queue."""

    view_ns: int | None = 0
    survives = True

    def __init__(self, file: SqliteFile, name: str) -> None:
        self._file, self._name, self._updates = file, name, 0
        self.newcomer = Account()
        self.snapshots: dict[str, Account] = {}

    def read(self, customer_id: str) -> Account:
        try:
            with self._file.reading() as database:
                return self._account(database, customer_id)
        except sqlite3.Error as problem:
            raise CountersUnavailable(f"The counters cannot be read: {problem}") from problem

    glance = read

    def update(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Callable[[Account, frozenset[str]], tuple[Account | None, T]],
        matter: Matter[T] = NOTHING_SPECIAL,
    ) -> T:
        try:
            with self._file.writing() as database:
                before = self._account(database, customer_id)
                after, answer = edit(before, self._known(database, customer_id, marks, now_us))
                if after is not None:
                    matter.prepare(answer)
                    self._write(database, customer_id, after, marks, now_us)
                return answer
        except sqlite3.Error as problem:
            raise CountersUnavailable(f"The counters cannot be written: {problem}") from problem

    def _account(self, database: sqlite3.Connection, customer_id: str) -> Account:
        row = database.execute(
            "SELECT body FROM accounts WHERE ledger = ? AND customer_id = ?", (self._name, customer_id)
        ).fetchone()
        return self.newcomer if row is None else loaded(row[0])

    def _known(
        self, database: sqlite3.Connection, customer_id: str, marks: Mapping[str, int], now_us: int
    ) -> frozenset[str]:
        find = "SELECT 1 FROM marks WHERE ledger = ? AND customer_id = ? AND mark = ? AND until > ?"
        return frozenset(
            mark for mark in marks if database.execute(find, (self._name, customer_id, mark, now_us)).fetchone()
        )

    def _write(
        self, database: sqlite3.Connection, customer_id: str, after: Account, marks: Mapping[str, int], now_us: int
    ) -> None:
        database.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", (self._name, customer_id, dumped(after)))
        database.executemany(
            "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)",
            [(self._name, customer_id, mark, until) for mark, until in marks.items()],
        )
        self._updates += 1
        if self._updates % PRUNE_EVERY == 0:
            database.execute("DELETE FROM marks WHERE until <= ?", (now_us,))


class SqliteCounters:
    """A store in one file. `synchronous`: FULL keeps every count through a power cut, NORMAL through the death of the
    process only, and is several times faster.
    """

    def __init__(self, path: str | os.PathLike[str], synchronous: str = "NORMAL") -> None:
        self._file = SqliteFile(path, _SCHEMA, synchronous)

    def ledger(self, namespace: str) -> SqliteLedger:
        return SqliteLedger(self._file, namespace)

    def close(self) -> None:
        self._file.close()

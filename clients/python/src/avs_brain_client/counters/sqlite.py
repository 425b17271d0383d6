"""Counters in a SQLite file: shared by the processes of one machine, and there again after a restart."""

import os
import sqlite3
from collections.abc import Callable, Mapping
from typing import TypeVar

from avs_brain_client.account import Account, dumped, loaded
from avs_brain_client.clock import DAY_US
from avs_brain_client.counters.matter import NOTHING_SPECIAL, Edit, Matter
from avs_brain_client.counters.sqlite_watched import Moved, WatchedFile, is_damage
from avs_brain_client.errors import CountersUnavailable

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
TIMEOUT_MS = 250
MOST_SNAPSHOTS = 100_000
ATTEMPT_REMEMBERED_US = 90 * DAY_US
MOVES = 5
"""How often in one call the file may be replaced by another one."""


class SqliteLedger:
    """Reads what is in the file each time; writers of the whole file queue.

    A customer whose account is not in the file any more goes on with the one that this process saw last.
    """

    view_ns: int | None = 0
    survives = True

    def __init__(self, file: WatchedFile, name: str) -> None:
        self._file, self._name, self._updates = file, name, 0
        self.newcomer = Account()
        self.snapshots: dict[str, Account] = {}
        self._texts: dict[str, tuple[str, Account]] = {}
        """Accounts by customer as they stand in the file, with what this process worked out of them."""

    @property
    def lost(self) -> str | None:
        """What the file lost, or had to be put back."""
        return self._file.lost

    def read(self, customer_id: str) -> Account:
        def account(database: sqlite3.Connection) -> Account:
            return self._account(database, customer_id)

        found = self._done("read", account)
        self._saw(customer_id, found)
        return found

    glance = read

    def update(
        self,
        customer_id: str,
        marks: Mapping[str, int],
        now_us: int,
        edit: Edit[T],
        matter: Matter[T] = NOTHING_SPECIAL,
    ) -> T:
        attempt = f"a:{matter.attempt}" if matter.attempt else None

        def change(database: sqlite3.Connection) -> tuple[Account, str | None, T]:
            before = self._account(database, customer_id)
            after, answer = edit(before, self._known(database, customer_id, marks, now_us))
            tried = attempt is not None and self._known(database, customer_id, {attempt: 0}, now_us)
            if after is None or tried:
                return before, None, answer
            matter.prepare(answer)
            noted = marks if attempt is None else {**marks, attempt: now_us + ATTEMPT_REMEMBERED_US}
            text = dumped(after)
            self._write(database, customer_id, text, noted, now_us)
            return after, text, answer

        account, text, answer = self._done("written", change)
        self._saw(customer_id, account)
        if text is not None:
            self._texts[customer_id] = text, account
        return answer

    def probe(self) -> None:
        """Raise CountersUnavailable unless the file can be written."""
        self._done("written", lambda database: database.execute("REPLACE INTO marks VALUES ('', '', 'probe', 0)"))

    def _done(self, what: str, work: Callable[[sqlite3.Connection], T]) -> T:
        """The work on the file as it is at its path; a damaged one is set aside before anybody is told."""
        for _ in range(MOVES):
            try:
                with self._file.reading() if what == "read" else self._file.writing() as database:
                    return work(database)
            except Moved:
                continue
            except (sqlite3.Error, OSError) as problem:
                if not isinstance(problem, sqlite3.Error) or not is_damage(problem) or not self._set_aside():
                    raise CountersUnavailable(f"The counters cannot be {what}: {problem}") from problem
        raise CountersUnavailable(f"{self._file.path} was replaced again and again.")

    def _set_aside(self) -> bool:
        try:
            return self._file.set_aside()
        except (OSError, sqlite3.Error):
            return False

    def _saw(self, customer_id: str, account: Account) -> None:
        if len(self.snapshots) >= MOST_SNAPSHOTS:
            self.snapshots.clear()
            self._texts.clear()
        self.snapshots[customer_id] = account

    def _account(self, database: sqlite3.Connection, customer_id: str) -> Account:
        row = database.execute(
            "SELECT body FROM accounts WHERE ledger = ? AND customer_id = ?", (self._name, customer_id)
        ).fetchone()
        if row is None:
            return self.snapshots.get(customer_id, self.newcomer)
        known = self._texts.get(customer_id)
        if known is None or known[0] != row[0]:
            known = self._texts[customer_id] = row[0], loaded(row[0])
        return known[1]

    def _known(
        self, database: sqlite3.Connection, customer_id: str, marks: Mapping[str, int], now_us: int
    ) -> frozenset[str]:
        find = "SELECT 1 FROM marks WHERE ledger = ? AND customer_id = ? AND mark = ? AND until > ?"
        return frozenset(
            mark for mark in marks if database.execute(find, (self._name, customer_id, mark, now_us)).fetchone()
        )

    def _write(
        self, database: sqlite3.Connection, customer_id: str, text: str, marks: Mapping[str, int], now_us: int
    ) -> None:
        database.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", (self._name, customer_id, text))
        if marks:
            rows = [(self._name, customer_id, mark, until) for mark, until in marks.items()]
            database.executemany("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)", rows)
        self._updates += 1
        if self._updates % PRUNE_EVERY == 0:
            database.execute("DELETE FROM marks WHERE until <= ?", (now_us,))


class SqliteCounters:
    """A store in one file. `synchronous`: FULL keeps every count through a power cut, NORMAL through the death of the
    process only, and is several times faster. `timeout_ms`: how long one call may wait for others who write before the
    counters count as unavailable.
    """

    def __init__(
        self, path: str | os.PathLike[str], synchronous: str = "NORMAL", *, timeout_ms: int = TIMEOUT_MS
    ) -> None:
        self._file = WatchedFile(path, _SCHEMA, synchronous, timeout_ms / 1000)

    def ledger(self, namespace: str) -> SqliteLedger:
        return SqliteLedger(self._file, namespace)

    def close(self) -> None:
        self._file.close()

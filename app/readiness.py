"""Readiness: whether each thing that the product needs is there; looked at rarely, never waited for long (spec 6)."""

import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from os import statvfs
from pathlib import Path

import sqlalchemy as sa

from app import patience
from app.migrations import newest_revision
from app.services.delivery.signing import KeyStore
from app.services.usage.condition import condition_of
from app.services.usage.store import EventStore
from app.unavailable import FULL, READ_ONLY, Store, refusal_of_failure, unavailable
from simulation.canonical import JsonObject

KEPT_SECONDS = 1.0
"""How long a look is good for: however many ask, the stores are looked at once in this time."""
ANSWERED_SECONDS = 2.0
"""How long a look may take; what has not answered by then is `not_answering`."""
ROOM = 8 * 2**20
"""Bytes that must be free where usage is kept."""
NOT_ANSWERING = {"state": "not_answering", "detail": f"It has not answered within {ANSWERED_SECONDS:.0f} seconds."}

READY, DEGRADED, NOT_READY = "ready", "degraded", "not_ready"
DATABASE, USAGE, KEYS, PUBLISHING = "control_database", "usage_store", "signing_keys", "publishing"
USAGE_FILES = "usage_files"
NEEDED = frozenset({DATABASE, USAGE, KEYS})
"""Without one of these the server is not ready; what else fails leaves it degraded."""
CHECK_OF_STORE = {Store.DATABASE: DATABASE, Store.USAGE: USAGE, Store.FILES: USAGE}


class NotReady(Exception):
    """The state of something that is not as it must be: a stable word, and a sentence for operators."""

    def __init__(self, state: str, detail: str) -> None:
        super().__init__(detail)
        self.state, self.detail = state, detail


class _Check:
    """One probe on a thread of its own, so that nothing waits for one that hangs; it is not begun twice."""

    def __init__(self, probe: Callable[[], None]) -> None:
        self._probe = probe
        self._thread = threading.Thread()
        self._state: JsonObject = dict(NOT_ANSWERING)

    def begin(self) -> None:
        if not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="avs-readiness", daemon=True)
            self._thread.start()

    def state(self, ends: float) -> JsonObject:
        """The outcome, waited for until `ends`."""
        self._thread.join(max(ends - time.monotonic(), 0.0))
        return dict(NOT_ANSWERING) if self._thread.is_alive() else self._state

    def _run(self) -> None:
        patience.hurry(ANSWERED_SECONDS / 2)
        try:
            self._probe()
        except NotReady as state:
            self._state = {"state": state.state, "detail": state.detail}
        except Exception as error:
            refusal = refusal_of_failure(error)
            problem = f"It failed with {type(error).__name__}."
            self._state = {"state": refusal.code if refusal else "failing", "detail": str(refusal or problem)}
        else:
            self._state = {"state": READY}


class Readiness:
    """The checks of one application, by name; any thread may ask."""

    def __init__(self, probes: Mapping[str, Callable[[], None]]) -> None:
        self._checks = {name: _Check(probe) for name, probe in probes.items()}
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._states: dict[str, JsonObject] = {}

    def report(self) -> tuple[int, JsonObject]:
        """The HTTP status, 200 or 503, and the document: `status`, and the state of each check."""
        states = self._looked()
        bad = {name for name, state in states.items() if state["state"] != READY}
        status = NOT_READY if bad & NEEDED else DEGRADED if bad else READY
        return 503 if status == NOT_READY else 200, {"status": status, "checks": dict(states)}

    def is_well(self, store: str) -> bool:
        """Whether a store, by its name in `Unavailable.store`, is as it must be."""
        return bool(self._looked()[CHECK_OF_STORE[Store[store.upper()]]]["state"] == READY)

    def _looked(self) -> dict[str, JsonObject]:
        with self._lock:
            if time.monotonic() - self._looked_at > KEPT_SECONDS:
                for check in self._checks.values():
                    check.begin()
                ends = time.monotonic() + ANSWERED_SECONDS
                self._states = {name: check.state(ends) for name, check in self._checks.items()}
                self._looked_at = time.monotonic()
            return self._states


def database_probe(engine: sa.Engine) -> Callable[[], None]:
    """A look at the control database: it can be reached, is migrated to this version, and takes writes."""
    newest = newest_revision()

    def probe() -> None:
        with engine.connect().execution_options(write=True) as connection:
            if connection.dialect.name == "postgresql":
                statement = sa.text("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'")
                if connection.scalar(statement):
                    raise unavailable(Store.DATABASE, READ_ONLY)
            if not sa.inspect(connection).has_table("alembic_version"):
                raise NotReady("not_migrated", "The control database is empty: start with `avs serve`.")
            revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            if revision != newest:
                detail = f"The control database is at migration {revision}, this version at {newest}."
                raise NotReady("not_migrated", detail)

    return probe


def usage_probe(store: EventStore) -> Callable[[], None]:
    """A look at the usage store: its index answers, and a file can be written where events are."""

    def probe() -> None:
        with store.index.reading() as connection:
            connection.execute("SELECT 1 FROM file LIMIT 1").fetchone()
        _write_something(store.root / "incoming")

    return probe


def files_probe(store: EventStore) -> Callable[[], None]:
    """A look at the files of usage: all are there, and none was set aside because the index does not know it."""

    def probe() -> None:
        condition = condition_of(store)
        if not condition.is_well:
            raise NotReady("damaged" if condition.damages else "set_aside", " ".join(condition.sentences))

    return probe


def _write_something(folder: Path) -> None:
    """Write a nameless file there, which is gone at once."""
    disk = statvfs(folder)
    if disk.f_bavail * disk.f_frsize < ROOM:
        raise unavailable(Store.USAGE, FULL)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0" * 4096)
        file.flush()


def keys_probe(keys: KeyStore) -> Callable[[], None]:
    """A look at the signing keys; none is made."""

    def probe() -> None:
        if keys.is_empty():
            raise NotReady("missing", "There are no signing keys: restore them from a backup.")
        keys.ring()

    return probe


def publishing_probe(problem: Callable[[], str | None]) -> Callable[[], None]:
    """A look at the last round of publishing."""

    def probe() -> None:
        if problem() is not None:
            raise NotReady("not_published", "The last attempt to publish failed: the server's log says why.")

    return probe


def probes_of(
    engine: sa.Engine, store: EventStore, keys: KeyStore, problem: Callable[[], str | None] | None
) -> dict[str, Callable[[], None]]:
    """Every probe by the name of its check; `problem` of publishing is None where nothing is published."""
    probes = {DATABASE: database_probe(engine), USAGE: usage_probe(store), KEYS: keys_probe(keys)}
    probes |= {USAGE_FILES: files_probe(store)}
    return probes | ({PUBLISHING: publishing_probe(problem)} if problem is not None else {})

"""Who publishes, and when: at once where nothing serves (the command line), else a thread that also repairs.

The thread compares every few seconds what is active with what it has published, so a crash between a commit and its
publication, a store that was down and a rotated key all mend themselves. It promotes what is due as well: while every
app reads from a CDN, nobody else asks.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.file_lock import exclusive
from app.services.delivery import current
from app.services.delivery.object_store import PublishStore, StoreDown
from app.services.delivery.publishing import (
    Outcome,
    Published,
    Subject,
    active_subjects,
    due_subjects,
    publish_keys,
    publish_subject,
)
from app.services.delivery.signing import KeyRing, KeyStore

log = logging.getLogger(__name__)

ROUND_SECONDS = 10.0
VERIFY_SECONDS = 300.0
"""How often a serving process reads back everything that it believes to be published."""
MAX_BACKOFF_SECONDS = 60.0
MAX_FAILURES = 3
"""In a row, until a round gives up: the store is down, not one object of it."""

_LOCK = sa.text("SELECT pg_advisory_lock(hashtextextended('avs publish', 0))")
_UNLOCK = sa.text("SELECT pg_advisory_unlock(hashtextextended('avs publish', 0))")


class Publisher:
    """One per process. `soon` never raises and, once started, never waits."""

    def __init__(
        self, store: PublishStore, keys: KeyStore, engine: sa.Engine, data_dir: Path, now: Callable[[], datetime]
    ) -> None:
        self.store, self.keys = store, keys
        self._engine, self._lock_file, self._now = engine, data_dir / "publish.lock", now
        self._seen: dict[Subject, tuple[str, str]] = {}
        self._verify_at = 0.0
        self._failures = 0
        self._wake, self._closed = threading.Event(), threading.Event()
        self._serves, self._thread = False, threading.Thread()

    def soon(self, subjects: Iterable[Subject]) -> None:
        """Something has become active for these subjects, and is committed."""
        if self._serves:
            self._run()
            self._wake.set()
            return
        self._try(lambda: self._published(self.keys.ring(), set(subjects)))

    def keys_changed(self) -> None:
        """Sign everything anew; what is promoted by other doors is not this one's to promote."""
        self._try(self._everything)

    def everything(self) -> list[Published]:
        """Promote what is due, as reading it would, and publish whatever is not as it should be; one per subject.

        Raises Invalid when the store cannot be opened, StoreDown when not even the keys can be published.
        """
        self._promote()
        return self._everything()

    def start(self) -> None:
        """Publish in the background from now on; again after a fork, when something becomes active."""
        self._serves = True
        self._run()

    def close(self) -> None:
        """Stop the thread; a round under way ends first."""
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        if not self._thread.is_alive() and not self._closed.is_set():
            self._thread = threading.Thread(target=self._rounds, name="avs-publish", daemon=True)
            self._thread.start()

    def _rounds(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(self._round())
            self._wake.clear()

    def _round(self) -> float:
        """How long to wait for the next one."""
        try:
            self._promote()
            failed = [one for one in self._changed() if one.outcome in (Outcome.FAILED, Outcome.NEWER_THERE)]
            if not failed:
                self._failures = 0
                return ROUND_SECONDS
            problem = f"{len(failed)} subjects, the first: {', '.join(failed[0].subject)}: {failed[0].detail}"
        except Exception as error:  # the thread goes on, whatever happened
            problem = str(error) or repr(error)
        self._failures += 1
        bound = min(2.0**self._failures, MAX_BACKOFF_SECONDS)
        pause = random.uniform(bound / 2, bound)  # noqa: S311
        log.warning("Not published, next attempt in %.0f s: %s", pause, problem)
        return pause

    def _changed(self) -> list[Published]:
        """One round: what differs from what this process published before, now and then everything."""
        if time.monotonic() >= self._verify_at:
            self._seen.clear()
        ring = self.keys.ring()
        keys = " ".join(key.kid for key in ring.keys)
        with self._session() as session:
            active = active_subjects(session)
        changed = {subject for subject, digest in active.items() if self._seen.get(subject) != (digest, keys)}
        if self._seen and not changed:
            return []
        done = self._published(ring, changed)
        self._seen |= {
            one.subject: (one.pointer.digest, keys)
            for one in done
            if one.pointer and one.outcome in (Outcome.PUBLISHED, Outcome.UNCHANGED)
        }
        if len(changed) == len(active):
            self._verify_at = time.monotonic() + VERIFY_SECONDS
        return done

    def _everything(self) -> list[Published]:
        return self._published(self.keys.ring(), None)

    def _published(self, ring: KeyRing, subjects: set[Subject] | None) -> list[Published]:
        """Publish subjects, all without a choice; keys that may still be needed are taken away at the very end."""
        with self._alone(), self._session() as session:
            publish_keys(self.store, ring, keep_others=True)
            active = active_subjects(session)
            done = list(self._each(session, ring, [one for one in active if subjects is None or one in subjects]))
            if len(done) == len(active) and all(one.outcome is not Outcome.FAILED for one in done):
                publish_keys(self.store, ring, keep_others=False)
            return done

    def _each(self, session: Session, ring: KeyRing, subjects: Iterable[Subject]) -> Iterator[Published]:
        """One that fails does not keep the others from being published, unless nothing works any more."""
        failures = 0
        for subject in subjects:
            try:
                yield publish_subject(session, self.store, ring, subject)
                failures = 0
            except StoreDown as error:
                failures += 1
                yield Published(subject, Outcome.FAILED, detail=error.detail)
                if failures == MAX_FAILURES:
                    return

    def _try(self, work: Callable[[], list[Published]]) -> None:
        """What was committed stays so, whatever the store does."""
        try:
            problems = [one.detail for one in work() if one.detail]
        except Exception as error:
            problems = [str(error) or repr(error)]
        for problem in problems:
            log.warning("Committed but not published: %s Run `avs publish` when the store can be reached.", problem)

    def _promote(self) -> None:
        with self._session() as session:
            now = self._now()
            for subject in due_subjects(session, now):
                current.current(session, subject, self.keys.ring(), now=now)

    def _session(self) -> Session:
        """One of its own: it is used beside the request's, and after that one's commit."""
        return Session(self._engine, expire_on_commit=False)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One publisher at a time for one database: what is read under the lock is written before anything newer is."""
        if self._engine.dialect.name == "sqlite":
            with exclusive(self._lock_file):
                yield
            return
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(_LOCK)
            try:
                yield
            finally:
                connection.execute(_UNLOCK)

"""The publisher of a process: decides when to publish. The command line does so at once, a server in a thread.

The thread compares every few seconds what is active with what it has published, so that it makes up for a crash between
a commit and its publication, for a store that was down and for a rotated key. It promotes what is due as well: while
every app reads from a CDN, no reader of this server does.
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
from app.services.delivery.current import current
from app.services.delivery.object_store import PublishStore, StoreDown
from app.services.delivery.publishing import (
    Outcome,
    PublishResult,
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
"""How often a serving process reads everything back that it has published."""
MAX_BACKOFF_SECONDS = 60.0
MAX_FAILURES = 3
"""Failures in a row after which a round gives up: the store is down, not a single object."""

_LOCK = sa.text("SELECT pg_advisory_lock(hashtextextended('avs publish', 0))")
_UNLOCK = sa.text("SELECT pg_advisory_unlock(hashtextextended('avs publish', 0))")


class Publisher:
    """One per process. `soon` never raises and, once the thread was started, never waits."""

    def __init__(
        self, store: PublishStore, keys: KeyStore, engine: sa.Engine, data_dir: Path, now: Callable[[], datetime]
    ) -> None:
        self.store, self.keys = store, keys
        self._engine, self._lock_file, self._now = engine, data_dir / "publish.lock", now
        self._last: dict[Subject, tuple[str, str]] = {}  # digest and key ids that it published last
        self._verify_at = 0.0
        self._failures = 0
        self._problem: str | None = None
        self._wake, self._closed = threading.Event(), threading.Event()
        self._serves, self._thread = False, threading.Thread()

    def soon(self, subjects: Iterable[Subject]) -> None:
        """Publish these subjects, whose active document has just changed: the transaction is committed."""
        if self._serves:
            self._run()
            self._wake.set()
            return
        self._try(lambda: self._publish(self.keys.ring(), set(subjects)))

    def keys_changed(self) -> None:
        """Publish the keys and every signature anew; promotes nothing."""
        self._try(self._publish_all)

    def everything(self) -> list[PublishResult]:
        """Promote what is due and publish every subject that is not as it should be; one result per subject.

        Raises Invalid when the store cannot be opened, StoreDown when not even the keys can be published.
        """
        self._promote()
        return self._publish_all()

    def start(self) -> None:
        """Publish in the background from now on; after a fork the thread starts again with the next `soon`."""
        self._serves = True
        self._run()

    def last_problem(self) -> str | None:
        """Why the last round in the background has not published everything; None when it has."""
        return self._problem

    def close(self) -> None:
        """Stop the thread, after the round under way."""
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
        """Promote and publish what changed; returns the seconds until the next round."""
        try:
            self._promote()
            results = self._publish_changed()
            failed = [result for result in results if result.outcome in (Outcome.FAILED, Outcome.NEWER_THERE)]
            if not failed:
                self._failures, self._problem = 0, None
                return ROUND_SECONDS
            problem = f"{len(failed)} subjects, the first: {', '.join(failed[0].subject)}: {failed[0].detail}"
        except Exception as error:  # the thread goes on, whatever happened
            problem = str(error) or repr(error)
        self._failures, self._problem = self._failures + 1, problem
        bound = min(2.0**self._failures, MAX_BACKOFF_SECONDS)
        pause = random.uniform(bound / 2, bound)  # noqa: S311
        log.warning("Not published, next attempt in %.0f s: %s", pause, problem)
        return pause

    def _publish_changed(self) -> list[PublishResult]:
        """Publish what differs from what this process published last; every `VERIFY_SECONDS` everything."""
        if time.monotonic() >= self._verify_at:
            self._last.clear()
        ring = self.keys.ring()
        keys = " ".join(key.kid for key in ring.published)
        with self._session() as session:
            active = active_subjects(session)
        changed = {subject for subject, digest in active.items() if self._last.get(subject) != (digest, keys)}
        if self._last and not changed:
            return []
        results = self._publish(ring, changed)
        self._last |= {
            result.subject: (result.pointer.digest, keys)
            for result in results
            if result.pointer and result.outcome in (Outcome.PUBLISHED, Outcome.UNCHANGED)
        }
        if len(changed) == len(active):
            self._verify_at = time.monotonic() + VERIFY_SECONDS
        return results

    def _publish_all(self) -> list[PublishResult]:
        return self._publish(self.keys.ring(), None)

    def _publish(self, ring: KeyRing, chosen: set[Subject] | None) -> list[PublishResult]:
        """Publish the chosen subjects, None for all; retired keys stay published until no pointer needs them."""
        with self._alone(), self._session() as session:
            publish_keys(self.store, ring, keep_others=True)
            active = active_subjects(session)
            subjects = [subject for subject in active if chosen is None or subject in chosen]
            results = list(self._publish_each(session, ring, subjects))
            if len(results) == len(active) and all(result.outcome is not Outcome.FAILED for result in results):
                publish_keys(self.store, ring, keep_others=False)
            return results

    def _publish_each(self, session: Session, ring: KeyRing, subjects: Iterable[Subject]) -> Iterator[PublishResult]:
        """Publish one subject after the other; gives up after `MAX_FAILURES` in a row."""
        failures = 0
        for subject in subjects:
            try:
                yield publish_subject(session, self.store, ring, subject)
                failures = 0
            except StoreDown as error:
                failures += 1
                yield PublishResult(subject, Outcome.FAILED, detail=error.detail)
                if failures == MAX_FAILURES:
                    return

    def _try(self, work: Callable[[], list[PublishResult]]) -> None:
        """Log what could not be published instead of raising: the commit stands, whatever the store does."""
        try:
            problems = [result.detail for result in work() if result.detail]
        except Exception as error:
            problems = [str(error) or repr(error)]
        for problem in problems:
            log.warning("Committed but not published: %s Run `avs publish` when the store can be reached.", problem)

    def _promote(self) -> None:
        with self._session() as session:
            now = self._now()
            for subject in due_subjects(session, now):
                current(session, subject, self.keys.ring(), now=now)  # a reading promotes what is due

    def _session(self) -> Session:
        """A session of the publisher's own: the request's has just committed and belongs to the request."""
        return Session(self._engine, expire_on_commit=False)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of the database's publishers: what one reads is written before another reads anything newer."""
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

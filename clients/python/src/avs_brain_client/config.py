"""The config in force: verified, never older than what was held, kept on disk, with its state and the next version."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from avs_brain_client.brain import Delivered
from avs_brain_client.cache import DiskCache, Stored
from avs_brain_client.clock import Clock
from avs_brain_client.document import Document, Subject
from avs_brain_client.errors import DocumentRefused, Malformed, Replayed, UnknownKey
from avs_brain_client.forking import renew_after_fork
from avs_brain_client.periods import PeriodSetting
from avs_brain_client.plan import Force, Plan, compiled
from avs_brain_client.problems import CACHE_DAMAGED, CACHE_NOT_WRITTEN, CONFIG_REFUSED, Problems
from avs_brain_client.published import Source
from avs_brain_client.reading import parse
from avs_brain_client.signatures import Keys, Pinned, Signed, key_set_of, keys_of, verify

log = logging.getLogger("avs_brain_client")

FRESH, STALE, EXPIRED, NEVER_LOADED = "fresh", "stale", "expired", "never_loaded"
SECOND_NS = 1_000_000_000
LONGEST_NS = 3_600 * SECOND_NS
JUMP_US = 1_000_000
"""How far the wall clock may drift from the monotonic one before everything is decided anew."""
SAVE_EVERY_NS = 60 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Held:
    """A verified document, what it says, and when (monotonic) AVS Brain last said that it holds."""

    stored: Stored
    plan: Plan
    upcoming: Plan | None
    confirmed_ns: int


class ConfigHolder:
    """Thread-safe; nothing here waits for the network while others wait for it.

    `fresh_seconds`: for how long after its confirmation a config counts as fresh. `changed` is called after AVS Brain
    said something.
    """

    def __init__(
        self,
        subject: Subject,
        setting: PeriodSetting,
        source: Source,
        cache: DiskCache | None,
        *,
        pinned: Pinned | None,
        fresh_seconds: float,
        clock: Clock,
        problems: Problems,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        self._subject, self._setting, self._cache, self._clock = subject, setting, cache, clock
        self._problems, self._changed = problems, changed
        self._trust = Trust(source, pinned)
        self._fresh_ns = int(fresh_seconds * SECOND_NS)
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._save_at_ns = 0
        self._offset_us = self._wall_ahead_us()
        self.loaded = threading.Event()
        self.force = self._force()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Of what another thread was about to put in force, the child has all or nothing."""
        self._lock, self.loaded = threading.Lock(), threading.Event()
        self.force = self._force()
        if self._held is not None:
            self.loaded.set()

    @property
    def etag(self) -> str | None:
        """Of the document held, for If-None-Match and Last-Event-ID."""
        held = self._held
        return None if held is None else held.stored.etag

    @property
    def age_seconds(self) -> float | None:
        """Since AVS Brain last confirmed the document; None without one."""
        held = self._held
        return None if held is None else (self._clock.monotonic_ns() - held.confirmed_ns) / SECOND_NS

    def current(self) -> Force:
        """What decides now."""
        return self.at(self._clock.wall_us(), self._clock.monotonic_ns())

    def at(self, wall_us: int, now_ns: int) -> Force:
        """What decides at this moment, by both clocks, which is now."""
        force = self.force
        if now_ns < force.until_ns and -JUMP_US < wall_us - now_ns // 1000 - self._offset_us < JUMP_US:
            return force
        with self._lock:
            self._offset_us = self._wall_ahead_us()
            self.force = self._force()
            return self.force

    def load(self) -> None:
        """Take up what is on disk, if it is genuine; its age counts on from when it was last confirmed."""
        if self._cache is None:
            return
        aside = self._cache.set_damaged_aside()
        if aside is not None:
            self._problems.begin(CACHE_DAMAGED, f"The config on disk is damaged, was moved to {aside} and is not used.")
        stored = self._cache.load()
        if stored is None:
            return
        age_us = max(self._clock.wall_us() - stored.confirmed_at_us, 0)
        try:
            signed = verify(stored.body, stored.signature, self._trust.pinned or keys_of(stored.jwks))
            self._take(stored, signed, age_us * 1000)
        except (DocumentRefused, ValueError) as problem:
            self._problems.begin(CONFIG_REFUSED, f"The config on disk is not used: {problem}")

    def adopt(self, delivered: Delivered) -> None:
        """Verify a delivered document and enforce it from now on; DocumentRefused keeps what is held in force."""
        held = self._held
        if held is not None and delivered.body == held.stored.body:
            self.confirm()
            return
        signed, jwks = self._trust.verified(delivered)
        stored = Stored(
            body=delivered.body,
            signature=delivered.signature,
            etag=sha256(delivered.body).hexdigest(),
            order=(0, 0),
            confirmed_at_us=self._clock.wall_us(),
            jwks=jwks,
        )
        self._save(self._take(stored, signed, 0))
        self._changed()

    def confirm(self) -> None:
        """AVS Brain says that the document held is still the one."""
        with self._lock:
            if self._held is None:
                return
            now_ns = self._clock.monotonic_ns()
            stored = replace(self._held.stored, confirmed_at_us=self._clock.wall_us())
            self._held = replace(self._held, stored=stored, confirmed_ns=now_ns)
            if self.force.state != FRESH:
                self.force = self._force()
        self._changed()
        if now_ns >= self._save_at_ns:
            self._save(stored)

    def _take(self, stored: Stored, signed: Signed, age_ns: int) -> Stored:
        """Put a document in force whose signature was checked."""
        document = parse(stored.body)
        if document.subject != self._subject:
            raise Malformed(f"This config is for {document.subject}, not for {self._subject}.")
        stored = replace(stored, order=(document.delivery.sequence, signed.issued_at))
        plan, upcoming = compiled(document, self._setting), self._upcoming(document)
        with self._lock:
            if self._held is not None and stored.order < self._held.stored.order:
                raise Replayed(f"(sequence, signed at) {stored.order} is older than {self._held.stored.order}.")
            self._held = Held(stored, plan, upcoming, self._clock.monotonic_ns() - age_ns)
            self.force = self._force()
        self.loaded.set()
        return stored

    def _save(self, stored: Stored) -> None:
        """A disk that is full must not stop anybody: what is in memory stays in force."""
        if self._cache is None:
            return
        try:
            self._cache.save(stored)
            self._problems.end(CACHE_NOT_WRITTEN, CACHE_DAMAGED)
        except OSError as problem:
            self._problems.begin(
                CACHE_NOT_WRITTEN, f"The config is not kept on disk, a restart without AVS Brain has none: {problem}"
            )
        self._save_at_ns = self._clock.monotonic_ns() + SAVE_EVERY_NS

    def _upcoming(self, document: Document) -> Plan | None:
        """The version after this one, if one is announced: it may announce another in turn."""
        return None if document.upcoming is None else compiled(document.upcoming, self._setting)

    def _wall_ahead_us(self) -> int:
        return self._clock.wall_us() - self._clock.monotonic_ns() // 1000

    def _force(self) -> Force:
        now_ns, held = self._clock.monotonic_ns(), self._held
        if held is None:
            return Force(None, NEVER_LOADED, now_ns + LONGEST_NS)
        plan, until_ns = held.plan, now_ns + LONGEST_NS
        if held.upcoming is not None and plan.document.upcoming_at_us is not None:
            ahead_us = plan.document.upcoming_at_us - self._clock.wall_us()
            if ahead_us <= 0:  # for good: a clock that is set back does not bring the old version back
                plan = held.upcoming
                self._held = replace(held, plan=plan, upcoming=self._upcoming(plan.document))
                return self._force()
            until_ns = min(until_ns, now_ns + ahead_us * 1000)
        stale_ns = held.confirmed_ns + plan.document.delivery.max_staleness_seconds * SECOND_NS
        fresh_ns = min(held.confirmed_ns + self._fresh_ns, stale_ns)
        state, ends_ns = next(
            ((name, at) for name, at in ((FRESH, fresh_ns), (STALE, stale_ns)) if now_ns < at), (EXPIRED, until_ns)
        )
        return Force(plan, state, min(until_ns, ends_ns))


class Trust:
    """Whose signatures count: pinned keys and no others, else the keys that the source itself publishes.

    Pinned keys may be in a file, which is read anew for every document that comes: whoever may write it says whom to
    trust, and nothing that comes over the network does.
    """

    def __init__(self, source: Source, pinned: Pinned | None) -> None:
        self._source = source
        self._file = pinned if isinstance(pinned, Path) else None
        self._published = {} if pinned is None else key_set_of(pinned)
        self.pinned: Keys | None = None if pinned is None else keys_of(self._published)

    def verified(self, delivered: Delivered) -> tuple[Signed, Mapping[str, Any]]:
        """What the signature says and the key set that it was checked with; an unknown key makes us ask for the keys
        once more, and is then refused.
        """
        if self.pinned is not None:
            self.pinned = self._pinned_now(self.pinned)
            return verify(delivered.body, delivered.signature, self.pinned), self._published
        if self._published:
            try:
                return verify(delivered.body, delivered.signature, self._keys()), self._published
            except UnknownKey as unknown:
                log.info("%s Asking for the published keys.", unknown)
        self._published = self._source.keys()
        return verify(delivered.body, delivered.signature, self._keys()), self._published

    def _pinned_now(self, pinned: Keys) -> Keys:
        """The keys in the file as it is now; those from before where it cannot be read."""
        if self._file is None:
            return pinned
        try:
            published = key_set_of(self._file)
            keys = keys_of(published)
        except ValueError as problem:
            log.warning("The pinned keys stay as they were: %s", problem)
            return pinned
        self._published = published
        return keys

    def _keys(self) -> Keys:
        try:
            return keys_of(self._published)
        except ValueError as problem:
            raise UnknownKey(str(problem)) from problem

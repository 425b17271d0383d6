"""What operators only viewed: gathered in memory, written together in the background, forgotten after a while (spec 7).

Reading a page so writes nothing, and needs no database that takes writes. While it takes none the views wait; the
oldest beyond a limit are left out and counted.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import patience
from app.actor import Actor
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services.product_events import log_event
from app.unavailable import refusal_of_failure
from simulation.canonical import Json

VIEWS = (
    "extractions_viewed",
    "review_viewed",
    "decision_log_viewed",
    "decision_log_filtered",
    "decision_log_item_opened",
    "decision_detail_viewed",
    "decision_compare_viewed",
)
"""The product events of what was only viewed; all others are writes, and stay."""
MAX_GATHERED = 1_000
ROUND_SECONDS = 2.0
"""How often what was gathered is written."""
FORGET_SECONDS = 3600.0
"""How often what is older than it is kept is deleted."""
FORGOTTEN_AT_ONCE = 500
"""Rows that one transaction deletes, so that no writer waits for long."""

View = Callable[[Session], None]
"""Appends the product event of a view."""

log = logging.getLogger(__name__)


class Viewing:
    """One per application. `gather` only remembers; nothing is written before `start`, or by `write` and `forget`."""

    def __init__(self, engine: sa.Engine, now: Callable[[], datetime], keep: timedelta) -> None:
        self._engine, self._now, self._keep = engine, now, keep
        self._gathered: list[View] = []
        self._left_out = 0
        self._forget_at = 0.0
        self._lock = threading.Lock()

    def gather(
        self, name: str, *, actor: Actor, now: datetime, workspace_id: str | None, entity_id: str, **detail: Json
    ) -> None:
        """Remember that somebody viewed a record. ValueError when `name` is not in `VIEWS`: it has to be written."""
        if name not in VIEWS:
            raise ValueError(f"{name} is no view: write it in a transaction")

        def append(session: Session) -> None:
            log_event(session, name, actor=actor, now=now, workspace_id=workspace_id, entity_id=entity_id, **detail)

        self._keep_gathered([append], newest=True)

    def _keep_gathered(self, views: Sequence[View], *, newest: bool) -> None:
        """Keep views after, or else before, those that were gathered; the oldest beyond the limit are left out."""
        with self._lock:
            self._gathered = [*self._gathered, *views] if newest else [*views, *self._gathered]
            self._left_out += max(len(self._gathered) - MAX_GATHERED, 0)
            self._gathered = self._gathered[-MAX_GATHERED:]

    def write(self) -> int:
        """Write what was gathered in one transaction; returns how many views that were. On an error they are kept."""
        with self._lock:
            views, self._gathered = self._gathered, []
        if not views:
            return 0
        try:
            with Session(self._engine) as session, write(session):
                for append in views:
                    append(session)
        except BaseException:
            self._keep_gathered(views, newest=False)
            raise
        with self._lock:
            left_out, self._left_out = self._left_out, 0
        if left_out:
            log.warning("%d views were left out while the control database took no writes.", left_out)
        return len(views)

    def forget(self) -> int:
        """Delete the views that are older than they are kept; returns how many."""
        before = self._now() - self._keep
        old = sa.select(ProductEvent.product_event_id).where(
            ProductEvent.event_name.in_(VIEWS), ProductEvent.occurred_at < before
        )
        forgotten = 0
        with Session(self._engine) as session:
            while event_ids := session.scalars(old.limit(FORGOTTEN_AT_ONCE)).all():
                with write(session):
                    session.execute(sa.delete(ProductEvent).where(ProductEvent.product_event_id.in_(event_ids)))
                forgotten += len(event_ids)
        return forgotten

    def start(self) -> None:
        """Write in the background from now on, and forget what is old; for a serving process."""
        threading.Thread(target=self._rounds, name="avs-views", daemon=True).start()

    def _rounds(self) -> None:
        patience.hurry()
        while True:
            time.sleep(ROUND_SECONDS)
            try:
                self._round()
            except Exception as error:  # the thread goes on, whatever happened
                if refusal_of_failure(error) is None:
                    log.exception("What was viewed could not be written")
                    with self._lock:
                        self._gathered = []

    def _round(self) -> None:
        self.write()
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_SECONDS
            self.forget()

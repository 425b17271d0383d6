"""Usage events that arrive over HTTP: validated against the catalogs, stored by the event store (spec 6)."""

from typing import TYPE_CHECKING

from app.errors import AvsError, Invalid
from app.models.base import AnySession
from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.formats import Rows, parse_body
from app.services.usage.imports import policy_for
from app.services.usage.store import EventStore, Receipt

if TYPE_CHECKING:
    from app.services.usage.validate import Batch

MAX_EVENTS = 10_000


class PolicyCache:
    """The catalogs as one process last read them: reading them for each batch would cost more than storing it.

    Catalogs only grow, so a stale copy can be too strict but never too generous; a batch that it rejects anything of is
    judged again with a fresh one.
    """

    def __init__(self) -> None:
        self._policy: Policy | None = None

    def validate(self, session: AnySession, rows: Rows) -> "Batch":
        """The validated batch; every reject in it was judged by the catalogs as they are now."""
        from app.services.usage.validate import validate  # late: Arrow comes with the first event

        if self._policy is not None:
            batch = validate(rows, self._policy)
            if not batch.rejects:
                return batch
        self._policy = policy_for(session, None)
        return validate(rows, self._policy)


def ingest(session: AnySession, store: EventStore, cache: PolicyCache, body: bytes, content_type: str) -> Receipt:
    """Store the events of a request body: all that fit are on disk when this returns. AvsError if it cannot be read."""
    try:
        rows = parse_body(body, content_type)
    except UnreadableInput as error:
        raise AvsError(f"The body cannot be read: {error}.", code="malformed_json") from error
    if len(rows.values) > MAX_EVENTS:
        raise Invalid(f"Send at most {MAX_EVENTS:,} events at once, not {len(rows.values):,}.", code="too_many_events")
    return store.append(cache.validate(session, rows))

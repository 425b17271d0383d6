"""Counting what was kept: the same calls again, under the name of the attempt that was made first."""

from avs_brain_client.account import Hold
from avs_brain_client.bookkeeping import Bookkeeper
from avs_brain_client.errors import NeverLoaded
from avs_brain_client.journal import Kept
from avs_brain_client.metering import UsageEvent
from avs_brain_client.plan import Force
from avs_brain_client.records import UNDECIDED, Reservation


def make_again(books: Bookkeeper, force: Force, kept: Kept, now: int) -> None:
    """Count what was kept, once, whoever else tries. Raises NeverLoaded for an event while there is no config."""
    of, again, plan = kept.body["of"], kept.attempt, force.plan
    if kept.kind == "event":
        if plan is None:
            raise NeverLoaded("There is no config that says what a kept event counts for.")
        books.record_event(force, plan, UsageEvent(**of), now, again)
    elif kept.kind == "record":
        customer_id, value_unit_id, quantity, event, at = of
        books.record(force, customer_id, value_unit_id, int(quantity), event, at, now, again)
    elif kept.kind == "approve":
        customer_id, value_unit_id, at = of
        books.approve(plan, customer_id, value_unit_id, at, again)
    else:
        name, customer_id, value_unit_id, key, held, *quantity = of
        reservation = Reservation(name, customer_id, UNDECIDED, Hold(value_unit_id, key, int(held), 0))
        if kept.kind == "commit":
            books.commit(force, reservation, int(quantity[0]), now, again)
        else:
            books.release(reservation, now, again)

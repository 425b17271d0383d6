"""What calls that count answer."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, TypeVar, cast

from avs_brain_client.account import Hold
from avs_brain_client.decide import Decision
from avs_brain_client.numbers import unscaled
from avs_brain_client.usage import Firing

T = TypeVar("T")
NO_REASONS: Mapping[str, str] = MappingProxyType({})
UNDECIDED = Decision(True, None, "kept", None, None, None, None)
"""Of a reservation that is committed or released again: what was decided about it does not matter then."""


class Recorded(NamedTuple):
    """What became of a record: `duplicate` when this event_id was counted before (then nothing else happened),
    `fired` what was reached for the first time in this period, `adds_nothing` the reason by unit, where a unit sums a
    field that the event lacks or that is no number in it. `quantities` are scaled, by unit. `kept`: the counters do not
    answer, so it is written down, not counted yet, and fires when it is.
    """

    duplicate: bool
    quantities: Mapping[str, int]
    fired: tuple[Firing, ...] = ()
    adds_nothing: Mapping[str, str] = NO_REASONS
    kept: bool = False

    @property
    def counted(self) -> Mapping[str, Decimal]:
        """The exact quantities by unit."""
        return {name: unscaled(quantity) for name, quantity in self.quantities.items()}


class Reservation(NamedTuple):
    """Quantity set aside, or not: see `decision.allow`. Commit what the work came to, or release it."""

    reservation_id: str
    customer_id: str
    decision: Decision
    hold: Hold


def not_counted_yet(answer: T) -> T:
    """The answer, where it is about a record, with that said of it."""
    if isinstance(answer, Recorded) and not answer.duplicate:
        return cast(T, answer._replace(kept=True, fired=()))
    return answer

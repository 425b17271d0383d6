"""What is known of one customer: use per unit and period, reservations, first events. Frozen; changes make a new one.

Everything else (allowance, rollover, overage, bill) follows from it and the config, so the order in which use arrives
never matters.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

Periods = Mapping[int, int]
"""Period index → quantity, scaled; a sum of events may be negative."""
_NOTHING: Periods = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Hold:
    """Quantity set aside for work that is under way; it lapses at `until_us`."""

    value_unit_id: str
    period: int
    quantity: int
    until_us: int


@dataclass(frozen=True, slots=True)
class Account:
    """`used`: unit → period → quantity. `began`: event type → first time seen, in µs. `holds`: reservation id → hold.

    `fired`: what was reported, "period:what". `approved`: "period:unit" that an operator let go on. `views` is where
    the client keeps decisions that hold for this very account; it is no part of its value.
    """

    used: Mapping[str, Periods] = field(default_factory=dict)
    began: Mapping[str, int] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    fired: frozenset[str] = frozenset()
    approved: frozenset[str] = frozenset()
    views: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def of_unit(self, value_unit_id: str) -> Periods:
        """The recorded use of a unit; periods without use are not in it."""
        return self.used.get(value_unit_id, _NOTHING)

    def recorded(self, value_unit_id: str, period: int) -> int:
        """What was used; below zero counts as nothing (spec 4.2, 1: it is a data issue)."""
        return max(self.of_unit(value_unit_id).get(period, 0), 0)

    def held(self, value_unit_id: str, period: int, now_us: int) -> int:
        """What is set aside by reservations that have not lapsed."""
        return sum(
            hold.quantity
            for hold in self.holds.values()
            if hold.value_unit_id == value_unit_id and hold.period == period and hold.until_us > now_us
        )

    def first_period(self) -> int | None:
        """The first period in which anything was used; None without use."""
        return min((period for periods in self.used.values() for period in periods), default=None)

    def adding(self, value_unit_id: str, period: int, quantity: int) -> "Account":
        """With this much more used."""
        periods = dict(self.of_unit(value_unit_id))
        periods[period] = periods.get(period, 0) + quantity
        return self.with_(used={**self.used, value_unit_id: periods})

    def seeing(self, event_type: str, at_us: int) -> "Account":
        """With an event of this type noted, if it is earlier than the first one known."""
        if self.began.get(event_type, at_us + 1) <= at_us:
            return self
        return self.with_(began={**self.began, event_type: at_us})

    def holding(self, reservation_id: str, hold: Hold) -> "Account":
        """With one more reservation; lapsed ones are left alone until `without_lapsed`."""
        return self.with_(holds={**self.holds, reservation_id: hold})

    def letting_go(self, reservation_id: str) -> "Account":
        """Without this reservation; itself when there is none."""
        if reservation_id not in self.holds:
            return self
        return self.with_(holds={name: hold for name, hold in self.holds.items() if name != reservation_id})

    def without_lapsed(self, now_us: int) -> "Account":
        """Without reservations that nobody committed or released in time."""
        alive = {name: hold for name, hold in self.holds.items() if hold.until_us > now_us}
        return self if len(alive) == len(self.holds) else self.with_(holds=alive)

    def with_(self, **changes: Any) -> "Account":
        """A changed copy, with no views yet."""
        return replace(self, views={}, **changes)


NEWCOMER = Account()


def dumped(account: Account) -> str:
    """JSON text; quantities as JSON integers of any length."""
    holds = {
        name: [hold.value_unit_id, hold.period, hold.quantity, hold.until_us] for name, hold in account.holds.items()
    }
    return json.dumps(
        {
            "used": account.used,
            "began": account.began,
            "holds": holds,
            "fired": sorted(account.fired),
            "approved": sorted(account.approved),
        },
        separators=(",", ":"),
    )


def loaded(text: str | bytes) -> Account:
    """The account that `dumped` wrote."""
    found = json.loads(text)
    return Account(
        used={unit: {int(k): quantity for k, quantity in periods.items()} for unit, periods in found["used"].items()},
        began=found["began"],
        holds={name: Hold(*hold) for name, hold in found["holds"].items()},
        fired=frozenset(found["fired"]),
        approved=frozenset(found["approved"]),
    )

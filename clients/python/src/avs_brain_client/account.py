"""What is known of one customer: use per unit and period, reservations, first events. Never changed once it is made;
changes make a new one.

Everything else (allowance, rollover, overage, bill) follows from it and the config, so the order in which use arrives
never matters. Every member changes in one way only, which is what a store has to know that changes them in place:

* `used`: a quantity is added to one unit and period;
* `began`: the earliest time is kept;
* `holds`: one is put in or taken out, by its reservation's id;
* `fired`, `approved`: a text is put in, and old texts of `fired` are taken out;
* `since_us`: set once.

`ACCOUNT.md`, beside the clients of all languages, describes the text that `dumped` writes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as _text
from types import MappingProxyType
from typing import Any, NamedTuple

FORMAT = 2
Periods = Mapping[str, int]
"""Period key → quantity, scaled; a sum of events may be negative."""
_NOTHING: Periods = MappingProxyType({})


class Hold(NamedTuple):
    """Quantity set aside for work that is under way, in the period of this key; it lapses at `until_us`."""

    value_unit_id: str
    period: str
    quantity: int
    until_us: int


@dataclass(slots=True)
class Account:
    """`used`: unit → period key → quantity. `began`: event type → first time seen, in µs. `holds`: reservation id →
    hold. `fired`: what was reported, "key:what". `approved`: "key:unit" that an operator let go on. `since_us`: the
    moment of the first use, from which the customer's own day follows. `numbered`: periods are still named by their
    number, as version 1 of the format did. `standings` is where a client keeps what it worked out of this very
    account, by unit; it is no part of its value.
    """

    used: Mapping[str, Periods] = field(default_factory=dict)
    began: Mapping[str, int] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    fired: frozenset[str] = frozenset()
    approved: frozenset[str] = frozenset()
    since_us: int | None = None
    numbered: bool = False
    standings: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def of_unit(self, value_unit_id: str) -> Periods:
        """The recorded use of a unit; periods without use are not in it."""
        return self.used.get(value_unit_id, _NOTHING)

    def recorded(self, value_unit_id: str, period: str) -> int:
        """What was used; below zero counts as nothing (spec 4.2, 1: it is a data issue)."""
        return max(self.of_unit(value_unit_id).get(period, 0), 0)

    def held(self, value_unit_id: str, period: str, now_us: int) -> int:
        """What is set aside by reservations that have not lapsed."""
        return sum(
            hold.quantity
            for hold in self.holds.values()
            if hold.value_unit_id == value_unit_id and hold.period == period and hold.until_us > now_us
        )

    def adding(self, value_unit_id: str, period: str, quantity: int) -> "Account":
        """With this much more used."""
        periods = dict(self.of_unit(value_unit_id))
        periods[period] = periods.get(period, 0) + quantity
        return self.with_(used={**self.used, value_unit_id: periods})

    def seeing(self, event_type: str, at_us: int) -> "Account":
        """With an event of this type noted, if it is earlier than the first one known."""
        if self.began.get(event_type, at_us + 1) <= at_us:
            return self
        return self.with_(began={**self.began, event_type: at_us})

    def using_since(self, at_us: int) -> "Account":
        """With the moment of its first use, which stays as it is from then on."""
        return self if self.since_us is not None else self.with_(since_us=at_us)

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

    def renamed(self, key_of: Callable[[int], str]) -> "Account":
        """With a key for every period that has a number only."""

        def key(period: str) -> str:
            return key_of(int(period)) if _is_number(period) else period

        def mark(text: str) -> str:
            period, colon, rest = text.partition(":")
            return f"{key(period)}:{rest}" if colon else text

        return self.with_(
            used={
                unit: {key(period): quantity for period, quantity in periods.items()}
                for unit, periods in self.used.items()
            },
            holds={name: hold._replace(period=key(hold.period)) for name, hold in self.holds.items()},
            fired=frozenset(map(mark, self.fired)),
            approved=frozenset(map(mark, self.approved)),
            numbered=False,
        )

    def with_(self, **changes: Any) -> "Account":
        """A changed copy, of which nothing has been worked out yet."""
        values = {name: getattr(self, name) for name in _VALUES}
        return Account(**{**values, **changes})


_VALUES = tuple(name for name in Account.__slots__ if name != "standings")
NEWCOMER = Account()


def dumped(account: Account) -> str:
    """JSON text; quantities as texts of decimal digits, so that any language reads them exactly."""
    since = "null" if account.since_us is None else str(account.since_us)
    used = [f"{_text(unit)}:{_object(_digits(periods))}" for unit, periods in account.used.items()]
    began = [f"{_text(name)}:{at}" for name, at in account.began.items()]
    holds = [f"{_text(name)}:{_hold(hold)}" for name, hold in account.holds.items()]
    return (
        f'{{"format":{FORMAT},"since":{since},"used":{_object(used)},"began":{_object(began)},"holds":{_object(holds)},'
        f'"fired":{_list(account.fired)},"approved":{_list(account.approved)}}}'
    )


def _digits(periods: Periods) -> list[str]:
    return [f'{_text(period)}:"{quantity}"' for period, quantity in periods.items()]


def _hold(hold: Hold) -> str:
    return f'[{_text(hold.value_unit_id)},{_text(hold.period)},"{hold.quantity}",{hold.until_us}]'


def _object(members: list[str]) -> str:
    return "{" + ",".join(members) + "}"


def _list(texts: frozenset[str]) -> str:
    return "[" + ",".join(map(_text, sorted(texts))) + "]"


def loaded(text: str | bytes) -> Account:
    """The account of a text of this format or an earlier one; ValueError for a later one."""
    body = json.loads(text)
    if body.get("format", 1) > FORMAT:
        raise ValueError(f"This account has format {body['format']}, which a later version wrote: update this library.")
    used = {
        unit: {period: int(quantity) for period, quantity in periods.items()} for unit, periods in body["used"].items()
    }
    holds = {
        name: Hold(unit, str(period), int(quantity), until)
        for name, (unit, period, quantity, until) in body["holds"].items()
    }
    keys = [*(key for periods in used.values() for key in periods), *(hold.period for hold in holds.values())]
    marks = [mark.partition(":") for mark in (*body["fired"], *body["approved"])]
    return Account(
        used=used,
        began=body["began"],
        holds=holds,
        fired=frozenset(body["fired"]),
        approved=frozenset(body["approved"]),
        since_us=body.get("since"),
        numbered=any(map(_is_number, keys)) or any(colon and _is_number(period) for period, colon, _ in marks),
    )


def _is_number(period: str) -> bool:
    return period.removeprefix("-").isdecimal()

"""Changes that only add to an account's numbers: what they add, and up to where that is all that happens.

Such a change is made in one step by the script, whatever others have added meanwhile, as long as it leaves the numbers
within limits. Limits are found by trying: use only ever makes an outcome more severe, so what happens to nobody at the
limit happens to nobody below it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import NamedTuple, TypeVar

from avs_brain_client.account import Account, Hold
from avs_brain_client.counters.matter import Edit, Matter
from avs_brain_client.counters.redis_account import Seen

T = TypeVar("T")
Limits = Mapping[str, int | None]
"""The most of each unit in the live period, of use or of use and reservations together; None: there is no limit."""
FAR = 10**36
"""More than anybody ever uses."""
MOST_DOUBLINGS = 80
_FRAME = tuple(part.name for part in fields(Account) if part.compare and part.name not in ("used", "holds"))


class Addition(NamedTuple):
    """What a change adds in the live period: use by unit, and at most one reservation (its id and what it holds)."""

    used: Mapping[str, int]
    reserved: tuple[str, Hold] | None = None

    @property
    def measure(self) -> str:
        """What limits are about: a reservation is judged by use and reservations, use by use alone."""
        return "used" if self.reserved is None else "taken"

    def of(self, unit: str) -> int:
        """What is added to the unit's measure."""
        if self.reserved is not None and self.reserved[1].value_unit_id == unit:
            return self.reserved[1].quantity
        return self.used.get(unit, 0)

    @property
    def units(self) -> Sequence[str]:
        """The units that it adds to."""
        return list(self.used) if self.reserved is None else [self.reserved[1].value_unit_id]


def addition(seen: Seen, after: Account) -> Addition | None:
    """What was added to an account; None when more happened to it than that, letting reservations go apart."""
    before = seen.account
    if seen.epoch is None or any(getattr(before, name) != getattr(after, name) for name in _FRAME):
        return None
    reserved = [item for item in after.holds.items() if item[0] not in before.holds]
    used: dict[str, int] = {}
    for unit, periods in after.used.items():
        known = before.used.get(unit)
        if known is periods:
            continue
        if known is None or len(known) != len(periods):
            return None
        for period, quantity in periods.items():
            more = quantity - known[period]
            if more and (period != seen.live or more < 0 or known[period] < 0 or unit not in seen.units):
                return None
            if more:
                used[unit] = more
    return _checked(seen, Addition(used, reserved[0] if reserved else None), len(reserved))


def _checked(seen: Seen, found: Addition, reservations: int) -> Addition | None:
    if found.reserved is None:
        return found
    hold = found.reserved[1]
    fits = reservations == 1 and not found.used and hold.period == seen.live and hold.value_unit_id in seen.units
    return found if fits else None


def limits(
    seen: Seen,
    added: Addition,
    edit: Edit[T],
    matter: Matter[T],
) -> Limits | None:
    """Up to where a change with this matter adds and does nothing else; None where that is never so.

    Found limits are kept with the account until something else of it changes.
    """
    if matter.reservation and not added.units:
        return dict.fromkeys(seen.units)
    now = {unit: _measured(seen, added, unit) + added.of(unit) for unit in seen.units}
    key = (matter.course, added.measure)
    kept: tuple[object, Limits] | None = seen.limits.get(key)
    if kept is not None and kept[0] is matter.terms and _within(now, kept[1]):
        return kept[1]

    def adds_only(measures: Mapping[str, int]) -> bool:
        imagined = _imagined(seen, added, measures)
        after, _ = edit(imagined.account, frozenset())
        return after is not None and addition(imagined, after) == added

    found = _search(now, added, adds_only)
    if found is not None:
        seen.limits[key] = (matter.terms, found)
    return found


def _within(now: Mapping[str, int], found: Limits) -> bool:
    return all((most := found.get(unit, -1)) is None or quantity <= most for unit, quantity in now.items())


def _measured(seen: Seen, added: Addition, unit: str) -> int:
    used = seen.account.used.get(unit, {}).get(seen.live, 0)
    if added.reserved is None:
        return used
    held = (h.quantity for h in seen.account.holds.values() if h.value_unit_id == unit and h.period == seen.live)
    return used + sum(held)


def _imagined(seen: Seen, added: Addition, measures: Mapping[str, int]) -> Seen:
    """The account as it must be before, for the measures to be these after the change."""
    used = {unit: dict(periods) for unit, periods in seen.account.used.items()}
    holds = {name: hold for name, hold in seen.account.holds.items() if hold.period != seen.live}
    for unit, measure in measures.items():
        before = measure - added.of(unit)
        if seen.live in used.get(unit, {}):
            used[unit][seen.live] = before
        elif before:
            holds[f"all of {unit}"] = Hold(unit, seen.live, before, FAR)
    return Seen(seen.account.with_(used=used, holds=holds), seen.epoch, seen.live, seen.units)


def _search(
    now: Mapping[str, int], added: Addition, adds_only: Callable[[Mapping[str, int]], bool]
) -> dict[str, int | None] | None:
    """No limit for units that do not matter; for the others the greatest power of two more that still adds only."""
    unlimited = [unit for unit in now if adds_only({**now, unit: FAR})]
    far = dict.fromkeys(unlimited, FAR)
    if not adds_only({**now, **far}):
        unlimited, far = [], {}
    limited = [unit for unit in now if unit not in far]
    step = max([added.of(unit) for unit in now] + [1])

    def reach(doublings: int) -> dict[str, int]:
        return {**now, **far, **{unit: now[unit] + (step << doublings) for unit in limited}}

    if not limited:
        return dict.fromkeys(now)
    if not adds_only(reach(0)):
        return {unit: None if unit in far else now[unit] for unit in now} if adds_only({**now, **far}) else None
    low, high = 0, MOST_DOUBLINGS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if adds_only(reach(middle)) else (low, middle)
    return {unit: None if unit in far else quantity for unit, quantity in reach(low).items()}

"""An account as it stands in Redis: one hash, described in clients/ACCOUNT.md for every language that shares it."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avs_brain_client.account import Account, Hold, dumped, loaded
from avs_brain_client.periods import begins_about

RESERVED_US = 600 * 1_000_000
"""For how long a sum of reservations counts that nobody has read one by one since."""
USED, HELD, HOLD = "used", "held", "hold"
OUTSIDE_FRAME = ("used", "holds")


@dataclass(frozen=True, slots=True)
class Seen:
    """An account as this process saw it. `epoch` names what the hash is apart from the numbers of the `live` period;
    None when the hash must be written whole. `units`: those with numbers in the live period.

    `changes` and `earlier` are what the hash, or the account's earlier form, said of its version; "" where there is
    none. `limits` keeps up to where changes have no other outcome.
    """

    account: Account
    epoch: str | None = None
    live: str = ""
    units: tuple[str, ...] = ()
    changes: str = ""
    earlier: str = ""
    seen_ns: int = 0
    limits: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


def read(fields: Sequence[bytes], earlier: Sequence[bytes | None], seen_ns: int) -> Seen | None:
    """From the answers to HGETALL of the hash, and HMGET version, body of the earlier form; None: there is neither."""
    found = {fields[at].decode(): fields[at + 1].decode() for at in range(0, len(fields), 2)}
    version, body = earlier
    if not found:
        if version is None or body is None:
            return None
        return Seen(loaded(body), earlier=version.decode(), seen_ns=seen_ns)
    return Seen(
        _account(found),
        epoch=found["epoch"],
        live=found["live"],
        units=tuple(json.loads(found["units"])),
        changes=found["changes"],
        seen_ns=seen_ns,
    )


def _account(found: Mapping[str, str]) -> Account:
    used: dict[str, dict[str, str]] = {}
    holds: dict[str, list[Any]] = {}
    for name, value in found.items():
        kind, _, rest = name.partition(":")
        if kind == USED:
            period, _, unit = rest.partition(":")
            used.setdefault(unit, {})[period] = value
        elif kind == HOLD:
            until, hold_period, quantity, unit = value.split(" ", 3)
            holds[rest] = [unit, hold_period, quantity, int(until)]
    return loaded(json.dumps({**json.loads(found["frame"]), "used": used, "holds": holds}))


def written(account: Account, changes: int) -> tuple[str, list[str], list[str]]:
    """The new epoch, the hash as names and values by turns, and its reservations and when they lapse by turns."""
    frame = {name: value for name, value in json.loads(dumped(account)).items() if name not in OUTSIDE_FRAME}
    numbers = {f"{USED}:{p}:{unit}": str(n) for unit, periods in account.used.items() for p, n in periods.items()}
    held: dict[tuple[str, str], int] = {}
    for name, hold in account.holds.items():
        at = hold.period, hold.value_unit_id
        held[at] = held.get(at, 0) + hold.quantity
        numbers[f"{HOLD}:{name}"] = f"{hold.until_us} {hold.period} {hold.quantity} {hold.value_unit_id}"
    numbers.update({f"{HELD}:{period}:{unit}": str(quantity) for (period, unit), quantity in held.items()})
    epoch, live = secrets.token_hex(8), live_period(account)
    fields = {
        "epoch": epoch,
        "changes": str(changes),
        "live": live,
        "units": json.dumps(units_of(account, live)),
        "frame": json.dumps(frame, separators=(",", ":")),
        **numbers,
    }
    lapses = [part for name, hold in account.holds.items() for part in (name, str(hold.until_us))]
    return epoch, [part for item in fields.items() for part in item], lapses


def live_period(account: Account) -> str:
    """The newest period of the account: the one whose numbers may be added to without writing the account whole."""
    periods = [period for of_unit in account.used.values() for period in of_unit]
    return max([*periods, *(hold.period for hold in account.holds.values())], key=begins_about, default="")


def units_of(account: Account, period: str) -> list[str]:
    """Those with use or reservations in a period."""
    names = [unit for unit, periods in account.used.items() if period in periods]
    held = [hold.value_unit_id for hold in account.holds.values() if hold.period == period]
    return list(dict.fromkeys([*names, *held]))


def renumbered(account: Account, live: str, numbers: Mapping[str, tuple[int, int]], now_us: int) -> Account:
    """The account with what the script says is used and held of each unit in the live period.

    Of reservations it tells no more than their sum: what this process does not know of them stands here as one, for as
    long as reservations usually count, until somebody reads the account whole.
    """
    used = {unit: dict(periods) for unit, periods in account.used.items()}
    holds = {name: hold for name, hold in account.holds.items() if hold.period != live}
    for unit, (quantity, held) in numbers.items():
        if quantity or live in used.get(unit, {}):
            used.setdefault(unit, {})[live] = quantity
        others = f"others of {unit}"
        known = {
            name: hold
            for name, hold in account.holds.items()
            if (hold.period, hold.value_unit_id) == (live, unit) and hold.until_us > now_us and name != others
        }
        rest = held - sum(hold.quantity for hold in known.values())
        holds.update(known if rest >= 0 else {})
        if rest := rest if rest >= 0 else held:
            holds[others] = Hold(unit, live, rest, now_us + RESERVED_US)
    return account.with_(used=used, holds=holds)

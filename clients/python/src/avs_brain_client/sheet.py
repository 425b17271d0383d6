"""The rules of a unit compiled to breakpoints: deciding is finding the place of one integer among others.

A sheet depends on what the customer's pools have and on their other units, hardly ever on who they are, so customers
share them.
"""

from bisect import bisect_left
from decimal import Decimal
from typing import NamedTuple

from avs_brain_client.account import Account
from avs_brain_client.rules import REFUSING, Rule, others, rules
from avs_brain_client.situation import Situation

MOST_SHEETS = 1_000
"""Of one unit; beyond them all are compiled anew, so that a unit never keeps more."""


class Outcome(NamedTuple):
    """What a rule decides."""

    allow: bool
    action: str | None
    reason_code: str
    threshold: Decimal | None


class Sheet(NamedTuple):
    """`outcomes[i]` holds for use of the unit beyond `beyond[i]`, up to `beyond[i + 1]`, scaled; the first is -1."""

    beyond: tuple[int, ...]
    outcomes: tuple[Outcome, ...]

    def at(self, total: int) -> Outcome:
        """The outcome for a use of the unit of at least 0."""
        return self.outcomes[bisect_left(self.beyond, total) - 1]


def sheet(found: Situation, state: str) -> Sheet:
    """The sheet of a situation, compiled or kept."""
    rest = others(found)
    approved = is_approved(found.account, found.period.key, found.unit.unit.value_unit_id)
    kept, key = found.unit.sheets, (found.pools, state, rest, approved)
    made: Sheet | None = kept.get(key)
    if made is None:
        if len(kept) >= MOST_SHEETS:
            kept.clear()
        made = kept[key] = _compiled(rules(found, state, rest, approved=approved))
    return made


def is_approved(account: Account, period: str, value_unit_id: str) -> bool:
    """Whether an operator let the customer go on with the unit until the period ends."""
    return bool(account.approved) and f"{period}:{value_unit_id}" in account.approved


def _compiled(listed: list[Rule]) -> Sheet:
    """From each breakpoint on the most severe of the rules that apply decides."""
    beyond = sorted({rule.beyond for rule in listed})
    decisive = [max((rule for rule in listed if rule.beyond <= at), key=lambda rule: rule.rank) for at in beyond]
    return Sheet(tuple(beyond), tuple(map(_outcome, decisive)))


def _outcome(rule: Rule) -> Outcome:
    return Outcome(rule.action not in REFUSING, rule.action, rule.reason_code, rule.percent)

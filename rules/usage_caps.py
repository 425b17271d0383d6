"""Absolute usage caps: `[{value_unit_id, max_quantity, action?}]`, and the rule that apps can enforce each (spec 1, 3).

Every door takes only such caps. Rows may be older than the rule, so gates ask it again: an app that cannot read a cap
refuses the whole config, and one whose unit no pool counts would never be reached.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from rules.draft import Draft
from rules.enums import Action
from rules.finding import Finding, Gate
from rules.ids import OWN_ID_RULE, is_own_id
from rules.places import at_rails
from rules.ranges import LIMIT, PLACES, decimal_places
from rules.wording import THIS_CONFIG

MEMBERS = ("value_unit_id", "max_quantity", "action")
QUANTITY_RANGE = f"a number from 0 to below 10^14 with at most {PLACES} decimal places"


def cap_problems(cap: object) -> Iterator[tuple[str, str]]:
    """(member, what it must be) for all that keeps apps from enforcing the cap; the member is empty for no cap."""
    if not isinstance(cap, Mapping):
        yield "", "must be an object of value_unit_id, max_quantity and, where it does not block, action"
        return
    for name in cap:
        if name not in MEMBERS:
            yield str(name), f"is no member of a cap; these are {', '.join(MEMBERS)}"
    unit_id, quantity, action = (cap.get(name) for name in MEMBERS)
    if not isinstance(unit_id, str) or not is_own_id(unit_id):
        yield "value_unit_id", f"must be {OWN_ID_RULE}"
    if not _is_quantity(quantity):
        yield "max_quantity", f"must be {QUANTITY_RANGE}"
    if "action" in cap and action not in tuple(Action):
        yield "action", f"must be one of: {', '.join(Action)}"


def _is_quantity(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    number = Decimal(value)
    return number.is_finite() and 0 <= number < LIMIT and decimal_places(number) <= PLACES


def caps_can_be_enforced(draft: Draft) -> Iterator[Finding]:
    """Each cap can be read by apps and is on a unit that a pool counts (simulation gate)."""
    pooled = {pool.value_unit_id for pool in draft.pools}
    for cap in draft.rails.absolute_usage_caps:
        member, problem = next(cap_problems(cap), ("", None))
        if problem is not None:
            where = f": {member} {problem}" if member else f": it {problem}"
            yield _finding(draft, f"has a usage cap that no app can enforce{where}. Correct it or take it out.")
        elif isinstance(cap, Mapping) and (unit_id := cap["value_unit_id"]) not in pooled:
            names = {unit.value_unit_id: unit.name for unit in draft.units or ()}
            name = names.get(unit_id) or unit_id
            yield _finding(draft, f"caps {name}, which no pool counts. Add a pool of it, or take the cap out.")


def _finding(draft: Draft, message: str) -> Finding:
    place = at_rails(draft, "absolute_usage_caps")
    return Finding("usage_cap_not_enforceable", Gate.SIMULATE, f"{THIS_CONFIG} {message}", *place)

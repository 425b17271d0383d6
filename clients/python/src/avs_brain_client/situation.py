"""What rules and bills are made from: one customer, unit and period, and when use has reached a percentage of it."""

from typing import NamedTuple

from avs_brain_client.account import Account
from avs_brain_client.document import POOL_SCOPE, SPEND_SCOPE, Threshold
from avs_brain_client.numbers import ceiling
from avs_brain_client.periods import Period
from avs_brain_client.plan import Plan, UnitPlan


class Situation(NamedTuple):
    """One customer, unit and period: what each pool has (draw order), their sum, and what is taken already."""

    plan: Plan
    unit: UnitPlan
    account: Account
    period: Period
    now_us: int
    pools: tuple[int, ...]
    allowance: int
    taken: int


def situation(plan: Plan, unit: UnitPlan, account: Account, period: Period, now_us: int) -> Situation:
    """What rules are made from; `taken` is recorded and reserved use."""
    name = unit.unit.value_unit_id
    pools = plan.available(account, unit, period)
    taken = account.recorded(name, period.key)
    if account.holds:
        taken += account.held(name, period.key, now_us)
    return Situation(plan, unit, account, period, now_us, pools, sum(pools), taken)


def has_reached(found: Situation, threshold: Threshold) -> bool:
    """Whether use of the unit itself has reached the threshold's percentage; one of the spend cap it never does."""
    at = reached_at(threshold, found.pools)
    return at is not None and found.taken >= at


def reached_at(threshold: Threshold, pools: tuple[int, ...]) -> int | None:
    """From which use of the unit on its percentage is reached, of some pool or of the whole allowance, as the
    threshold's scope says; None: never.

    What is without allowance has no percentage, and one of the spend cap is not of use; only the last pool can be used
    beyond what it has (spec 4.3).
    """
    if threshold.scope == SPEND_SCOPE:
        return None
    if threshold.scope != POOL_SCOPE:
        allowance = sum(pools)
        return max(ceiling(threshold.hundredths * allowance, 10_000), 1) if allowance else None
    before, places = 0, []
    for at, quantity in enumerate(pools):
        wanted = max(ceiling(threshold.hundredths * quantity, 10_000), 1)
        if quantity and (wanted <= quantity or at == len(pools) - 1):
            places.append(before + wanted)
        before += quantity
    return min(places, default=None)

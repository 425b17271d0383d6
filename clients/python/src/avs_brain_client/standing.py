"""Where a customer stands with one unit, worked out once: what is taken, and the breakpoints to compare it with. Use
that crosses nothing moves a standing on without working it out again.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from avs_brain_client.account import Account, Hold, Periods
from avs_brain_client.billing import is_judged_by_spend
from avs_brain_client.decide import Decision
from avs_brain_client.periods import Calendars, period_at
from avs_brain_client.plan import Force, Plan, UnitPlan
from avs_brain_client.rules import pool_in_use
from avs_brain_client.sheet import Outcome, sheet
from avs_brain_client.situation import Situation, situation
from avs_brain_client.usage import NEVER, first_firing

_NO_USE: Periods = {}

_new = tuple.__new__
ASKED_AGAIN_US = 60_000_000
"""For how long the day that an app names for a customer is not asked for again."""


class Frame(NamedTuple):
    """What does not change while a customer uses a unit within one period, by what is in force.

    `beyond` and `outcomes` are the sheet, `pool_id` the last pool. Below `fires_at` more use of the unit fires nothing.
    Up to `alone_until` use of it changes nothing for the customer's other units. `started_us`: the first event of the
    unit's type.
    """

    force: Force
    unit: UnitPlan
    pools: tuple[int, ...]
    allowance: int
    beyond: tuple[int, ...]
    outcomes: tuple[Outcome, ...]
    config_version_id: str
    pool_id: str
    value_unit_id: str
    key: str
    start_us: int
    end_us: int
    fires_at: int
    alone_until: int
    started_us: int


class Standing:
    """`used` (below 0 too) and `held` are of the frame's unit and period, scaled; they hold before `until_us`, and
    checks go by them before `until_ns`, monotonic. `decisions` are those that were asked for, by place of the outcome.
    """

    __slots__ = ("decisions", "frame", "held", "taken", "until_ns", "until_us", "used")

    def __init__(self, frame: Frame, used: int, held: int, until_us: int, until_ns: int) -> None:
        self.frame, self.used, self.held, self.until_us, self.until_ns = frame, used, held, until_us, until_ns
        self.taken = (used if used > 0 else 0) + held
        self.decisions: list[Decision | None] = [None] * len(frame.beyond)

    def decision(self, quantity: int) -> Decision:
        """What to do about a scaled quantity."""
        at = bisect_left(self.frame.beyond, self.taken + quantity) - 1
        return self.decisions[at] or self.decide(at)

    def decide(self, at: int) -> Decision:
        """Make the decision of an outcome by its place, and keep it."""
        frame, taken = self.frame, self.taken
        allow, action, reason_code, threshold = frame.outcomes[at]
        pools = frame.pools
        pool_id = frame.pool_id if len(pools) == 1 else pool_in_use(frame.unit, pools, taken)
        left = frame.allowance - taken
        decision = self.decisions[at] = _new(
            Decision, (allow, action, reason_code, pool_id, left if left > 0 else 0, threshold, frame.config_version_id)
        )
        return decision


def stand(
    force: Force, plan: Plan, account: Account, customer_id: str, value_unit_id: str, now_us: int
) -> Standing | None:
    """Where the customer stands in the running period, kept in the account; None for a unit without pools."""
    standing: Standing | None = account.standings.get(value_unit_id)
    if standing is not None and standing.frame.force is force and now_us < standing.until_us:
        return standing
    calendars, alike = plan.calendars, plan.calendars.common is not None and not plan.contracts
    plan = plan.of(customer_id)
    period = period_at(calendars.of(customer_id, account.since_us, now_us), now_us)
    terms = plan.in_period(period.calendar, period.number)
    unit = terms.units.get(value_unit_id)
    if unit is None:
        return None
    found = situation(terms, unit, account, period, now_us)
    standing = _standing(force, plan, found, calendars)
    if alike or account.since_us is not None:  # all who have used nothing share one account
        account.standings[value_unit_id] = standing
    return standing


def _standing(force: Force, plan: Plan, found: Situation, calendars: Calendars) -> Standing:
    account, unit, period, now_us = found.account, found.unit, found.period, found.now_us
    name = unit.unit.value_unit_id
    beyond, outcomes = sheet(found, force.state)
    frame = Frame(
        force=force,
        unit=unit,
        pools=found.pools,
        allowance=found.allowance,
        beyond=beyond,
        outcomes=outcomes,
        config_version_id=found.plan.config_version_id,
        pool_id=unit.last_pool.pool_id,
        value_unit_id=name,
        key=period.key,
        start_us=period.start_us,
        end_us=period.end_us,
        fires_at=-NEVER if account.since_us is None else first_firing(plan, account, unit, period, now_us),
        alone_until=_alone_until(found),
        started_us=account.began.get(unit.unit.meter.event_type, NEVER),
    )
    used = account.of_unit(name).get(period.key, 0)
    return Standing(frame, used, found.taken - max(used, 0), _until_us(found, calendars), 0)


def _until_us(found: Situation, calendars: Calendars) -> int:
    """When the account means something else without having changed: its period ends, a reservation lapses."""
    lapses = [hold.until_us for hold in found.account.holds.values() if hold.until_us > found.now_us]
    asks = [found.now_us + ASKED_AGAIN_US] if calendars.asks_the_app else []
    return min([found.period.end_us + 1, *lapses, *asks])


def _alone_until(found: Situation) -> int:
    if len(found.plan.units) == 1:
        return NEVER
    if found.plan.for_all:
        return -1
    return found.allowance if is_judged_by_spend(found) else NEVER


def counted(
    account: Account,
    standing: Standing,
    used: int,
    held: int,
    holds: Mapping[str, Hold],
    until: int = NEVER,
) -> Account:
    """The account after use or a reservation that fires nothing, with the standings that go on from this one's: the
    unit's own, and those of other units, which it does not concern up to `alone_until`.
    """
    frame, until_us = standing.frame, standing.until_us
    unit, key = frame.value_unit_id, frame.key
    if until < until_us:  # by the monotonic clock only the next look says when that is
        after = Standing(frame, used, held, until, 0)
    else:
        after = Standing(frame, used, held, until_us, standing.until_ns)
    alone = after.taken <= frame.alone_until and standing.taken <= frame.alone_until
    quantities = account.used
    if used != standing.used:
        quantities = {**quantities, unit: {**quantities.get(unit, _NO_USE), key: used}}
    return Account(
        quantities,
        account.began,
        holds,
        account.fired,
        account.approved,
        account.since_us,
        False,
        {**account.standings, unit: after} if alone else {unit: after},
    )

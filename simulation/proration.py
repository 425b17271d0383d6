"""The terms of a period in which a version took effect whose amounts are shared out by days (spec 2 and 5).

The new version's terms hold at once; only what is agreed per period (fee, commit, credits, allowances) is shared out
between both versions, by the days of the period before and after the change.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from simulation.numbers import EXACT, rounded
from simulation.plan import ConfigPlan, PoolPlan
from simulation.price_plan import CustomerTerms, Prepaid, PricePlan

NOTHING = CustomerTerms()
"""The terms of a version without a price plan: no amount per period."""
_NO_CREDITS = Prepaid(Decimal(0), Decimal(0), None)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Share:
    """How a period is shared: `elapsed_days` by the terms before, the rest of its `period_days` by the new ones."""

    elapsed_days: int
    period_days: int

    def of(self, before: Decimal, after: Decimal) -> Decimal:
        """(before × elapsed + after × rest) ÷ period, rounded half-even to 6 decimal places."""
        rest = self.period_days - self.elapsed_days
        weighted = EXACT.add(EXACT.multiply(before, self.elapsed_days), EXACT.multiply(after, rest))
        return rounded(EXACT.divide(weighted, self.period_days))


def share_of(start: datetime, since: datetime, end: datetime) -> Share:
    """How a period from `start` to `end` is shared by a change at `since`: whole days, rounded half-even."""
    return Share(_days(since - start), _days(end - start))


def _days(time: timedelta) -> int:
    days, rest = divmod(time, _DAY)
    twice = 2 * rest
    return days + int(twice > _DAY or (twice == _DAY and days % 2 == 1))


def prorated(before: ConfigPlan, after: ConfigPlan, elapsed_days: int, period_days: int) -> ConfigPlan:
    """The version `after` with the amounts of the period in which it took the place of `before`, some days into it.

    `before` is itself prorated where it took effect in the same period: over the `elapsed_days`, so that each version
    counts for its own days. A pool or a plan that one side lacks gives 0 there. A pool that only `before` has comes
    first among those of its unit, and behaves beyond its allowance as the unit's last one does; with a unit that no
    pool counts any more it is gone.
    """
    share = Share(elapsed_days, period_days)
    return replace(after, pools=_shared_pools(before, after, share), price_plan=_shared_plan(before, after, share))


def _shared_pools(before: ConfigPlan, after: ConfigPlan, share: Share) -> tuple[PoolPlan, ...]:
    was = {_key(pool): pool.included_quantity for pool in before.pools}
    kept = (
        replace(pool, included_quantity=share.of(was.get(_key(pool), Decimal(0)), pool.included_quantity))
        for pool in after.pools
    )
    return (*_gone_pools(before, after, share), *kept)


def _gone_pools(before: ConfigPlan, after: ConfigPlan, share: Share) -> tuple[PoolPlan, ...]:
    """The pools that only `before` has, of units that still count, with what the days before leave of them."""
    ids, units = {pool.pool_id for pool in after.pools}, {unit.value_unit_id: unit for unit in after.units}
    return tuple(
        replace(
            pool,
            included_quantity=share.of(pool.included_quantity, Decimal(0)),
            overage_behavior=after.last_pool(units[pool.value_unit_id]).overage_behavior,
        )
        for pool in before.pools
        if pool.pool_id not in ids and pool.value_unit_id in units
    )


def _key(pool: PoolPlan) -> tuple[str, str]:
    """A pool that counts another unit under the same id is another pool: its quantities are of another kind."""
    return pool.pool_id, pool.value_unit_id


def _shared_plan(before: ConfigPlan, after: ConfigPlan, share: Share) -> PricePlan | None:
    """The plan of the period, None where neither version has one."""
    if before.price_plan is None and after.price_plan is None:
        return None
    old, new = before.price_plan or PricePlan(NOTHING), after.price_plan or PricePlan(NOTHING)
    with_contracts = sorted(old.overrides.keys() | new.overrides.keys())
    return PricePlan(
        _shared_terms(old.usual, new.usual, before, after, share),
        {
            customer_id: _shared_terms(old.terms_of(customer_id), new.terms_of(customer_id), before, after, share)
            for customer_id in with_contracts
        },
    )


def _shared_terms(
    old: CustomerTerms, new: CustomerTerms, before: ConfigPlan, after: ConfigPlan, share: Share
) -> CustomerTerms:
    """A customer's terms in the period; whether a commit is trued up is said by the last version that has one."""
    return CustomerTerms(
        platform_fee_usd=share.of(old.platform_fee_usd, new.platform_fee_usd),
        minimum_commit_usd=share.of(old.minimum_commit_usd, new.minimum_commit_usd),
        true_up=new.true_up if new.minimum_commit_usd or not old.minimum_commit_usd else old.true_up,
        prepaid=_shared_credits(old.prepaid, new.prepaid, share),
        unit_prices=new.unit_prices,
        included=_shared_allowances(old, new, before, after, share),
    )


def _shared_credits(old: Prepaid | None, new: Prepaid | None, share: Share) -> Prepaid | None:
    """The credits bought with the period; they last as the newer version that sells any says."""
    before, after = old or _NO_CREDITS, new or _NO_CREDITS
    amount, price = share.of(before.amount_usd, after.amount_usd), share.of(before.price_usd, after.price_usd)
    if not (amount or price):
        return None
    return Prepaid(amount, price, (new or before).expires_after_days)


def _shared_allowances(
    old: CustomerTerms, new: CustomerTerms, before: ConfigPlan, after: ConfigPlan, share: Share
) -> Mapping[str, Decimal]:
    """By pool_id, the shared allowances of a customer of whom either version's contract states one."""
    was, units = {_key(pool): pool for pool in before.pools}, {unit.value_unit_id for unit in after.units}
    ids = {pool.pool_id for pool in after.pools}
    shared = {}
    for pool in after.pools:
        earlier = was.get(_key(pool))
        if pool.pool_id in new.included or (earlier and pool.pool_id in old.included):
            quantity = _included(old, earlier) if earlier else Decimal(0)
            shared[pool.pool_id] = share.of(quantity, _included(new, pool))
    for pool in before.pools:
        if pool.pool_id in old.included and pool.pool_id not in ids and pool.value_unit_id in units:
            shared[pool.pool_id] = share.of(_included(old, pool), Decimal(0))
    return dict(sorted(shared.items()))


def _included(terms: CustomerTerms, pool: PoolPlan) -> Decimal:
    return terms.included.get(pool.pool_id, pool.included_quantity)

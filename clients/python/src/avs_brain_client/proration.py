"""The terms of a period in which a version took effect whose amounts are shared out by days (spec 2 and 5).

The new version's terms hold at once; only what is agreed per period (fee, commit, credits, allowances) is shared out
between both versions, by the days of the period before and after the change. The same as in AVS Brain's simulation;
here both are one customer's, whose contract their pools and terms have already.
"""

from collections.abc import Sequence
from typing import NamedTuple

from avs_brain_client.clock import DAY_US
from avs_brain_client.document import Pool
from avs_brain_client.price_plan import CustomerTerms, Prepaid

SIXTH_PLACE = 10**6
"""Scaled numbers below this have more than 6 decimal places."""
NOTHING = CustomerTerms()
"""The terms of a version without a price plan: no amount per period."""


class Share(NamedTuple):
    """How a period is shared: `elapsed_days` by the terms before, the rest of its `period_days` by the new ones."""

    elapsed_days: int
    period_days: int

    def of(self, before: int, after: int) -> int:
        """(before × elapsed + after × rest) ÷ period, rounded half-even to 6 decimal places."""
        weighted = before * self.elapsed_days + after * (self.period_days - self.elapsed_days)
        return _half_even(weighted, self.period_days * SIXTH_PLACE) * SIXTH_PLACE


def share_of(start_us: int, since_us: int, end_us: int) -> Share:
    """How a period is shared by a change at `since_us`: whole days, rounded half-even."""
    return Share(_half_even(since_us - start_us, DAY_US), _half_even(end_us - start_us, DAY_US))


def _half_even(value: int, divisor: int) -> int:
    whole, rest = divmod(value, divisor)
    return whole + int(2 * rest > divisor or (2 * rest == divisor and whole % 2 == 1))


def shared_pools(before: Sequence[Pool], after: Sequence[Pool], share: Share) -> tuple[Pool, ...]:
    """A pool that one side lacks gives 0 there; one that only `before` has comes first among those of its unit, and
    behaves as the unit's last one does. With a unit that no pool counts any more it is gone.
    """
    was = {_key(pool): pool.included for pool in before}
    kept = [pool.giving(share.of(was.get(_key(pool), 0), pool.included)) for pool in after]
    ids = {pool.pool_id for pool in after}
    gone = []
    for pool in before:
        own = [other for other in after if other.value_unit_id == pool.value_unit_id]
        if own and pool.pool_id not in ids:
            last = max(own, key=lambda other: (not other.is_exploration, own.index(other)))
            gone.append(pool.giving(share.of(pool.included, 0), last.overage_behavior))
    return (*gone, *kept)


def _key(pool: Pool) -> tuple[str, str]:
    """A pool that counts another unit under the same id is another pool: its quantities are of another kind."""
    return pool.pool_id, pool.value_unit_id


def shared_terms(before: CustomerTerms | None, after: CustomerTerms | None, share: Share) -> CustomerTerms | None:
    """None where neither version has a plan. Whether a commit is trued up is said by the last version that has one."""
    if before is None and after is None:
        return None
    old, new = before or NOTHING, after or NOTHING
    return CustomerTerms(
        platform_fee=share.of(old.platform_fee, new.platform_fee),
        minimum_commit=share.of(old.minimum_commit, new.minimum_commit),
        true_up=new.true_up if new.minimum_commit or not old.minimum_commit else old.true_up,
        prepaid=_shared_credits(old.prepaid, new.prepaid, share),
        unit_prices=new.unit_prices,
    )


def _shared_credits(old: Prepaid | None, new: Prepaid | None, share: Share) -> Prepaid | None:
    """The credits bought with the period; they last as the newer version that sells any says."""
    last = new or old
    if last is None:
        return None
    amount = share.of(old.amount if old else 0, new.amount if new else 0)
    price = share.of(old.price if old else 0, new.price if new else 0)
    return Prepaid(amount, price, last.periods, last.expires_after_days) if amount or price else None

"""Where a customer stands in a period: what was used, which pool gave it, what it costs. For apps to show."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from avs_brain_client.account import Account
from avs_brain_client.billing import bill, is_payer, reached_by_spend
from avs_brain_client.draw import drawn
from avs_brain_client.numbers import SCALE, unscaled
from avs_brain_client.periods import Period
from avs_brain_client.plan import Plan, UnitPlan
from avs_brain_client.rules import reached_elsewhere
from avs_brain_client.situation import has_reached, situation


@dataclass(frozen=True, slots=True)
class PoolUse:
    """`available` is the included quantity and what was carried into the period, `drawn` what was taken of it."""

    pool_id: str
    available: Decimal
    drawn: Decimal


@dataclass(frozen=True, slots=True)
class UnitUse:
    """`used` = Σ drawn + overage, `reserved` is set aside beside it, `reached` are percentages of thresholds."""

    used: Decimal
    reserved: Decimal
    overage: Decimal
    pools: tuple[PoolUse, ...]
    reached: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class BillLines:
    """What a bill is made of, in USD: `overage` is what credits did not pay for, `credits_drawn` what they did; it is
    no part of the sum.
    """

    fees: Decimal
    prepaid: Decimal
    overage: Decimal
    commit_true_up: Decimal
    credits_drawn: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """One customer and period, by its number: every pooled unit of the config by id, and the bill so far in USD: by a
    price plan the whole of it, line by line.
    """

    period: int
    units: Mapping[str, UnitUse]
    spend_usd: Decimal
    bill: BillLines


def statement(plan: Plan, account: Account, period: Period, now_us: int) -> Statement:
    """Of recorded use, by the terms of the period; reservations are shown but neither drawn nor billed."""
    plan = plan.in_period(period.calendar, period.number)
    recorded = account.with_(holds={})
    billed = bill(plan, recorded, period, now_us)
    return Statement(
        period=period.number,
        units={name: _unit(plan, unit, account, recorded, period, now_us) for name, unit in plan.units.items()},
        spend_usd=usd(billed.total),
        bill=BillLines(
            usd(billed.fee), usd(billed.prepaid), usd(billed.overage), usd(billed.true_up), usd(billed.drawn)
        ),
    )


def usd(amount: int) -> Decimal:
    """A product of two scaled numbers as an exact decimal."""
    whole, rest = divmod(amount, SCALE)
    return unscaled(whole) if rest == 0 else Decimal(f"{amount}E-24")


def _unit(plan: Plan, unit: UnitPlan, account: Account, recorded: Account, period: Period, now_us: int) -> UnitUse:
    found = situation(plan, unit, recorded, period, now_us)
    draws, overage = drawn(found.pools, found.taken)
    elsewhere = reached_elsewhere(found) if plan.for_all else ()
    by_spend = reached_by_spend(found) if plan.of_spend and is_payer(plan, account, period) else ()
    reached = [
        threshold.percent
        for threshold in plan.rails.thresholds
        if has_reached(found, threshold) or threshold in elsewhere or threshold in by_spend
    ]
    return UnitUse(
        used=unscaled(found.taken),
        reserved=unscaled(account.held(unit.unit.value_unit_id, period.key, now_us)),
        overage=unscaled(overage),
        pools=tuple(
            PoolUse(pool.pool_id, unscaled(has), unscaled(given))
            for pool, has, given in zip(unit.pools, found.pools, draws, strict=True)
        ),
        reached=tuple(dict.fromkeys(reached)),
    )

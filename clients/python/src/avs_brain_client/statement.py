"""Where a customer stands in a period: what was used, which pool gave it, what it costs. For apps to show."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from avs_brain_client.account import Account
from avs_brain_client.draw import drawn
from avs_brain_client.numbers import SCALE, unscaled
from avs_brain_client.periods import Period
from avs_brain_client.plan import Plan, UnitPlan
from avs_brain_client.rules import bill, has_reached, reached_elsewhere, situation


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
class Statement:
    """One customer and period, by its number: every pooled unit of the config by id, and the bill so far in USD."""

    period: int
    units: Mapping[str, UnitUse]
    spend_usd: Decimal


def statement(plan: Plan, account: Account, period: Period, now_us: int) -> Statement:
    """Of recorded use, by the terms of the period; reservations are shown but neither drawn nor billed."""
    plan = plan.in_period(period.calendar, period.number)
    recorded = account.with_(holds={})
    return Statement(
        period=period.number,
        units={name: _unit(plan, unit, account, recorded, period, now_us) for name, unit in plan.units.items()},
        spend_usd=usd(bill(plan, recorded, period, now_us)),
    )


def usd(amount: int) -> Decimal:
    """A product of two scaled numbers as an exact decimal."""
    whole, rest = divmod(amount, SCALE)
    return unscaled(whole) if rest == 0 else Decimal(f"{amount}E-24")


def _unit(plan: Plan, unit: UnitPlan, account: Account, recorded: Account, period: Period, now_us: int) -> UnitUse:
    found = situation(plan, unit, recorded, period, now_us)
    draws, overage = drawn(found.pools, found.taken)
    elsewhere = reached_elsewhere(found) if plan.for_all else ()
    reached = [
        threshold.percent
        for threshold in plan.rails.thresholds
        if has_reached(found, threshold) or threshold in elsewhere
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

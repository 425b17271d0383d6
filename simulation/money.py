"""The quantity that is paid for, under each pricing mode (spec 4.2, 4). Its twin is `simulation.collect.Replay`."""

from decimal import Decimal

from simulation.draw import UnitPeriod
from simulation.numbers import total
from simulation.plan import Plan


def counted(plan: Plan, unit: UnitPeriod) -> Decimal:
    """The units that count as used: without exploration in the results, those that exploration pools gave do not."""
    return unit.used if plan.include_exploration_in_results else unit.used - unit.explored


def shortfall(plan: Plan, booked: UnitPeriod) -> Decimal:
    """The units missing to the commitment of one customer and period; 0 in the modes without commitment."""
    if plan.pricing_mode != "revenue_proxy_commit":
        return Decimal(0)
    committed = total(draw.pool.included_quantity for draw in booked.draws if not draw.pool.is_exploration_pool)
    return max(committed - counted(plan, booked), Decimal(0))


def charged(plan: Plan, booked: UnitPeriod) -> Decimal:
    """The quantity that one customer pays for in one period: the overage, all of it, or at least the commitment."""
    if plan.pricing_mode == "use_unit_economics":
        return booked.overage
    return counted(plan, booked) + shortfall(plan, booked)

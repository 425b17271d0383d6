"""Generated worlds in which the candidate, the baseline or both have a price plan of every kind."""

import random
from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st

from simulation.canonical import JsonObject
from simulation.plan import ConfigPlan
from simulation.price_plan import price_plan
from tests.simulation.worlds import CUSTOMERS, World, world

AMOUNTS = (0, 1, 5, Decimal("12.5"), Decimal("0.000000000001"), Decimal("999.999999999999"))
PRICES = (0, Decimal("0.4"), Decimal("1.8"), Decimal("0.000000000001"), Decimal("0.333333333333"), 25)
BOUNDS = tuple(map(Decimal, ("1", "2", "3", "5", "7.5", "20")))


def planned_worlds() -> st.SearchStrategy[World]:
    """Worlds from a seed and a size, of which a seed always makes the same plans."""
    return st.builds(planned_world, st.integers(0, 2**32), st.sampled_from([0, 1, 6, 20, 40, 60]))


def planned_world(seed: int, size: int) -> World:
    pick, base = random.Random(f"plans of {seed}"), world(seed, size)
    plan = base.plan
    if pick.random() < 0.8:
        plan = replace(plan, pricing_mode="use_unit_economics")
    baseline = plan.baseline
    if baseline is not None and pick.random() < 0.5:
        baseline = with_plan(pick, baseline)
    return replace(base, plan=replace(plan, candidate=with_plan(pick, plan.candidate), baseline=baseline))


def with_plan(pick: random.Random, config: ConfigPlan) -> ConfigPlan:
    contracts = [
        {"customer_id": customer, **contract(pick, config), "included_quantity": included(pick, config)}
        for customer in pick.sample(CUSTOMERS, pick.choice([0, 0, 1, 2]))
    ]
    return replace(
        config, price_plan=price_plan({**contract(pick, config), "overrides": contracts, "change_policy": ""})
    )


def contract(pick: random.Random, config: ConfigPlan) -> JsonObject:
    document: JsonObject = {"platform_fee_usd": pick.choice(AMOUNTS)} if pick.random() < 0.7 else {}
    if pick.random() < 0.4:
        document |= {"minimum_commit_usd": pick.choice(AMOUNTS), "true_up": pick.random() < 0.6}
    if pick.random() < 0.5:
        document["prepaid"] = prepaid(pick)
    units = [unit.value_unit_id for unit in config.units if pick.random() < 0.7]
    return {**document, "unit_prices": [unit_price(pick, unit_id) for unit_id in units]}


def prepaid(pick: random.Random) -> JsonObject | None:
    if pick.random() < 0.2:
        return None
    lasting = pick.choice([{}, {}, {"expires_after_days": pick.choice([1, 29, 30, 45, 60, 90])}])
    return {"amount_usd": pick.choice([1, 7, Decimal("2.5"), 40]), "price_usd": pick.choice([0, 3, 10]), **lasting}


def unit_price(pick: random.Random, unit_id: str) -> JsonObject:
    model = pick.choice(["per_unit", "graduated", "volume", "package"])
    bounds = sorted(pick.sample(BOUNDS, pick.randint(0, 3))) if model in ("graduated", "volume") else []
    price: JsonObject = {"value_unit_id": unit_id, "model": model}
    if model == "package":
        price["package_size"] = pick.choice([1, 2, 3, 10])
    return {**price, "tiers": [tier(pick, bound, model) for bound in [*bounds, None]]}


def tier(pick: random.Random, bound: Decimal | None, model: str) -> JsonObject:
    fee = {"flat_fee_usd": pick.choice([0, 2, Decimal("0.25")])} if model in ("graduated", "volume") else {}
    return {"up_to": bound, "unit_price_usd": pick.choice(PRICES), **fee}


def included(pick: random.Random, config: ConfigPlan) -> JsonObject:
    return {pool.pool_id: pick.choice([0, 3, Decimal("4.5"), 50]) for pool in config.pools if pick.random() < 0.4}

"""One definition, two renderings: the reference fold and the columns give the same bytes (spec 4.1).

More examples than the test run can afford: `python -m tests.simulation.test_parity 5000`.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings

from simulation.plan import ConfigPlan, Plan, PoolPlan, UnitPlan
from simulation.reference import simulate_reference
from tests.simulation.test_scenarios import SCENARIOS, load
from tests.simulation.worlds import World, columnar, worlds


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_both_renderings_give_the_same_bytes_for_any_row_order_copies_and_threads(world: World) -> None:
    parity(world)


def parity(world: World) -> None:
    expected = simulate_reference(world.plan, world.events).canonical
    assert columnar(world.plan, world.shuffled, threads=world.threads).canonical == expected


ALTERATIONS: dict[str, Callable[[ConfigPlan], ConfigPlan]] = {
    "a price by its last digit": lambda config: _with_unit(
        config,
        lambda unit: replace(unit, target_price_per_unit_usd=unit.target_price_per_unit_usd + Decimal("0.000001")),
    ),
    "an included quantity by one": lambda config: _with_pool(
        config, lambda pool: replace(pool, included_quantity=pool.included_quantity + 1)
    ),
    "an overage behavior": lambda config: _with_pool(config, lambda pool: replace(pool, overage_behavior="hard_stop")),
}


def _with_unit(config: ConfigPlan, changed: Callable[[UnitPlan], UnitPlan]) -> ConfigPlan:
    return replace(config, units=(changed(config.units[0]), *config.units[1:]))


def _with_pool(config: ConfigPlan, changed: Callable[[PoolPlan], PoolPlan]) -> ConfigPlan:
    return replace(config, pools=(changed(config.pools[0]), *config.pools[1:]))


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_the_comparison_notices_a_rendering_that_answers_a_slightly_different_question(alteration: str) -> None:
    path = next(path for path in SCENARIOS if path.stem == "lumina_sandbox_v1")
    plan, events, _ = load(path)
    altered: Plan = replace(plan, candidate=ALTERATIONS[alteration](plan.candidate))
    assert columnar(altered, events).canonical != simulate_reference(plan, events).canonical


def test_repeated_runs_on_two_threads_give_one_answer() -> None:
    plan, events, _ = load(next(path for path in SCENARIOS if path.stem == "exploration_expires_with_history"))
    assert len({columnar(plan, events, threads=2).canonical for _ in range(10)}) == 1


if __name__ == "__main__":
    thorough = settings(max_examples=int(sys.argv[1]), deadline=None, suppress_health_check=list(HealthCheck))
    thorough(given(worlds())(parity))()

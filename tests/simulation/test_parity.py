"""One definition, two renderings: the reference fold and the columns give the same bytes (spec 4.1)."""

from hypothesis import given

from simulation.reference import simulate_reference
from tests.simulation.worlds import World, columnar, worlds


@given(worlds())
def test_both_renderings_give_the_same_bytes(world: World) -> None:
    expected = simulate_reference(world.plan, world.events).canonical
    assert columnar(world.plan, world.shuffled, threads=1).canonical == expected
    assert columnar(world.plan, world.shuffled, threads=2).canonical == expected

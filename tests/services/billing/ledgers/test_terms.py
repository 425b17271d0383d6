"""Terms: allowances add up as the simulation draws them, and what a draft lacks is named by its rule."""

from decimal import Decimal

import pytest

from app.errors import Conflict
from simulation.canonical import JsonObject
from tests.services.billing.ledgers import examples
from tests.services.billing.ledgers.examples import EXPLORING, NO_EXPLORATION, TOKEN, document, pool, terms, unit


def refusal(*units: JsonObject, pools: list[JsonObject] | None = None) -> str:
    with pytest.raises(Conflict) as caught:
        terms(document(*units, pools=pools or [pool("core", "token")]))
    return caught.value.code


def test_the_allowance_of_a_unit_is_the_sum_of_its_pools() -> None:
    assert examples.sub_cent().units[0].included == Decimal(1050000)


def test_an_exploration_pool_gives_nothing_while_exploration_is_disabled() -> None:
    of_trial = terms(document(TOKEN, pools=examples.TOKEN_POOLS, exploration=NO_EXPLORATION)).units[0]
    assert of_trial.included == Decimal(1000000)
    assert [pool.counted for pool in of_trial.pools] == [True, False]


def test_an_allowance_of_many_digits_adds_up_exactly() -> None:
    pools = [pool(str(n), "token", "99999999999999.999999999999") for n in range(200)]
    assert terms(document(TOKEN, pools=pools)).units[0].included == Decimal("19999999999999999.9999999998")


def test_a_pool_of_a_unit_that_the_snapshot_lacks_is_named() -> None:
    assert refusal(TOKEN, pools=[pool("core", "ghost")]) == "pool_value_unit_unknown"


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({"event_type": None}, "unit_event_mapping_missing"),
        ({"aggregation": None}, "unit_event_mapping_missing"),
        ({"aggregation": {"type": "sum"}}, "unit_event_mapping_invalid"),
        ({"aggregation": {"type": "median", "field": "x"}}, "unit_event_mapping_invalid"),
        ({"filters": {"model": []}}, "unit_event_mapping_invalid"),
    ],
)
def test_a_unit_that_cannot_be_metered_is_refused_with_the_code_of_its_rule(mapping: JsonObject, code: str) -> None:
    assert refusal(unit("token", "1", **mapping)) == code


def test_a_unit_without_a_price_is_refused() -> None:
    assert refusal(unit("token", "1") | {"unit_economics": None}) == "unit_economics_missing"


def test_two_subjects_never_share_a_key() -> None:
    config = document(TOKEN, pools=[pool("core", "token")], exploration=EXPLORING)
    keys = set()
    for workspace, segment in (("a", "b.c"), ("a.b", "c"), ("a_b", "c")):
        subject = config["subject_resolution"] | {"workspace_id": workspace, "segment": segment}
        keys.add(terms(config | {"subject_resolution": subject}).subject_key)
    assert len(keys) == 3

"""A plan is written in one way whatever way it came, and one without a problem can be read and charged by."""

import random
from decimal import Decimal, localcontext

from hypothesis import given
from hypothesis import strategies as st

from rules.price_plan import normalised
from rules.price_plan_problems import problems
from simulation.canonical import Json, JsonObject
from simulation.numbers import EXACT
from simulation.price_plan import price_plan

AMOUNTS = st.one_of(st.integers(0, 10**6), st.decimals(0, 10**6, places=4))
UNITS = ("vu_a", "vu_b", "vu_c")
OVERAGES = tuple(map(Decimal, ("0", "0.5", "1", "99", "100", "101", "1000000")))


def stated(members: JsonObject) -> JsonObject:
    """The members that are not left out."""
    return {name: value for name, value in members.items() if value is not ...}


def maybe(values: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """One of the values, null, or left out."""
    return st.one_of(st.just(...), st.none(), values)


@st.composite
def unit_price(draw: st.DrawFn, unit_id: str) -> JsonObject:
    model = draw(st.sampled_from(("per_unit", "graduated", "volume", "package")))
    is_tiered = model in ("graduated", "volume")
    ends = sorted(draw(st.sets(st.integers(1, 1000), max_size=3))) if is_tiered else []
    tiers = [
        stated(
            {
                "up_to": end,
                "unit_price_usd": draw(AMOUNTS),
                "flat_fee_usd": draw(maybe(AMOUNTS if is_tiered else st.just(0))),
            }
        )
        for end in (*ends, None)
    ]
    size = {"package_size": draw(st.integers(1, 5000))} if model == "package" else {}
    return {"value_unit_id": unit_id, "model": model, "tiers": tiers, **size}


@st.composite
def contract(draw: st.DrawFn) -> JsonObject:
    units = draw(st.permutations(UNITS))[: draw(st.integers(0, len(UNITS)))]
    prepaid = st.fixed_dictionaries(
        {"amount_usd": AMOUNTS, "price_usd": AMOUNTS}, optional={"expires_after_days": st.integers(1, 3650)}
    )
    return stated(
        {
            "platform_fee_usd": draw(maybe(AMOUNTS)),
            "minimum_commit_usd": draw(maybe(AMOUNTS)),
            "true_up": draw(maybe(st.booleans())),
            "prepaid": draw(maybe(prepaid)),
            "unit_prices": [draw(unit_price(unit_id)) for unit_id in units],
        }
    )


@st.composite
def plans(draw: st.DrawFn) -> JsonObject:
    customers = draw(st.lists(st.sampled_from(("cust_1", "auth0|64fe", "Café")), unique=True))
    included = st.dictionaries(st.sampled_from(("core", "pro")), AMOUNTS)
    overrides = [
        {"customer_id": each, **draw(contract()), "included_quantity": draw(st.none() | included)} for each in customers
    ]
    policy = draw(maybe(st.sampled_from(("at_next_period", "prorate"))))
    return stated({**draw(contract()), "overrides": overrides, "change_policy": policy})


@given(plans())
def test_a_plan_that_is_written_in_the_one_way_stays_as_it_is(plan: JsonObject) -> None:
    once = normalised(plan)
    assert normalised(once) == once
    assert once is None or list(problems(once)) == []


@given(plans(), st.randoms(use_true_random=False))
def test_the_order_in_which_a_plan_came_says_nothing(plan: JsonObject, chance: random.Random) -> None:
    assert normalised(shuffled(plan, chance)) == normalised(plan)


def shuffled(contract: JsonObject, chance: random.Random) -> JsonObject:
    """The contract with its members and its lists in another order; the order of tiers says something."""
    members = {name: _shuffled(name, value, chance) for name, value in contract.items()}
    return dict(chance.sample(list(members.items()), len(members)))


def _shuffled(name: str, value: Json, chance: random.Random) -> Json:
    if name not in ("unit_prices", "overrides"):
        return value
    items = [shuffled(item, chance) if name == "overrides" else item for item in value]
    return chance.sample(items, len(items))


@given(plans())
def test_a_plan_without_a_problem_is_read_and_charges_any_overage(plan: JsonObject) -> None:
    assert list(problems(plan)) == []
    with localcontext(EXACT):
        read = price_plan(normalised(plan))
        for _, terms in read.contracts if read is not None else ():
            for price in terms.unit_prices.values():
                assert all(price.charge(overage) >= 0 for overage in OVERAGES)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.decimals(allow_nan=True, allow_infinity=True)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(plans(), st.data())
def test_whatever_is_put_in_a_plan_it_is_named_or_it_can_be_read(plan: JsonObject, data: st.DataObject) -> None:
    within, name = data.draw(st.sampled_from(list(places(plan))))
    within[name] = data.draw(JSON)
    if not list(problems(plan)):
        with localcontext(EXACT):
            price_plan(normalised(plan))


def places(value: Json) -> list[tuple[Json, str | int]]:
    """Every (object or list, member) within a plan, and a member that there is not."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    inner = [place for _, each in items if isinstance(each, dict | list) for place in places(each)]
    return [*((value, name) for name, _ in items), *([(value, "new")] if isinstance(value, dict) else []), *inner]

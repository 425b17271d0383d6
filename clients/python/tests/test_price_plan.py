"""Price plans through a client: whatever counts, and whoever asks, no bill goes beyond the cap that holds for it."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from avs_brain_client import BillLines, CounterStore, Malformed
from avs_brain_client.json_text import exact_json
from avs_brain_client.reading import parse
from brain import Brain
from conftest import Connect, SetClock
from documents import UNIT, document, pool, rails, unit

CAP = rails(monthly_spend_cap_usd=100, at_cap_action="block")
GRADUATED = [{"up_to": 10, "unit_price_usd": 1, "flat_fee_usd": 5}, {"up_to": None, "unit_price_usd": Decimal("0.5")}]
WHALE = {"customer_id": "whale", "platform_fee_usd": 0, "included_quantity": {"pool_core": 30}}
A_PERIOD = 30 * 86_400


def prices(model: str, tiers: Any, **more: Any) -> dict[str, Any]:
    return {"unit_prices": [{"value_unit_id": UNIT, "model": model, "tiers": tiers, **more}]}


PLAN = {
    "platform_fee_usd": 20,
    "prepaid": {"amount_usd": 30, "price_usd": 25, "expires_after_days": 30},
    **prices("graduated", GRADUATED),
    "overrides": [WHALE],
}


def planned(plan: Any, **more: Any) -> dict[str, Any]:
    return {**document(**{"rails": CAP, **more}), "rating_agility": {"price_plan": plan}}


def lines(fees: int, prepaid: int, overage: int, commit_true_up: int, credits_drawn: int) -> BillLines:
    return BillLines(*map(Decimal, (fees, prepaid, overage, commit_true_up, credits_drawn)))


def test_parallel_reservations_never_take_a_bill_beyond_the_cap(
    brain: Brain, connect: Connect, store: CounterStore
) -> None:
    brain.activate(planned(PLAN))
    client = connect(counters=store)
    client.refresh()

    def reserve(turn: int) -> int:
        customer = ("anybody", "whale")[turn % 2]
        reservation = client.reserve(customer, UNIT, 7)
        if not reservation.decision.allow:
            return 0
        client.commit(reservation)
        return 7

    with ThreadPoolExecutor(8) as pool_of_threads:
        taken = list(pool_of_threads.map(reserve, range(100)))
    for customer, first, allowed in (("anybody", 0, 154), ("whale", 1, 217)):
        # 10 included, 150 for 55 USD and 30 of credits; the whale has 30 included, 190 for 75 USD and 30 of credits
        assert sum(taken[first::2]) == allowed
        assert client.usage(customer).spend_usd <= 100
        assert client.check(customer, UNIT, 7).reason_code == "spend_cap"


def test_every_store_bills_alike_and_says_it_line_by_line(
    brain: Brain, connect: Connect, store: CounterStore, clock: SetClock
) -> None:
    brain.activate(planned({**PLAN, "minimum_commit_usd": 60}))
    client = connect(counters=store)
    client.refresh()
    assert client.usage("c").spend_usd == 0
    client.record("c", UNIT, 10)
    assert client.usage("c").bill == lines(20, 25, 0, 15, 0)
    clock.pass_seconds(A_PERIOD)
    client.record("c", UNIT, 10 + 110)
    assert client.usage("c").bill == lines(20, 25, 5, 10, 60)
    assert client.usage("c").spend_usd == 60


def test_who_has_used_nothing_is_told_by_their_own_contract(brain: Brain, connect: Connect) -> None:
    brain.activate(planned(PLAN))
    client = connect()
    client.refresh()
    asked = [client.check(name, UNIT).remaining for name in ("anybody", "whale", "somebody", "whale")]
    assert asked == [10, 30, 10, 30]


def test_a_reservation_counts_against_the_cap_with_the_fee(brain: Brain, connect: Connect) -> None:
    brain.activate(planned({"platform_fee_usd": 90}))
    client = connect()
    client.refresh()
    reservation = client.reserve("c", UNIT, 20)
    assert reservation.decision.allow
    assert not client.check("c", UNIT, 1).allow
    client.release(reservation)
    assert client.check("c", UNIT, 20).allow


UP_TO = {"up_to": 5, "unit_price_usd": 1}
OPEN = {"up_to": None, "unit_price_usd": 1}
REFUSED: dict[str, Any] = {
    "no object": [],
    "a fee that is a text": {"platform_fee_usd": "49"},
    "a negative commit": {"minimum_commit_usd": -1},
    "credits without a price": {"prepaid": {"amount_usd": 5}},
    "a policy of another kind": {"change_policy": "at_once"},
    "an unknown unit": {"unit_prices": [{"value_unit_id": "vu_x", "model": "volume", "tiers": [OPEN]}]},
    "an unknown pool": {"overrides": [{"customer_id": "c", "included_quantity": {"x": 1}}]},
    "a customer twice": {"overrides": [{"customer_id": "c"}, {"customer_id": "c"}]},
    "a unit twice": {
        "unit_prices": [*prices("volume", [OPEN])["unit_prices"], *prices("volume", [OPEN])["unit_prices"]]
    },
    "a model of another kind": prices("stairstep", [OPEN]),
    "no tiers": prices("volume", []),
    "tiers that end": prices("volume", [UP_TO]),
    "tiers that do not ascend": prices("graduated", [UP_TO, UP_TO, OPEN]),
    "a tier without end in the middle": prices("graduated", [OPEN, OPEN]),
    "one price in two tiers": prices("per_unit", [UP_TO, OPEN]),
    "a package without a size": prices("package", [OPEN]),
    "a size that is no whole number": prices("package", [OPEN], package_size=Decimal("1.5")),
    "a size of tiers": prices("volume", [OPEN], package_size=5),
    "finer prices than 10^-12": prices("volume", [{"up_to": None, "unit_price_usd": Decimal("1e-13")}]),
}


@pytest.mark.parametrize("plan", REFUSED.values(), ids=REFUSED.keys())
def test_a_plan_that_cannot_be_billed_is_refused_whole(plan: Any) -> None:
    with pytest.raises(Malformed):
        parse(exact_json(planned(plan)).encode())


def test_a_config_without_a_plan_bills_overage_alone(brain: Brain, connect: Connect) -> None:
    brain.activate(document(units=[unit(price=2)], pools=[pool(included=1)]))
    client = connect()
    client.refresh()
    client.record("c", UNIT, 3)
    statement = client.usage("c")
    assert (statement.spend_usd, statement.bill) == (Decimal(4), lines(0, 0, 4, 0, 0))

"""What holds for every sequence of calls: never more than allowed, duplicates change nothing, order does not matter."""

from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from avs_brain_client import Client, Reservation
from brain import Brain
from conftest import NOW, SetClock
from documents import SUBJECT, UNIT, document, pool, rails

BRAIN = Brain()
QUANTITIES = st.one_of(st.integers(0, 8), st.decimals("0", "5", places=3))
STEPS = st.lists(
    st.tuples(st.sampled_from(["reserve", "commit", "release", "lapse"]), QUANTITIES, st.integers(0, 5)), max_size=40
)


def client_with(clock: SetClock | None = None, **config: Any) -> Client:
    BRAIN.activate(document(**config))
    client = Client(BRAIN.url, **SUBJECT, mode="manual", clock=clock or SetClock())
    client.refresh()
    return client


CAPS: dict[str, tuple[int, dict[str, Any]]] = {
    "a hard stop": (10, {"pools": [pool(behavior="hard_stop")]}),
    "a blocking threshold": (9, {"rails": rails(usage_thresholds=[{"percent": 90, "action": "block"}])}),
    "a spend cap": (17, {"rails": rails(monthly_spend_cap_usd=7, at_cap_action="block")}),
    "an absolute cap": (4, {"rails": rails(absolute_usage_caps=[{"value_unit_id": UNIT, "max_quantity": 4}])}),
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(CAPS)), STEPS)
def test_reserved_work_never_uses_more_than_any_cap_allows(cap: str, steps: list[tuple[str, Any, int]]) -> None:
    """As long as nobody commits more than was reserved, in time."""
    most, config = CAPS[cap]
    clock = SetClock()
    with closing(client_with(clock, **config)) as client:
        open_reservations: list[Reservation] = []
        for what, quantity, which in steps:
            if what == "reserve":
                made = client.reserve("c", UNIT, quantity, seconds=60)
                open_reservations += [made] if made.decision.allow else []
            elif what == "lapse":
                clock.pass_seconds(61)
                open_reservations.clear()
            elif open_reservations:
                made = open_reservations.pop(which % len(open_reservations))
                if what == "release":
                    client.release(made)
                else:
                    client.commit(made, min(Decimal(quantity), Decimal(made.hold.quantity).scaleb(-12)))
            use = client.usage("c").units[UNIT]
            assert use.used + use.reserved <= most


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), QUANTITIES, st.integers(0, 100)), max_size=20), st.randoms())
def test_neither_order_nor_copies_of_records_matter(records: list[tuple[int, Any, int]], chance: Any) -> None:
    pools = [pool(rollover={"enabled": True, "expires_after_days": 60, "max_rollover_quantity": 12})]
    unique = {number: (quantity, days) for number, quantity, days in records}
    sent = list(unique.items())
    shuffled = sent + chance.sample(sent, len(sent) // 2)
    chance.shuffle(shuffled)
    assert books(pools, sent) == books(pools, shuffled)


def books(pools: list[Any], sent: list[tuple[int, tuple[Any, int]]]) -> Any:
    with closing(client_with(pools=pools)) as client:
        for number, (quantity, days) in sent:
            client.record("c", UNIT, quantity, event_id=f"evt_{number}", at=NOW + timedelta(days=days))
        return [client.usage("c", at=NOW + timedelta(days=30 * index)) for index in range(4)]


@settings(max_examples=100, deadline=None)
@given(st.lists(QUANTITIES, max_size=8), QUANTITIES, st.integers(0, 30))
def test_check_and_reserve_say_the_same(used: list[Any], quantity: Any, whole: int) -> None:
    thresholds = [{"percent": 50, "action": "warn"}, {"percent": 150, "action": "require_approval"}]
    limits = rails(usage_thresholds=thresholds, monthly_spend_cap_usd=4, at_cap_action="throttle")
    with closing(client_with(rails=limits)) as client:
        for amount in used:
            client.record("c", UNIT, amount)
        for asked in (quantity, whole):
            quick = client.check("c", UNIT, asked), client.check("c", UNIT, asked)
            made = client.reserve("c", UNIT, asked)
            client.release(made)
            assert {*quick, made.decision} == {made.decision}

"""What a client keeps between calls never shows: moved on by use or worked out anew, all is answered the same."""

from contextlib import closing
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from avs_brain_client import Client, MemoryCounters, Recorded, Reservation
from brain import Brain
from conftest import SetClock
from documents import EXPORT, SUBJECT, UNIT, document, pool, rails, unit

BRAIN = Brain()
UNITS = (UNIT, EXPORT)
DAY = 86_400
ACTIONS = st.sampled_from(["warn", "throttle", "block", "require_approval"])
POOLS = st.tuples(
    st.integers(0, 12),
    st.sampled_from(["allow_overage", "throttle", "hard_stop"]),
    st.sampled_from([{"enabled": False}, {"enabled": True, "max_rollover_quantity": 5, "expires_after_days": 60}]),
    st.booleans(),
)
THRESHOLDS = st.lists(
    st.tuples(st.sampled_from([25, 50, 100, 150]), ACTIONS, st.sampled_from(["pool", "unit", "customer"])),
    max_size=3,
    unique_by=lambda item: item[0],
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["check", "record", "record", "reserve", "commit", "release", "event", "approve", "wait"]),
        st.sampled_from(UNITS),
        st.one_of(st.integers(0, 6), st.decimals("0", "3", places=2)),
        st.integers(0, 9),
    ),
    max_size=40,
)
ANCHORS = st.sampled_from(
    [
        None,
        {"kind": "calendar_month", "time_zone": "Europe/Berlin"},
        {"kind": "customer_day", "time_zone": "America/Havana"},
    ]
)


def config(pools: list[Any], thresholds: list[Any], cap: int | None, anchor: Any) -> dict[str, Any]:
    """Two units with a pool each, perhaps one more to explore with, and every kind of rail."""
    listed = [
        pool(f"pool_{name}", included, behavior, value_unit_id=name, rollover=rollover)
        for name, (included, behavior, rollover, _) in zip(UNITS, pools, strict=True)
    ]
    listed += [
        pool(f"try_{name}", 3, value_unit_id=name, is_exploration_pool=True)
        for name, (*_, explores) in zip(UNITS, pools, strict=True)
        if explores
    ]
    return document(
        units=[unit(), unit(EXPORT, price=2, event_type="export", aggregation={"type": "count"})],
        pools=listed,
        exploration={
            "enabled": True,
            "qualifying_events": ["render"],
            "expires_after_days": 14,
            "graduation_signal": None,
        },
        rails=rails(
            usage_thresholds=[{"percent": percent, "action": action} for percent, action, _ in thresholds],
            monthly_spend_cap_usd=cap,
            at_cap_action=None if cap is None else "block",
        ),
        threshold_scopes=[{"percent": percent, "scope": scope} for percent, _, scope in thresholds],
        **({} if anchor is None else {"period_anchor": anchor}),
    )


class Told:
    """A client, led through steps; `forgets`: it keeps nothing from one call to the next."""

    def __init__(self, *, forgets: bool) -> None:
        self.clock, self.counters = SetClock(), MemoryCounters()
        self.client = Client(BRAIN.url, **SUBJECT, mode="manual", counters=self.counters, clock=self.clock)
        self.client.refresh()
        self._forgets, self._open = forgets, list[Reservation]()

    def step(self, what: str, name: str, quantity: Any, number: int) -> Any:
        if self._forgets:
            snapshots = self.counters.ledger("ws_1/production").snapshots
            snapshots.update({customer: account.with_() for customer, account in snapshots.items()})
            self.client._ledger.newcomer.standings.clear()
        return self._done(what, name, quantity, number)

    def _done(self, what: str, name: str, quantity: Any, number: int) -> Any:
        client = self.client
        if what == "check":
            return client.check("c", name, quantity)
        if what == "record":
            return told(client.record("c", name, quantity, event_id=f"e{number}" if number < 4 else None))
        if what == "event":
            return told(client.record_event({"event_type": "render", "customer_id": "c", "minutes": 2 - number}))
        if what == "approve":
            return client.approve("c", name, approved_by="somebody")
        if what == "wait":
            return self.clock.pass_seconds((30, 700, DAY, 20 * DAY)[number % 4])
        if what == "reserve":
            made = client.reserve("c", name, quantity)
            self._open += [made] if made.decision.allow else []
            return made.decision
        if not self._open:
            return None
        made = self._open[number % len(self._open)]
        return client.release(made) if what == "release" else told(client.commit(made, quantity))


def told(recorded: Recorded) -> Any:
    return recorded.duplicate, recorded.counted, [(firing.mark, firing.context) for firing in recorded.fired]


@settings(max_examples=80, deadline=None)
@given(st.lists(POOLS, min_size=2, max_size=2), THRESHOLDS, st.sampled_from([None, 0, 7]), ANCHORS, STEPS)
def test_a_client_that_keeps_what_it_worked_out_answers_like_one_that_forgets_it(
    pools: list[Any], thresholds: list[Any], cap: int | None, anchor: Any, steps: list[Any]
) -> None:
    BRAIN.activate(config(pools, thresholds, cap, anchor))
    keeping, forgetting = Told(forgets=False), Told(forgets=True)
    with closing(keeping.client), closing(forgetting.client):
        for number, step in enumerate(steps):
            assert (number, keeping.step(*step)) == (number, forgetting.step(*step))
            for name in UNITS:
                checked = [one.step("check", name, 1, 0) for one in (keeping, forgetting)]
                assert (number, checked[0]) == (number, checked[1])
        now = keeping.clock.wall
        accounts = [one.client._books.account("c").without_lapsed(now) for one in (keeping, forgetting)]
        used = [(account.used, account.began, account.fired, account.since_us) for account in accounts]
        assert used[0] == used[1]
        assert keeping.client.usage("c") == forgetting.client.usage("c")

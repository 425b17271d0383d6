"""Terms that start with the next period: who is in one finishes it by the terms under which it was begun.

The documents are made with AVS Brain's own function, which keeps the terms before in them.
"""

import importlib
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.canonical import canonical_bytes, parse_exact

from avs_brain_client import Client, CounterStore, Malformed
from avs_brain_client.clock import microseconds
from avs_brain_client.periods import FixedCalendar, PeriodSetting
from avs_brain_client.plan import compiled
from avs_brain_client.reading import parse
from brain import Brain
from conftest import NOW, Connect, SetClock
from documents import EXPORT, SUBJECT, UNIT, document, pool, rails, unit

running_terms: Callable[..., dict[str, Any]] = importlib.import_module(
    "app.services.decisions.runtime_config"
).running_terms
"""By its name, because type checkers take the client for older Pythons than AVS Brain."""
JANUARY, FEBRUARY = NOW, NOW + timedelta(days=20)
"""Two moments in periods that follow each other: one ends on January 31."""
CAP = rails(monthly_spend_cap_usd=500, at_cap_action="block")


def priced(version: str, price: Any, **more: Any) -> dict[str, Any]:
    """A config without allowance: every unit costs the price, up to 500 USD in a period."""
    return document(version, units=[unit(price=price)], pools=[pool(included=0)], **{"rails": CAP, **more})


def go_to(clock: SetClock, moment: datetime) -> None:
    """Let time pass until a moment."""
    microseconds_ahead = microseconds(moment) - clock.wall
    clock.wall += microseconds_ahead
    clock.monotonic += microseconds_ahead * 1000


def following(before: dict[str, Any], after: Mapping[str, Any], since: datetime = NOW) -> dict[str, Any]:
    """The second config as AVS Brain delivers it when its terms start with customers' next period."""
    terms = running_terms("next_period", before, since)
    made = {**after, "governance": {**after["governance"], **terms}}
    return dict(parse_exact(canonical_bytes(made)))


def test_a_price_that_rises_in_mid_period_leaves_what_was_used_at_its_price(
    brain: Brain, connect: Connect, clock: SetClock, store: CounterStore
) -> None:
    brain.activate(priced("cfg_1", 1))
    client = connect(counters=store)
    client.refresh()
    client.record("cust", UNIT, 400, event_id="a")
    brain.activate(following(priced("cfg_1", 1), priced("cfg_2", 2, sequence=2)))
    client.refresh()
    decision = client.check("cust", UNIT, 100)
    assert (client.usage("cust").spend_usd, decision.allow, decision.config_version_id) == (Decimal(400), True, "cfg_1")
    assert client.check("cust", UNIT, 101).reason_code == "spend_cap"
    go_to(clock, FEBRUARY)
    client.record("cust", UNIT, 200, event_id="b")
    assert (client.usage("cust").spend_usd, client.usage("cust", at=JANUARY).spend_usd) == (Decimal(400), Decimal(400))
    decision = client.check("cust", UNIT, 51)
    assert (decision.reason_code, decision.config_version_id) == ("spend_cap", "cfg_2")


def test_terms_that_start_at_once_rate_the_running_period_anew(brain: Brain, connect: Connect) -> None:
    brain.activate(priced("cfg_1", 1))
    client = connect()
    client.refresh()
    client.record("cust", UNIT, 400)
    brain.activate(priced("cfg_2", 2, sequence=2))
    client.refresh()
    assert (client.usage("cust").spend_usd, client.check("cust", UNIT).allow) == (Decimal(800), False)


def test_a_process_that_never_saw_the_version_before_goes_by_its_terms_too(
    brain: Brain, connect: Connect, tmp_path: Path, store: CounterStore
) -> None:
    """Nothing has to be remembered: the document brings the terms before it along."""
    brain.activate(following(priced("cfg_1", 1), priced("cfg_2", 2, sequence=2)))
    first = connect(counters=store, directory=tmp_path / "first")
    first.refresh()
    first.record("cust", UNIT, 400)
    other = connect(counters=store, directory=tmp_path / "other")
    other.refresh()
    assert (other.usage("cust").spend_usd, other.check("cust", UNIT, 100).allow) == (Decimal(400), True)


def test_terms_survive_a_restart_without_avs_brain(
    brain: Brain, connect: Connect, clock: SetClock, store: CounterStore
) -> None:
    brain.activate(following(priced("cfg_1", 1), priced("cfg_2", 2, sequence=2)))
    client = connect(counters=store, keys=brain.jwks)
    client.refresh()
    client.record("cust", UNIT, 400)
    client.close()
    brain.stop()
    restarted = connect(counters=store, keys=brain.jwks)
    assert restarted.usage("cust").spend_usd == 400
    assert restarted.check("cust", UNIT).config_version_id == "cfg_1"
    go_to(clock, FEBRUARY)
    assert restarted.check("cust", UNIT).config_version_id == "cfg_2"
    brain.start()


def test_the_border_of_the_period_belongs_to_the_terms_that_end_with_it(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    brain.activate(following(priced("cfg_1", 1), priced("cfg_2", 2, sequence=2)))
    client = connect()
    client.refresh()
    end = datetime(2026, 1, 31, tzinfo=timezone.utc)
    for moment, version in ((end, "cfg_1"), (end + timedelta(microseconds=1), "cfg_2")):
        go_to(clock, moment)
        assert client.check("cust", UNIT).config_version_id == version


def test_of_two_changes_within_one_period_the_last_one_follows_and_the_first_one_never_held(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    second = following(priced("cfg_1", 1), priced("cfg_2", 2, sequence=2))
    third = following(second, priced("cfg_3", 3, sequence=3), NOW + timedelta(days=1))
    brain.activate(third)
    client = connect()
    client.refresh()
    assert client.check("cust", UNIT).config_version_id == "cfg_1"
    go_to(clock, FEBRUARY)
    assert client.check("cust", UNIT).config_version_id == "cfg_3"


def test_a_version_that_begins_at_once_after_one_that_waits_holds_at_once(brain: Brain, connect: Connect) -> None:
    brain.activate(following(priced("cfg_1", 1), priced("cfg_2", 2, sequence=2)))
    client = connect()
    client.refresh()
    client.record("cust", UNIT, 100)
    brain.activate(priced("cfg_3", 3, sequence=3))
    client.refresh()
    assert (client.usage("cust").spend_usd, client.check("cust", UNIT).config_version_id) == (Decimal(300), "cfg_3")


def test_an_announced_version_takes_over_at_its_moment_and_still_lets_the_period_end(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    moment = NOW + timedelta(days=2)
    first = priced("cfg_1", 1)
    coming = following(first, priced("cfg_2", 2, sequence=2), moment)
    first["governance"]["delivery"]["next"] = {
        "effective_at": moment.isoformat(), "config_version_id": "cfg_2", "document": coming,
    }  # fmt: skip
    brain.activate(first)
    client = connect()
    client.refresh()
    clock.pass_seconds(3 * 86_400)
    assert (client.status.config_version_id, client.check("cust", UNIT).config_version_id) == ("cfg_2", "cfg_1")
    go_to(clock, FEBRUARY)
    assert client.check("cust", UNIT).config_version_id == "cfg_2"


def test_pools_rails_and_what_counts_wait_for_the_next_period_too(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    before = document("cfg_1", pools=[pool(included=10, behavior="hard_stop")])
    export = unit(EXPORT, event_type="export", aggregation={"type": "count"})
    exports = pool("pool_export", 5, value_unit_id=EXPORT)
    pools = [pool(included=4, behavior="hard_stop"), exports]
    after = document("cfg_2", units=[unit(), export], pools=pools, sequence=2)
    brain.activate(following(before, after))
    client = connect()
    client.refresh()
    client.record("cust", UNIT, 6)
    assert client.check("cust", UNIT, 4).allow
    assert client.check("cust", EXPORT).reason_code == "unit_not_in_config"
    assert client.record_event({"event_type": "export", "customer_id": "cust"}).counted == {}
    go_to(clock, FEBRUARY)
    assert not client.check("cust", UNIT, 5).allow
    assert client.record_event({"event_type": "export", "customer_id": "cust"}).counted == {EXPORT: 1}


def test_work_reserved_in_one_period_and_committed_in_the_next_is_billed_by_the_terms_of_its_own(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    brain.activate(following(priced("cfg_1", 1), priced("cfg_2", 2, sequence=2)))
    client = connect()
    client.refresh()
    reservation = client.reserve("cust", UNIT, 500, seconds=86_400 * 30)
    assert reservation.decision.allow
    go_to(clock, FEBRUARY)
    client.commit(reservation, 450)
    assert (client.usage("cust", at=JANUARY).spend_usd, client.usage("cust").spend_usd) == (Decimal(450), Decimal(0))


def test_what_is_reported_names_the_version_whose_terms_it_was(brain: Brain, connect: Connect, clock: SetClock) -> None:
    brain.activate(following(priced("cfg_1", 1), priced("cfg_2", 2, sequence=2)))
    client = connect()
    client.refresh()
    for moment in (JANUARY, FEBRUARY):
        go_to(clock, moment)
        client.record("cust", UNIT, 501)
        client.check("cust", UNIT)
    client.approve("cust", UNIT, approved_by="Kim")
    client.flush()
    reported = sorted((event["occurred_at"][:7], event["config_version_id"]) for event in brain.events.values())
    assert {version for month, version in reported if month == "2026-01"} == {"cfg_1"}
    assert {version for month, version in reported if month == "2026-02"} == {"cfg_2"}


def test_a_start_that_this_client_does_not_know_is_refused(brain: Brain, connect: Connect) -> None:
    unknown = following(priced("cfg_1", 1), priced("cfg_2", 2))
    unknown["governance"]["terms"]["start"] = "next_year"
    brain.activate(unknown)
    with pytest.raises(Malformed, match=r"governance\.terms\.start"):
        connect().refresh()


DAYS = st.integers(0, 150)
CHANGES = st.lists(st.tuples(DAYS, st.sampled_from(["at_once", "next_period"])), min_size=1, max_size=6)


@settings(max_examples=300, deadline=None)
@given(CHANGES, DAYS)
def test_whatever_was_decided_a_period_ends_by_the_terms_it_was_begun_under(
    changes: list[tuple[int, str]], today: int
) -> None:
    """Against a plain ledger that is told of each decision as it comes and writes down who holds in which period."""
    calendar, start = FixedCalendar(), datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    decided = sorted(changes)
    made = priced("cfg_0", 1)
    running, coming = "cfg_0", "cfg_0"
    period = calendar.number(microseconds(start))
    for number, (day, terms_start) in enumerate(decided, 1):
        moment = start + timedelta(days=day)
        if calendar.number(microseconds(moment)) > period:
            period, running = calendar.number(microseconds(moment)), coming
        coming = f"cfg_{number}"
        after = priced(coming, number)
        if terms_start == "at_once":
            made, running = after, coming
        else:
            made = following(made, after, moment)
    moment = start + timedelta(days=max(decided[-1][0], today))
    now = calendar.number(microseconds(moment))
    plan = compiled(parse(canonical_bytes(made)), PeriodSetting())
    assert plan.in_period(calendar, now).config_version_id == (running if now == period else coming)


def test_a_client_bills_each_period_by_its_terms_whatever_the_order_of_use(tmp_path: Path) -> None:
    brain = Brain()
    clock = SetClock(FEBRUARY)
    brain.activate(following(priced("cfg_1", Decimal("0.5")), priced("cfg_2", 2)))
    with closing(Client(brain.url, **SUBJECT, mode="manual", clock=clock, directory=tmp_path)) as client:
        client.refresh()
        for moment in (FEBRUARY, JANUARY, FEBRUARY):
            client.record("cust", UNIT, 10, at=moment)
        assert client.usage("cust", at=JANUARY).spend_usd == 5
        assert client.usage("cust").spend_usd == 40
    brain.stop()

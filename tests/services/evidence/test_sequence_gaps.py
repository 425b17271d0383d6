"""Gaps in what clients numbered: counted from what is stored, so late events close them in any order."""

from datetime import datetime, timedelta
from random import Random

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.models.base import AnySession
from app.models.enforcement import EnforcementEvent, EnforcementRepeat
from app.models.transactions import write
from app.services.evidence.events import accept
from app.services.evidence.sequence_gaps import ClientNumbers, clients_of, ranges_text, reporters
from simulation.canonical import Json, JsonObject
from tests import factories as f


@pytest.fixture
def live(session: AnySession) -> AnySession:
    """cfg_1 and cfg_2 are active in ws_1."""
    with write(session):
        f.foundation(session)
        f.active(session)
        f.active(session, "cfg_2", segment="enterprise")
    return session


def event(client_id: str | None, sequence: int | None, identifier: str | None = None, **changes: Json) -> JsonObject:
    number = {} if client_id is None else {"client_id": client_id, "sequence": sequence}
    return {
        "enforcement_event_id": identifier or f"enf_{client_id}_{sequence}",
        "workspace_id": "ws_1",
        "customer_id": "cust_1",
        "config_version_id": "cfg_1",
        "occurred_at": f.NOW,
        "event_type": "rail_warning_shown",
        **number,
        **changes,
    }


def take(session: AnySession, *events: JsonObject, now: datetime = f.NOW) -> list[str]:
    with write(session):
        return [result.status for result in accept(session, events, actor=f.OPERATOR, now=now)]


def one(session: AnySession) -> ClientNumbers:
    (client,) = clients_of(session, "ws_1")
    return client


def test_numbers_that_all_came_leave_no_gap(live: AnySession) -> None:
    take(live, *(event("cli_1", number) for number in (1, 2, 3)))
    client = one(live)
    assert (client.client_id, client.highest_sequence, client.received, client.missing) == ("cli_1", 3, 3, 0)
    assert (client.missing_ranges, client.reused, client.last_received_at) == ((), 0, f.NOW)


def test_missing_numbers_are_counted_from_1_and_the_first_ranges_are_named(live: AnySession) -> None:
    take(live, *(event("cli_1", number) for number in (3, 4, 9, 20, 22, 24, 26, 28)))
    client = one(live)
    assert (client.highest_sequence, client.received, client.missing) == (28, 8, 20)
    assert client.missing_ranges == ((1, 2), (5, 8), (10, 19), (21, 21), (23, 23))
    assert ranges_text(client.missing_ranges) == "1 to 2, 5 to 8, 10 to 19, 21, 23"


def test_a_gap_closes_when_the_late_event_arrives(live: AnySession) -> None:
    take(live, event("cli_1", 1), event("cli_1", 3))
    assert one(live).missing_ranges == ((2, 2),)
    take(live, event("cli_1", 2), now=f.NOW + timedelta(hours=5))
    assert (one(live).missing, one(live).last_received_at) == (0, f.NOW + timedelta(hours=5))


def test_an_event_that_is_sent_again_counts_once(live: AnySession) -> None:
    assert take(live, event("cli_1", 1)) == ["accepted"]
    assert take(live, event("cli_1", 1)) == ["duplicate"]
    assert (one(live).received, one(live).reused) == (1, 0)
    assert live.scalar(sa.select(sa.func.count()).select_from(EnforcementRepeat)) == 0


def test_what_two_queues_report_is_one_event_and_no_gap_of_either(live: AnySession) -> None:
    assert take(live, event("cli_1", 1, "enf_same")) == ["accepted"]
    again = event("cli_2", 1, "enf_same"), event("cli_2", 2)
    assert take(live, *again) == ["duplicate", "accepted"]
    assert take(live, *again) == ["duplicate", "duplicate"]
    found = clients_of(live, "ws_1")
    assert [(client.client_id, client.received, client.missing) for client in found] == [
        ("cli_1", 1, 0),
        ("cli_2", 2, 0),
    ]
    assert (live.get_one(EnforcementEvent, "enf_same").client_id) == "cli_1"


def test_one_batch_may_hold_the_same_event_under_two_numbers(live: AnySession) -> None:
    assert take(live, event("cli_1", 1, "enf_same"), event("cli_1", 2, "enf_same")) == ["accepted", "duplicate"]
    assert (one(live).highest_sequence, one(live).received, one(live).missing) == (2, 2, 0)


def test_two_events_under_one_number_are_both_kept_and_the_number_is_called_reused(live: AnySession) -> None:
    """A copied folder makes two queues with one client_id: what they report is evidence all the same."""
    assert take(live, event("cli_1", 1), event("cli_1", 2), event("cli_1", 2, "enf_other")) == ["accepted"] * 3
    client = one(live)
    assert (client.received, client.missing, client.reused) == (2, 0, 1)


def test_events_without_numbers_are_no_client_but_are_counted(live: AnySession) -> None:
    take(live, event(None, None, "enf_a"), event("cli_1", 1))
    found = reporters(live, "ws_1", "cfg_1")
    assert (found.clients, found.unnumbered_events, found.missing) == (1, 1, 0)


def test_a_config_shows_the_clients_that_reported_about_it_with_all_their_numbers(live: AnySession) -> None:
    take(live, event("cli_1", 1), event("cli_1", 3, config_version_id="cfg_2"), event("cli_2", 1))
    assert [client.client_id for client in reporters(live, "ws_1", "cfg_1").listed] == ["cli_1", "cli_2"]
    found = reporters(live, "ws_1", "cfg_2")
    assert [(client.client_id, client.missing_ranges) for client in found.listed] == [("cli_1", ((2, 2),))]


def test_a_rejected_event_leaves_its_number_missing(live: AnySession) -> None:
    take(live, event("cli_1", 1, config_version_id="cfg_none"), event("cli_1", 2))
    assert one(live).missing_ranges == ((1, 1),)


def test_clients_of_another_workspace_are_not_seen(live: AnySession) -> None:
    take(live, event("cli_1", 1))
    assert clients_of(live, "ws_other") == ()


@pytest.mark.own_database  # its listener stays on the engine
def test_ten_thousand_numbers_are_read_in_two_statements(live: AnySession) -> None:
    for start in range(0, 10_000, 1_000):
        take(live, *(event("cli_1", number + 1) for number in range(start, start + 1_000) if number % 100 != 50))
    statements = []
    sa.event.listen(live.get_bind(), "before_cursor_execute", lambda *call: statements.append(call[2]))
    client = one(live)
    assert (client.missing, client.missing_ranges[0], len(client.missing_ranges)) == (100, (51, 51), 5)
    assert len([statement for statement in statements if statement != "BEGIN"]) == 2


def expected(numbers: list[int]) -> tuple[int, int, list[int]]:
    """Highest, received and the missing numbers, by the definition."""
    highest = max(numbers, default=0)
    return highest, len(set(numbers)), sorted(set(range(1, highest + 1)) - set(numbers))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sent=st.dictionaries(
        st.sampled_from(["cli_1", "cli_2"]), st.lists(st.integers(1, 40), min_size=1, max_size=20), min_size=1
    ),
    shuffle=st.randoms(use_true_random=False),
)
def test_gaps_are_the_same_in_whatever_order_and_batches_events_come(
    live: AnySession, sent: dict[str, list[int]], shuffle: Random
) -> None:
    with write(live):
        live.execute(sa.delete(EnforcementRepeat))
        live.execute(sa.delete(EnforcementEvent))
    events = [event(client_id, number) for client_id, numbers in sent.items() for number in numbers]
    shuffle.shuffle(events)
    while events:
        size = shuffle.randint(1, len(events))
        take(live, *events[:size])
        events = events[size:]
    for client in clients_of(live, "ws_1"):
        highest, received, missing = expected(sent[client.client_id])
        assert (client.highest_sequence, client.received, client.missing) == (highest, received, len(missing))
        named = [number for first, last in client.missing_ranges for number in range(first, last + 1)]
        assert named == missing[: len(named)]
        assert bool(named) == bool(missing)

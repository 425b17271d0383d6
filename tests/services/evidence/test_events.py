"""Enforcement events are taken in once each, whatever else is in the batch and whoever sends at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import FieldError
from app.models.base import AnySession, db
from app.models.enforcement import EnforcementEvent
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services.evidence.events import Result, accept, recorded
from simulation.canonical import Json, JsonObject
from tests import factories as f


@pytest.fixture
def live(session: AnySession) -> AnySession:
    """cfg_1 is active in ws_1; ws_2 exists and has nothing."""
    with write(session):
        f.foundation(session)
        f.workspace(session, "ws_2")
        f.active(session)
    return session


def event(identifier: str | None = None, **changes: Json) -> JsonObject:
    given = {
        "workspace_id": "ws_1",
        "customer_id": "cust_1",
        "config_version_id": "cfg_1",
        "occurred_at": f.NOW,
        "event_type": "rail_warning_shown",
        "context": {"percent": 70},
    }
    return given | ({"enforcement_event_id": identifier} if identifier else {}) | changes


def take(session: AnySession, *events: JsonObject | Result) -> list[str]:
    with write(session):
        return [result.status for result in accept(session, events, actor=f.OPERATOR, now=f.NOW)]


def stored(session: AnySession) -> list[str]:
    return list(
        session.scalars(
            sa.select(EnforcementEvent.enforcement_event_id).order_by(EnforcementEvent.enforcement_event_id)
        )
    )


def test_an_event_is_kept_as_it_was_sent(live: AnySession) -> None:
    assert take(live, event("enf_1")) == ["accepted"]
    row = live.get_one(EnforcementEvent, "enf_1")
    assert (row.customer_id, row.event_type, row.occurred_at) == ("cust_1", "rail_warning_shown", f.NOW)
    assert (row.context, row.received_at) == ({"percent": 70}, f.NOW)


def test_an_event_without_an_id_gets_one(live: AnySession) -> None:
    assert take(live, event(), event()) == ["accepted", "accepted"]
    assert all(identifier.startswith("enf_") for identifier in stored(live))


def test_the_same_id_twice_is_accepted_once_across_requests(live: AnySession) -> None:
    assert take(live, event("enf_1")) == ["accepted"]
    assert take(live, event("enf_1", customer_id="cust_2")) == ["duplicate"]
    assert live.get_one(EnforcementEvent, "enf_1").customer_id == "cust_1"


def test_of_the_same_id_twice_in_one_batch_the_first_counts(live: AnySession) -> None:
    assert take(live, event("enf_1"), event("enf_2"), event("enf_1", customer_id="cust_2")) == [
        "accepted",
        "accepted",
        "duplicate",
    ]
    assert live.get_one(EnforcementEvent, "enf_1").customer_id == "cust_1"


@pytest.mark.parametrize("change", [{"workspace_id": "ws_2"}, {"config_version_id": "cfg_none"}])
def test_a_config_that_the_workspace_does_not_have_rejects_only_its_event(
    live: AnySession, change: dict[str, str]
) -> None:
    with write(live):
        results = accept(live, [event("enf_1", **change), event("enf_2")], actor=f.OPERATOR, now=f.NOW)
    assert [result.status for result in results] == ["rejected", "accepted"]
    assert results[0].errors[0].pointer == "/config_version_id"
    assert stored(live) == ["enf_2"]


def test_a_rejected_event_does_not_use_up_its_id(live: AnySession) -> None:
    assert take(live, event("enf_1", workspace_id="ws_2"), event("enf_1")) == ["rejected", "accepted"]


def test_what_was_rejected_before_stays_rejected_in_its_place(live: AnySession) -> None:
    unreadable = Result("rejected", None, (FieldError("/event_type", "Must be one of: …"),))
    assert take(live, unreadable, event("enf_1")) == ["rejected", "accepted"]


def test_an_empty_batch_is_no_work(live: AnySession) -> None:
    assert take(live) == []


@pytest.mark.own_database  # its listener stays on the engine
def test_a_full_batch_is_one_insert(live: AnySession) -> None:
    statements = []
    sa.event.listen(
        live.get_bind(), "before_cursor_execute", lambda _c, _cursor, statement, *_: statements.append(statement)
    )
    assert take(live, *(event(f"enf_{number:04}") for number in range(1_000))) == ["accepted"] * 1_000
    assert sum("INTO enforcement_events" in statement for statement in statements) == 1


def test_each_batch_is_one_product_event_per_config(live: AnySession) -> None:
    take(live, event("enf_1"), event("enf_2"), event("enf_2"))
    rows = live.scalars(sa.select(ProductEvent).filter_by(event_name="enforcement_events_recorded")).all()
    assert [(row.entity_id, row.detail) for row in rows] == [("cfg_1", {"accepted": 2})]


def test_batches_with_the_same_ids_in_opposite_order_do_not_block_each_other(app: Flask, live: AnySession) -> None:
    """Each of eight threads sends the same 500 events, half of them backwards: every event is accepted once."""
    batch = [event(f"enf_{number:03}") for number in range(500)]
    gate = threading.Barrier(8)

    def send(number: int) -> list[str]:
        with app.app_context():
            gate.wait()
            return take(db.session, *(batch if number % 2 else reversed(batch)))

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for answer in pool.map(send, range(8)) for status in answer]
    assert (statuses.count("accepted"), statuses.count("duplicate")) == (500, 3500)
    assert len(stored(live)) == 500


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"enf_1", "enf_2", "enf_3"}),
        ({"config_version_id": "cfg_1", "customer_id": "cust_2"}, {"enf_2"}),
        ({"event_type": "hard_cap_blocked"}, {"enf_3"}),
        ({"since": f.NOW + timedelta(hours=1)}, {"enf_2", "enf_3"}),
        ({"until": f.NOW + timedelta(hours=1)}, {"enf_1"}),
        ({"workspace_id": "ws_2"}, set()),
    ],
)
def test_events_are_found_by_what_they_say(
    live: AnySession, filters: dict[str, str | datetime], expected: set[str]
) -> None:
    take(
        live,
        event("enf_1"),
        event("enf_2", customer_id="cust_2", occurred_at=f.NOW + timedelta(hours=1)),
        event("enf_3", event_type="hard_cap_blocked", occurred_at=f.NOW + timedelta(hours=2)),
    )
    assert {row.enforcement_event_id for row in live.scalars(recorded(filters))} == expected

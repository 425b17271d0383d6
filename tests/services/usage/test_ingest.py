"""Events over HTTP are judged by what their own workspace reads now, whatever this process remembers."""

import orjson
import pytest
from flask import Flask

from app.actor import Actor
from app.extensions import usage_events
from app.models.base import db
from app.models.catalog import EventCatalog
from app.models.transactions import write
from app.services.catalogs.keeping import keep, remove
from app.services.catalogs.kinds import CUSTOMERS, EVENTS, SEGMENTS
from app.services.usage.ingest import Body, PolicyCache, ingest
from app.services.usage.store import Receipt
from simulation.canonical import Json
from tests import factories as f
from tests.services.usage.conftest import stored

CHAT = {"chat_sent": {"event_type": "chat_sent", "dimensions": ["model"]}}


@pytest.fixture
def cache(app: Flask) -> PolicyCache:
    """What one process remembers, on two workspaces that share the demo's words."""
    with write(db.session):
        f.catalogs(db.session)
        f.workspace(db.session)
        f.workspace(db.session, "ws_2")
    return PolicyCache()


def event(number: int, workspace_id: Json = "ws_1", **fields: Json) -> dict[str, Json]:
    return {
        "event_id": f"e_{number}",
        "ts": "2026-01-02T10:00:00Z",
        "event_type": "chat_sent",
        "workspace_id": workspace_id,
        "customer_id": "acme",
        "segment": f.SEGMENT,
        "model": "large",
    } | fields


def sent(cache: PolicyCache, *events: Json) -> Receipt:
    body = Body(orjson.dumps(events), "application/json")
    receipt = ingest(db.session, usage_events().store, cache, body, actor=f.OPERATOR, now=f.NOW)
    db.session.rollback()
    return receipt


def reasons(receipt: Receipt) -> list[str]:
    return [reject.reason for reject in receipt.rejects]


def test_a_workspaces_words_are_taken_from_it_and_from_no_other(cache: PolicyCache) -> None:
    with write(db.session):
        keep(db.session, EVENTS, "ws_1", CHAT)
    receipt = sent(cache, event(1), event(2, "ws_2"), event(3))
    assert (receipt.accepted, receipt.rejected) == (2, 1)
    assert [(reject.row, reject.field) for reject in receipt.rejects] == [(2, "model")]


def test_an_entry_that_is_deleted_is_refused_at_once_by_every_process(cache: PolicyCache) -> None:
    with write(db.session):
        keep(db.session, EVENTS, "ws_1", CHAT)
    assert sent(cache, event(1)).accepted == 1
    with write(db.session):
        remove(db.session, EVENTS, "ws_1", "chat_sent", events=0, actor=Actor("test"), now=f.NOW)
    assert sent(cache, event(2)).accepted == 0


def test_a_customer_who_moves_takes_the_new_segment_at_once(cache: PolicyCache) -> None:
    def moves_to(segment: str) -> None:
        with write(db.session):
            keep(db.session, CUSTOMERS, "ws_1", {"acme": {"customer_id": "acme", "segment": segment}})

    with write(db.session):
        keep(db.session, EVENTS, "ws_1", CHAT)
    moves_to(f.SEGMENT)
    assert sent(cache, event(1, segment=None)).accepted == 1
    moves_to("enterprise")
    assert sent(cache, event(2, segment=None)).accepted == 1
    assert [row["segment"] for row in stored(usage_events().store)] == [f.SEGMENT, "enterprise"]


def test_what_is_added_is_taken_at_once_shared_or_own(cache: PolicyCache) -> None:
    assert sent(cache, event(1)).accepted == 0
    with write(db.session):
        db.session.add(EventCatalog(event_type="chat_sent", dimensions=["model"]))  # as a seed does
    assert sent(cache, event(1), event(2, "ws_2")).accepted == 2


def test_an_unknown_segment_is_refused_with_the_fix(cache: PolicyCache) -> None:
    with write(db.session):
        keep(db.session, EVENTS, "ws_1", CHAT)
    receipt = sent(cache, event(1, segment="smbb"), event(2))
    assert (receipt.accepted, receipt.rejected) == (1, 1)
    assert reasons(receipt) == ["segment 'smbb' is not in the catalog: correct it, or add it to the segments"]
    with write(db.session):
        keep(db.session, SEGMENTS, "ws_1", {"smbb": {"segment_id": "smbb"}})
    assert sent(cache, event(1, segment="smbb")).accepted == 1


def test_a_segment_of_another_workspace_is_unknown(cache: PolicyCache) -> None:
    with write(db.session):
        keep(db.session, EVENTS, "ws_1", CHAT)
        keep(db.session, SEGMENTS, "ws_2", {"pro": {"segment_id": "pro"}})
    assert sent(cache, event(1, segment="pro")).rejected == 1


@pytest.mark.parametrize(
    ("workspace_id", "reason"),
    [
        ("ws_9", "workspace_id 'ws_9' does not exist"),
        (None, "workspace_id is missing"),
        ("", "workspace_id is missing"),
        (7, "workspace_id must be a string"),
        ("ws_1\x00", "workspace_id has control or direction characters"),
    ],
)
def test_an_event_of_no_workspace_is_refused_for_that_and_the_others_are_taken(
    cache: PolicyCache, workspace_id: Json, reason: str
) -> None:
    with write(db.session):
        keep(db.session, EVENTS, "ws_1", CHAT)
    receipt = sent(cache, event(1), event(2, workspace_id), event(3))
    assert receipt.accepted == 2
    assert [(reject.row, reject.reason) for reject in receipt.rejects] == [(2, reason)]


def test_two_workspaces_may_call_a_dimension_so_and_so(cache: PolicyCache) -> None:
    with write(db.session):
        keep(db.session, EVENTS, "ws_1", {"x": {"event_type": "x", "dimensions": ["Model"]}})
        keep(db.session, EVENTS, "ws_2", {"x": {"event_type": "x", "dimensions": ["model"]}})
    plain = {name: value for name, value in event(0, event_type="x").items() if name != "model"}
    receipt = sent(
        cache,
        plain | {"event_id": "a", "Model": "large"},
        plain | {"event_id": "b", "workspace_id": "ws_2", "model": "large"},
    )
    assert receipt.accepted == 2

"""What was only viewed is gathered, written together, waits for a database that is in trouble, and is forgotten."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.actor import Actor
from app.models.base import AnySession, db
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services import viewing
from app.services.product_events import PRODUCT_EVENTS, log_event
from app.services.viewing import VIEWS, Viewing

NOW = datetime(2026, 3, 1, tzinfo=UTC)
THERESA = Actor("Theresa")


@pytest.fixture
def views(app: Flask) -> Viewing:
    return Viewing(db.engine, lambda: NOW, timedelta(days=90))


def view(views: Viewing, number: int) -> None:
    moment = NOW + timedelta(seconds=number)
    views.gather("review_viewed", actor=THERESA, now=moment, workspace_id="ws_1", entity_id=f"cfg_{number}", run="r")


def viewed(session: AnySession) -> list[tuple[str | None, str]]:
    session.rollback()
    rows = session.scalars(sa.select(ProductEvent).order_by(ProductEvent.occurred_at))
    return [(row.entity_id, row.actor) for row in rows]


def test_views_are_product_events() -> None:
    assert set(VIEWS) <= set(PRODUCT_EVENTS)


def test_views_are_written_together_with_the_moment_of_each(views: Viewing, session: AnySession) -> None:
    for number in range(3):
        view(views, number)
    assert viewed(session) == []
    assert views.write() == 3
    assert viewed(session) == [(f"cfg_{number}", "Theresa") for number in range(3)]
    assert views.write() == 0


def test_views_wait_while_nothing_can_be_written_and_the_oldest_are_left_out(
    views: Viewing, session: AnySession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(viewing, "MAX_GATHERED", 5)

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    view(views, 0)
    with monkeypatch.context() as trouble:
        trouble.setattr(viewing, "log_event", full)
        with pytest.raises(OSError, match="No space"):
            views.write()
    for number in range(1, 8):
        view(views, number)
    with caplog.at_level(logging.WARNING):
        assert views.write() == 5
    assert [entity_id for entity_id, _ in viewed(session)] == [f"cfg_{number}" for number in range(3, 8)]
    assert [record.getMessage() for record in caplog.records] == [
        "3 views were left out while the control database took no writes."
    ]


def test_old_views_are_forgotten_and_writes_stay(
    views: Viewing, session: AnySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing, "FORGOTTEN_AT_ONCE", 2)
    with write(session):
        for name, days in (("review_viewed", 91), ("decision_log_viewed", 92), ("decision_log_filtered", 93)):
            moment = NOW - timedelta(days=days)
            log_event(session, name, actor=THERESA, now=moment, workspace_id="ws_1", entity_id="old")
        log_event(session, "review_viewed", actor=THERESA, now=NOW, workspace_id="ws_1", entity_id="new")
        moment = NOW - timedelta(days=900)
        log_event(session, "config_approved", actor=THERESA, now=moment, workspace_id="ws_1", entity_id="cfg_1")
    assert views.forget() == 3
    assert viewed(session) == [("cfg_1", "Theresa"), ("new", "Theresa")]

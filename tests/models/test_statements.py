"""Statements past the unit of work: all at once, and what the session knows stays true."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.models.base import AnySession
from app.models.cycle import CycleDraftContext
from app.models.product_event import ProductEvent
from app.models.statements import Writes
from app.models.workspace import Workspace

NOW = datetime(2026, 1, 15, tzinfo=UTC)
CONTEXT = {"documents": [], "skipped": True, "extracted_cards": [], "open_questions": [], "created_at": NOW}
IN_THE_DATABASE = sa.select(Workspace.__table__.c.workspace_name, Workspace.__table__.c.data_mode)


def workspace(**changes: object) -> dict[str, object]:
    columns = {"workspace_id": "ws_1", "workspace_name": "One", "operator_role": "founder", "created_at": NOW}
    return columns | {"data_mode": "mocked", "catalog_revision": 0, "is_demo": False} | changes


def insert(session: AnySession, row: dict[str, object]) -> None:
    writes = Writes(session)
    writes.insert(Workspace, row)
    writes.run()


def update(session: AnySession, key: str, **values: object) -> None:
    writes = Writes(session)
    writes.update(Workspace, key, **values)
    writes.run()


def test_an_inserted_row_is_in_the_database_at_once(session: AnySession) -> None:
    insert(session, workspace())
    assert session.connection().execute(IN_THE_DATABASE).tuples().all() == [("One", "mocked")]
    assert session.get_one(Workspace, "ws_1").created_at == NOW


def test_an_update_reaches_the_database_and_the_row_that_the_session_holds(session: AnySession) -> None:
    insert(session, workspace())
    insert(session, workspace(workspace_id="ws_2"))
    row = session.get_one(Workspace, "ws_1")
    update(session, "ws_1", workspace_name="Two", data_mode="csv_upload")
    assert (row.workspace_name, row.data_mode) == ("Two", "csv_upload")
    assert sorted(session.connection().execute(IN_THE_DATABASE).tuples()) == [("One", "mocked"), ("Two", "csv_upload")]
    assert not session.dirty


def test_an_update_of_a_row_that_the_session_does_not_hold_reads_nothing(session: AnySession) -> None:
    insert(session, workspace())
    update(session, "ws_1", workspace_name="Two")
    assert not list(session)
    assert session.get_one(Workspace, "ws_1").workspace_name == "Two"


def test_the_database_still_refuses_what_it_must(session: AnySession) -> None:
    insert(session, workspace())
    with pytest.raises(IntegrityError):
        insert(session, workspace())
    session.rollback()
    with pytest.raises(IntegrityError):
        insert(session, workspace(data_mode="guessed"))


def test_a_rollback_takes_both_back(session: AnySession) -> None:
    session.commit()
    insert(session, workspace())
    update(session, "ws_1", workspace_name="Two")
    session.rollback()
    assert session.execute(IN_THE_DATABASE).all() == []


def test_nothing_is_written_before_it_is_run_and_nothing_twice(session: AnySession) -> None:
    writes = Writes(session)
    writes.insert(Workspace, workspace())
    assert session.connection().execute(IN_THE_DATABASE).all() == []
    writes.run()
    writes.run()
    assert session.connection().execute(IN_THE_DATABASE).tuples().all() == [("One", "mocked")]


def test_writes_of_several_tables_run_together_also_where_one_refers_to_another(session: AnySession) -> None:
    insert(session, workspace(workspace_id="ws_0"))
    event = {"product_event_id": "pe_1", "event_name": "x", "actor": "a", "detail": {"n": 1}, "occurred_at": NOW}
    context = CONTEXT | {"cycle_draft_context_id": "ctx_1", "workspace_id": "ws_1"}
    writes = Writes(session)
    writes.insert(Workspace, workspace())
    writes.insert(CycleDraftContext, context | {"cycle_id": None, "pasted_text": None})
    writes.insert(ProductEvent, event | {"workspace_id": None, "entity_id": None})
    writes.update(Workspace, "ws_0", workspace_name="Zero")
    writes.run()
    assert session.get_one(CycleDraftContext, "ctx_1").workspace_id == "ws_1"
    assert session.get_one(ProductEvent, "pe_1").detail == {"n": 1}
    assert sorted(session.connection().execute(IN_THE_DATABASE).tuples()) == [("One", "mocked"), ("Zero", "mocked")]


def test_of_writes_that_run_together_one_that_is_refused_takes_all_back(session: AnySession) -> None:
    insert(session, workspace())
    session.commit()
    writes = Writes(session)
    context = CONTEXT | {"cycle_draft_context_id": "ctx_1", "workspace_id": "ws_1"}
    writes.insert(CycleDraftContext, context | {"cycle_id": None, "pasted_text": None})
    writes.insert(Workspace, workspace(workspace_id="ws_3", data_mode="guessed"))
    with pytest.raises(IntegrityError):
        writes.run()
    session.rollback()
    assert len(session.connection().execute(IN_THE_DATABASE).all()) == 1
    assert session.get(CycleDraftContext, "ctx_1") is None


def test_two_writes_of_one_table_are_not_mixed_up(session: AnySession) -> None:
    insert(session, workspace())
    insert(session, workspace(workspace_id="ws_2"))
    writes = Writes(session)
    writes.update(Workspace, "ws_1", workspace_name="Eins")
    with pytest.raises(ValueError, match="workspaces is written twice at once"):
        writes.update(Workspace, "ws_2", workspace_name="Zwei")
    writes.run()
    writes.update(Workspace, "ws_2", workspace_name="Zwei")
    writes.run()
    names = session.connection().execute(IN_THE_DATABASE).tuples()
    assert sorted(names) == [("Eins", "mocked"), ("Zwei", "mocked")]

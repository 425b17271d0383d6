"""Statements past the unit of work: at once, and what the session knows stays true."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.models.cycle import CycleDraftContext
from app.models.product_event import ProductEvent
from app.models.statements import Writes
from app.models.workspace import Workspace

NOW = datetime(2026, 1, 15, tzinfo=UTC)
CONTEXT = {"documents": [], "skipped": True, "extracted_cards": [], "open_questions": [], "created_at": NOW}
IN_THE_DATABASE = sa.select(Workspace.__table__.c.workspace_name, Workspace.__table__.c.data_mode)


def workspace(**changes):
    columns = {"workspace_id": "ws_1", "workspace_name": "One", "operator_role": "founder", "created_at": NOW}
    return Workspace(**columns | {"data_mode": "mocked"} | changes)


def insert(session, row):
    writes = Writes(session)
    writes.insert(row)
    writes.run()


def update(session, row, **values):
    writes = Writes(session)
    writes.update(row, **values)
    writes.run()


def test_an_inserted_row_is_in_the_database_at_once_and_belongs_to_the_session(session):
    row = workspace()
    insert(session, row)
    assert session.connection().execute(IN_THE_DATABASE).all() == [("One", "mocked")]
    assert session.get(Workspace, "ws_1") is row
    assert not session.new
    assert not session.dirty


def test_an_inserted_row_can_be_edited_like_any_other(session):
    row = workspace()
    insert(session, row)
    row.workspace_name = "Two"
    session.commit()
    assert session.execute(IN_THE_DATABASE).one().workspace_name == "Two"


def test_an_update_reaches_the_database_and_the_row_in_memory(session):
    row = workspace()
    insert(session, row)
    insert(session, workspace(workspace_id="ws_2"))
    update(session, row, workspace_name="Two", data_mode="csv_upload")
    assert (row.workspace_name, row.data_mode) == ("Two", "csv_upload")
    assert sorted(session.connection().execute(IN_THE_DATABASE).tuples()) == [("One", "mocked"), ("Two", "csv_upload")]
    assert not session.dirty


def test_the_database_still_refuses_what_it_must(session):
    insert(session, workspace())
    with pytest.raises(IntegrityError):
        insert(session, workspace())
    session.rollback()
    with pytest.raises(IntegrityError):
        insert(session, workspace(data_mode="guessed"))


def test_a_rollback_takes_both_back(session):
    session.commit()
    row = workspace()
    insert(session, row)
    update(session, row, workspace_name="Two")
    session.rollback()
    assert session.execute(IN_THE_DATABASE).all() == []


def test_nothing_is_written_before_it_is_run_and_nothing_twice(session):
    writes = Writes(session)
    writes.insert(workspace())
    assert session.connection().execute(IN_THE_DATABASE).all() == []
    writes.run()
    writes.run()
    assert session.connection().execute(IN_THE_DATABASE).all() == [("One", "mocked")]


def test_writes_of_several_tables_run_together_also_where_one_refers_to_another(session):
    before = workspace(workspace_id="ws_0")
    insert(session, before)
    row = workspace()
    event = ProductEvent(product_event_id="pe_1", event_name="x", actor="a", detail={"n": 1}, occurred_at=NOW)
    context = CycleDraftContext(cycle_draft_context_id="ctx_1", workspace_id="ws_1", **CONTEXT)
    writes = Writes(session)
    writes.insert(row)
    writes.insert(context)
    writes.insert(event)
    writes.update(before, workspace_name="Zero")
    writes.run()
    assert {row, context, event} <= set(session)
    assert sorted(session.connection().execute(IN_THE_DATABASE).tuples()) == [("One", "mocked"), ("Zero", "mocked")]


def test_of_writes_that_run_together_one_that_is_refused_takes_all_back(session):
    insert(session, workspace())
    session.commit()
    writes = Writes(session)
    writes.insert(workspace(workspace_id="ws_2"))
    writes.insert(workspace(workspace_id="ws_3", data_mode="guessed"))
    with pytest.raises(IntegrityError):
        writes.run()
    session.rollback()
    assert len(session.connection().execute(IN_THE_DATABASE).all()) == 1
